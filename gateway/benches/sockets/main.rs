//! Live records to many, against the aims and against PocketBase: `make bench-sockets`.
//!
//! - [`guests`]: ten thousand guests that watch a collection: what each costs in memory, and what a write of theirs takes
//! - [`users`]: two thousand different users that watch it in `feed` mode
//! - [`idle`]: eighteen thousand streams on which nothing happens, for a minute
//!
//! All clients are in this process, on the cores that are measured, each as small as it can be
//! ([`stream`], [`crowd`]). PocketBase's own streams are measured in the same run. A name as argument
//! measures that alone. The status is 0 whether or not the aims hold;
//! `target/bench/bench-sockets.json` has the rows.

#[path = "../bench/client.rs"]
#[allow(dead_code, reason = "the other bench asks for more")]
mod client;
mod crowd;
#[path = "../bench/fixtures.rs"]
#[allow(dead_code, reason = "the other bench measures more")]
mod fixtures;
mod guests;
mod idle;
#[path = "../bench/process.rs"]
#[allow(dead_code, reason = "the other bench starts more")]
mod process;
#[path = "../bench/report.rs"]
#[allow(dead_code, reason = "the other bench says more in it")]
mod report;
#[path = "../bench/run.rs"]
mod run;
#[path = "../bench/samples.rs"]
#[allow(dead_code, reason = "the other bench asks for more")]
mod samples;
mod stage;
mod stream;
mod users;
mod watched;

use std::io::Write;

use anyhow::ensure;
use report::Report;
use run::Chosen;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that the largest measurement needs here.
const DESCRIPTORS: u64 = 18_500;

fn main() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum;
    let current = most;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit })?;
    ensure!(
        most.is_none_or(|most| most >= DESCRIPTORS),
        "{DESCRIPTORS} file descriptors are needed, and {most:?} is the hard limit"
    );
    run::run("bench-sockets.json", measure)
}

async fn measure(chosen: Chosen) -> anyhow::Result<Report> {
    let mut report = Report::default();
    report.note(run::machine());
    if chosen.has("guests") {
        said("guests that watch")?;
        guests::measure(&mut report).await?;
        report.note(
            "memory: resident, above what the process had with 2,000 streams, for each of 10,000 more of guests; subscribed: to one collection",
        );
        report.note(
            "write watched: a guest changes a record of 400 bytes that 10,000 guests watch; the gateway has one rule with before and reveal; PocketBase alone has its own 10,000",
        );
    }
    if chosen.has("users") {
        said("users that watch")?;
        users::measure(&mut report).await?;
        report.note("feed users: the same with 2,000 users, each with a token of its own");
    }
    if chosen.has("idle") {
        said("streams on which nothing happens")?;
        idle::measure(&mut report).await?;
        report.note("idle: 18,000 streams from 16 addresses, for a minute; memory: above what the process had with 2,000 of them");
    }
    Ok(report)
}

/// Says what is measured now, since all of it takes minutes.
fn said(what: &str) -> std::io::Result<()> {
    writeln!(std::io::stderr(), "bench-sockets: {what}")
}
