//! What sessions, limits and the edge cost: `make bench-edge`.
//!
//! - `memory`, of [`limits`]: what a key takes
//! - `session`: what it costs to know whose a token is and to hold a limit, and what a session takes of memory
//! - `flood`: a flood of logins from one address, and what it takes from others
//!
//! A name as argument measures that alone. The status is 0 whether or not the aims hold;
//! `target/bench/bench-edge.json` has the rows.

#[path = "../bench/client.rs"]
#[allow(dead_code, reason = "the other bench asks for more")]
mod client;
#[path = "../bench/fixtures.rs"]
#[allow(dead_code, reason = "the other bench measures more")]
mod fixtures;
mod flood;
mod limits;
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
mod sessions;

use std::io::Write;

use report::Report;
use run::Chosen;

/// Sessions that live at once, keys of limits, and how often a check is repeated.
const SESSIONS: usize = 100_000;
const KEYS: u32 = 1_000_000;
const CHECKS: u32 = 200_000;

fn main() -> anyhow::Result<()> {
    run::run("bench-edge.json", measure)
}

async fn measure(chosen: Chosen) -> anyhow::Result<Report> {
    let mut report = Report::default();
    report.note(run::machine());
    // First: what others leave free in the heap would be filled.
    if chosen.has("memory") {
        said("memory of limits")?;
        let memory = limits::memory(KEYS).await?;
        report.at_most(
            "memory of a limit key, of 1,000,000",
            memory.of_key,
            "B",
            200.0,
        );
        report.plain("memory left when all have expired", memory.after, "MiB");
        report.plain(
            "memory left after a second million",
            memory.after_again,
            "MiB",
        );
    }
    if chosen.has("session") {
        said("whose a token is, and a limit")?;
        let limit = limits::check(CHECKS)? / 1_000.0;
        let sessions = sessions::measure(SESSIONS, CHECKS).await?;
        let session = sessions.verification;
        report.at_most(
            "session and limit, for each request",
            session + limit,
            "µs",
            3.0,
        );
        report.plain("session, a token verified", session, "µs");
        report.plain("limit, all that a request is held against", limit, "µs");
        report.plain("memory of a session, of 100,000", sessions.memory, "B");
        report.plain("sessions begun, each on disk", sessions.begun, "/s");
    }
    if chosen.has("flood") {
        said("a flood of logins")?;
        flood::measure(&mut report).await?;
        report.note("flood: 1,000 logins a second with a wrong password from one address, with the limits as they come; a guest at another address reads a record every 2 ms; clients share the cores");
    }
    Ok(report)
}

/// Says what is measured now, since all of it takes a while.
fn said(what: &str) -> std::io::Result<()> {
    writeln!(std::io::stderr(), "bench-edge: {what}")
}
