//! The speed of the gateway, layer by layer: `make bench`.
//!
//! - [`calls`]: one call of a rule against raw wasmtime, in this process
//! - [`reveal`]: one field taken out of each record of a list
//! - [`throughput`]: the whole over sockets against nginx
//! - [`direct`]: the whole before a real PocketBase, against PocketBase alone
//! - [`login`]: a login against one at PocketBase, and a thousand wrong ones a second
//! - [`files`]: a hundred megabytes each way, and what memory they take on their way
//! - [`batch`]: twenty writes at once
//! - [`swap`]: a rule's file swapped under load
//! - [`hostile`]: rules that loop for ever beside others
//!
//! What is compared is measured side by side, in turn, in one run: ratios hold
//! on a machine that others use, where absolute numbers do not. Everything over
//! sockets is measured on the real binary, before a [`stub`] of PocketBase but
//! where PocketBase itself is what it is measured against.
//!
//! A name as argument (`calls`, `reveal`, `throughput`, `direct`, `login`, `files`, `batch`, `swap`,
//! `hostile`) measures that alone. The status is 0 whether or not the aims hold.

mod batch;
mod calls;
mod client;
mod direct;
mod files;
mod fixtures;
mod hostile;
mod load;
mod login;
mod process;
#[allow(dead_code, reason = "the other bench says more in it")]
mod report;
mod reveal;
mod run;
mod samples;
mod stub;
mod swap;
mod throughput;

use std::io::Write;

use report::Report;
use run::Chosen;

fn main() -> anyhow::Result<()> {
    run::run("bench.json", measure)
}

async fn measure(chosen: Chosen) -> anyhow::Result<Report> {
    let stub = stub::start()?;
    let mut report = Report::default();
    report.note(run::machine());
    if chosen.has("calls") {
        said("calls of a rule")?;
        calls::measure(&mut report).await?;
        report.note("calls: fresh instances, bodies and records of 1 KiB, one thread");
    }
    if chosen.has("reveal") {
        said("one field of each record of a list")?;
        reveal::measure(&mut report).await?;
        report.note("reveal: lists of 500 records of 400 bytes, with and without the rule in turn");
    }
    if chosen.has("throughput") {
        said("the gateway and nginx")?;
        throughput::measure(&mut report, stub).await?;
        report.note(
            "gateway vs nginx: one worker each, wrk with 32 connections, medians of rounds in turn; the gateway logs at its default level, to /dev/null",
        );
    }
    if chosen.has("direct") {
        said("the gateway before PocketBase, and PocketBase directly")?;
        direct::measure(&mut report).await?;
        report.note(
            "vs direct: PocketBase 0.40.6, records of 400 bytes, a list of 30 with totals, a guest, one rule with before and reveal; wrk with 32 connections for rounds in turn; p50 for one request at a time",
        );
    }
    if chosen.has("login") {
        said("logins")?;
        login::measure(&mut report).await?;
        report.note(
            "login: the password hashed at bcrypt's least cost, one rule with all three hooks; wrong logins: PocketBase's own cost, 50 connections from one address",
        );
    }
    if chosen.has("files") {
        said("files")?;
        files::measure(&mut report).await?;
        report.note(
            "upload, download: 100 MB, one at a time, in turn with PocketBase directly, medians; the gateway's peak above what it had before",
        );
    }
    if chosen.has("batch") {
        said("batches")?;
        batch::measure(&mut report).await?;
        report.note("batch vs direct: 20 creates of 400 bytes, one batch at a time, one rule with before and reveal");
    }
    if chosen.has("swap") {
        said("swaps")?;
        swap::measure(&mut report, stub).await?;
        report.note("swap: the aim for write to effect is debounce + 1.5 × load time");
    }
    if chosen.has("hostile") {
        said("hostile rules")?;
        hostile::measure(&mut report, stub).await?;
        report.note("hostile: as many endless loops at once as the gateway has worker threads");
    }
    Ok(report)
}

/// Says what is measured now, since all of it takes minutes.
fn said(what: &str) -> std::io::Result<()> {
    writeln!(std::io::stderr(), "bench: {what}")
}
