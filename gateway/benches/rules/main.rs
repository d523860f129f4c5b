//! The speed of the rule engine, against its aims: `make bench-rules`.
//!
//! - [`fresh`]: one call of a rule against raw wasmtime, by itself, under load and from two threads
//! - [`peer`]: the same work as a waPC guest does it, in a process of its own
//! - [`languages`]: the same rule in Rust, TypeScript, Python and C: built, loaded, called
//! - [`idle`]: what a gateway holds for rules that nobody asks, and how soon it serves
//! - [`swap`]: a rule's file swapped under load
//!
//! What is compared is measured in turn, in one run. A name as argument measures that alone. The
//! status is 0 whether or not the aims hold; `target/bench/bench-rules.json` has the rows.

#[path = "../bench/calls.rs"]
#[allow(dead_code, reason = "the other bench measures more of it")]
mod calls;
#[path = "../bench/fixtures.rs"]
#[allow(dead_code, reason = "the other bench measures more")]
mod fixtures;
mod fresh;
mod idle;
mod languages;
#[path = "../bench/load.rs"]
#[allow(dead_code, reason = "the other bench lays on more")]
mod load;
mod peer;
#[path = "../bench/process.rs"]
#[allow(dead_code, reason = "the other bench starts more")]
mod process;
#[path = "../bench/report.rs"]
mod report;
#[path = "../bench/run.rs"]
mod run;
#[path = "../bench/samples.rs"]
#[allow(dead_code, reason = "the other bench asks for more")]
mod samples;
#[path = "../bench/stub.rs"]
mod stub;
#[path = "../bench/swap.rs"]
mod swap;

use std::io::Write;

use report::Report;
use run::Chosen;

fn main() -> anyhow::Result<()> {
    run::run("bench-rules.json", measure)
}

async fn measure(chosen: Chosen) -> anyhow::Result<Report> {
    let stub = stub::start()?;
    let mut report = Report::default();
    report.note(run::machine());
    if chosen.has("fresh") {
        said("one call of a rule")?;
        fresh::measure(&mut report).await?;
        report.note(
            "fresh: the ownership rule with its settings parsed, a body and records of 1 KiB, a new instance for each call, one thread; raw: store, instance and their end; at 70 % load: calls begin at even times, and count from when they should have begun",
        );
    }
    if chosen.has("peer") {
        said("the same work as the nearest peer does it")?;
        peer::measure(&mut report).await?;
        report.note(
            "peer: wapc 2.2.0 and wasmtime-provider 2.25.0, JSON in and out, a new instance for each call, in turn with Hapta; medians of all",
        );
    }
    if chosen.has("languages") {
        said("the same rule in each language")?;
        languages::measure(&mut report).await?;
        report.note(
            "languages: the ownership example with its settings, a body of 1 KiB; fresh: a new instance for each call; made ahead: calls so far apart that an instance waits for each; build: with the language's tools installed; memory: private pages of 16 instances that a call went through",
        );
    }
    if chosen.has("idle") {
        said("gateways with and without rules")?;
        idle::measure(&mut report, stub).await?;
        report
            .note("idle: resident memory of the process once it serves, medians of starts in turn");
    }
    if chosen.has("swap") {
        said("swaps")?;
        swap::measure(&mut report, stub).await?;
        report.note("swap: the aim for write to effect is debounce + 1.5 × load time");
    }
    Ok(report)
}

/// Says what is measured now, since all of it takes minutes.
fn said(what: &str) -> std::io::Result<()> {
    writeln!(std::io::stderr(), "bench-rules: {what}")
}
