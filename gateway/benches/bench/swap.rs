//! A hundred swaps of a rule's file under a steady load.
//!
//! Two rules that can be told apart by their verdict, one that allows and one
//! that denies, are renamed over the one file in turn, as deploy tools do. All
//! the while guests view posts, in a real gateway process. A request has failed
//! if it got no answer, one that neither rule could give, or the old rule's
//! although it was sent after the new one had been seen.
//!
//! Loading the same two files by `Generation::build` is measured between swaps,
//! under the same load. The memory after the hundred is held against that after
//! the first ten, by which the allocator has taken what it needs for loading.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use hapta::rules::{Engine, Generation};
use tokio::time::Instant;

use crate::calls;
use crate::fixtures;
use crate::load::{self, Answer, Load, Plan};
use crate::process::Process;
use crate::report::Report;
use crate::samples::{Samples, millis};

const SWAPS: usize = 100;

/// Swaps from one measurement of loading to the next.
const LOADING: usize = 5;

/// Swaps after which the memory is looked at first.
const SETTLED: usize = 10;

/// The gateway's default, written out in its configuration here.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// No swap may take longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long answers are watched after each swap.
const AFTERWARDS: Duration = Duration::from_millis(50);

/// The two rules, and what the guest gets.
const VERSIONS: [(&str, u16, &str); 2] = [
    ("allow_all", 200, "\"id\":\"post00000000300\""),
    ("deny_all", 403, "deny_all"),
];

/// The bench's own loading, for comparison.
struct Loading {
    engine: std::sync::Arc<Engine>,
    times: Samples,
}

/// What is counted over all swaps.
#[derive(Default)]
struct Swaps {
    effects: Samples,
    answered: u32,
    failed: u32,
}

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report, stub: SocketAddr) -> anyhow::Result<()> {
    let folder = fixtures::folder("swap")?;
    put(&folder, 0)?;
    let gateway = Process::gateway(&folder, &config(stub)).await?;
    let view = "/api/collections/posts/records/post00000000300";
    let mut load = Load::start(&Plan {
        server: gateway.address,
        request: load::request("GET", view, &[], "").into(),
        connections: 4,
        pace: Duration::from_millis(2),
    });
    let mut loading = Loading {
        engine: Engine::new(8, None)?,
        times: Samples::default(),
    };
    let mut swaps = Swaps::default();
    load.during(Duration::from_secs(1)).await?;
    let before = gateway.memory()?;
    let mut settled = before;
    for swap in 1..=SWAPS {
        swaps.swap(&folder, swap % 2, &mut load).await?;
        if swap == SETTLED {
            settled = gateway.memory()?;
        }
        if swap % LOADING == 0 {
            loading.measure().await?;
            swaps.watch(&mut load, swap % 2, AFTERWARDS).await?;
        }
    }
    let after = gateway.memory()?;
    gateway.end().await?;

    let failed = f64::from(swaps.failed);
    report.at_most("swap, failed requests", failed, "", 0.0);
    report.plain("swap, all requests", f64::from(swaps.answered), "");
    for (place, name) in [(500, ""), (950, ", p95")] {
        let load_time = millis(loading.times.at(place));
        let effect = millis(swaps.effects.at(place));
        let aim = millis(DEBOUNCE) + 1.5 * load_time;
        report.plain(&format!("swap, load time{name}"), load_time, "ms");
        report.at_most(&format!("swap, write to effect{name}"), effect, "ms", aim);
    }
    report.plain("swap, memory before", before, "MiB");
    report.plain("swap, memory after 10", settled, "MiB");
    report.plain("swap, memory after 100", after, "MiB");
    Ok(())
}

impl Swaps {
    /// Puts a version in place and waits until it answers.
    async fn swap(&mut self, folder: &Path, version: usize, load: &mut Load) -> anyhow::Result<()> {
        put(folder, version)?;
        let written = Instant::now();
        loop {
            let answer = load.next().await?;
            self.answered += 1;
            match version_of(&answer) {
                Some(seen) if seen == version => {
                    self.effects
                        .push(answer.got.saturating_duration_since(written));
                    break;
                }
                Some(_) => {}
                None => self.failed += 1,
            }
            ensure!(written.elapsed() < PATIENCE, "a swap has no effect");
        }
        self.watch(load, version, AFTERWARDS).await
    }

    /// Watches that from now on the version in force answers, and no other.
    async fn watch(
        &mut self,
        load: &mut Load,
        version: usize,
        time: Duration,
    ) -> anyhow::Result<()> {
        let from = Instant::now();
        for answer in load.during(time).await? {
            self.answered += 1;
            let is_late = answer.sent > from;
            match version_of(&answer) {
                Some(seen) if seen == version || !is_late => {}
                Some(_) | None => self.failed += 1,
            }
        }
        Ok(())
    }
}

impl Loading {
    /// Loads both versions, each into a generation of its own.
    async fn measure(&mut self) -> anyhow::Result<()> {
        for (rule, ..) in VERSIONS {
            let settings = calls::settings(rule, "{}", "posts")?;
            let start = Instant::now();
            let generation = Generation::build(&self.engine, &settings, None).await?;
            self.times.push(start.elapsed());
            drop(generation);
        }
        Ok(())
    }
}

/// Which version gave an answer; none if neither could have.
fn version_of(answer: &Answer) -> Option<usize> {
    let reply = answer.reply.as_ref().ok()?;
    let text = std::str::from_utf8(&reply.body).ok()?;
    VERSIONS
        .iter()
        .position(|(_, status, part)| reply.status == *status && text.contains(part))
}

/// Writes a version beside the rule's file, and renames it over that.
fn put(folder: &Path, version: usize) -> anyhow::Result<()> {
    let (rule, ..) = VERSIONS.get(version).context("there are two versions")?;
    let beside = folder.join("verdict.wasm.new");
    std::fs::copy(fixtures::rule(rule)?, &beside)?;
    Ok(std::fs::rename(&beside, folder.join("verdict.wasm"))?)
}

fn config(stub: SocketAddr) -> String {
    format!(
        r#"
[limits]
mode = "off"
[pocketbase]
url = "http://{stub}"
superuser = {{ email = "admin@example.com", password = "1234567890" }}
[rules]
debounce = "{}ms"
[[rule]]
name = "verdict"
file = "verdict.wasm"
[collections.posts]
rules = ["verdict"]
"#,
        DEBOUNCE.as_millis()
    )
}
