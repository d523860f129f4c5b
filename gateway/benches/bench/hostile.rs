//! What rules that loop for ever cost those who do not ask for them, and how
//! late they are ended.
//!
//! A real gateway process serves a steady load of views, judged by a `before`
//! and the ownership rule's `reveal`. In every second round, as many other
//! requests as the gateway has worker threads are always under way whose
//! `before` never returns: each is ended at its deadline and replaced at once.
//! `hostile p99` is the views' p99 in the rounds with loops, against that in the
//! rounds without; `hostile cost` the time of a looping request beyond its
//! deadline, seen by its client.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::fixtures;
use crate::load::{self, Answer, Load, Plan};
use crate::process::Process;
use crate::report::Report;
use crate::samples::{Samples, median, millis};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_secs(1);

/// The deadline of the looping rule; its CPU time is so long that this ends it.
const DEADLINE: Duration = Duration::from_millis(100);

/// The aims: others' p99 with loops against without, and milliseconds beyond the deadline.
const RATIO: f64 = 1.5;
const BEYOND: f64 = 5.0;

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report, stub: SocketAddr) -> anyhow::Result<()> {
    let threads = std::thread::available_parallelism()?.get();
    let folder = fixtures::folder("hostile")?;
    let gateway = Process::gateway(&folder, &config(stub, threads)?).await?;
    let plan = |collection, id, connections, pace| {
        let path = format!("/api/collections/{collection}/records/{id}");
        Plan {
            server: gateway.address,
            request: load::request("GET", &path, &[], "").into(),
            connections,
            pace,
        }
    };
    let others = plan("posts", "post00000000300", 8, Duration::from_millis(4));
    let looping = u32::try_from(threads)?;
    let loops = plan("comments", "comment00000010", looping, Duration::ZERO);

    Load::start(&others).during(WARM_UP).await?;
    let (mut alone, mut beside, mut beyond) = (Vec::new(), Vec::new(), Samples::default());
    for _ in 0..ROUNDS {
        alone.push(p99(&Load::start(&others).during(ROUND).await?)?);

        let mut hostile = Load::start(&loops);
        hostile.during(DEADLINE / 2).await?;
        beside.push(p99(&Load::start(&others).during(ROUND).await?)?);
        for ended in hostile.during(Duration::ZERO).await? {
            let was_ended = ended.status().is_some_and(|status| status >= 400);
            let late = ended.time().checked_sub(DEADLINE);
            let late = late.filter(|_| was_ended);
            beyond.push(late.with_context(|| format!("a loop is not ended: {ended:?}"))?);
        }
        drop(hostile);
        tokio::time::sleep(DEADLINE * 2).await;
    }
    gateway.end().await?;

    ensure!(beyond.count() > 0, "no loop was ended");
    let (alone, beside) = (median(&alone), median(&beside));
    report.at_most("hostile p99", beside / alone, "×", RATIO);
    report.plain("hostile p99, without loops", alone, "ms");
    report.plain("hostile p99, with loops", beside, "ms");
    report.at_most("hostile cost", millis(beyond.at(500)), "ms", BEYOND);
    report.at_most("hostile cost, p99", millis(beyond.at(990)), "ms", BEYOND);
    report.at_most("hostile cost, max", millis(beyond.at(1_000)), "ms", BEYOND);
    Ok(())
}

/// The p99 of answers that must all be good, in milliseconds.
fn p99(answers: &[Answer]) -> anyhow::Result<f64> {
    let bad = answers.iter().find(|answer| answer.status() != Some(200));
    ensure!(bad.is_none(), "a view is answered with {bad:?}");
    let mut times: Samples = answers.iter().map(Answer::time).collect();
    Ok(millis(times.at(990)))
}

fn config(stub: SocketAddr, threads: usize) -> anyhow::Result<String> {
    let file = |name| fixtures::rule(name).map(|file| format!("{:?}", file.display().to_string()));
    Ok(format!(
        r#"
[limits]
mode = "off"
[server]
worker_threads = {threads}
[pocketbase]
url = "http://{stub}"
superuser = {{ email = "admin@example.com", password = "1234567890" }}
[[rule]]
name = "editor"
file = {}
[[rule]]
name = "ownership"
file = {}
settings = {{ hide = ["secret_note"] }}
[[rule]]
name = "loop"
file = {}
cpu = "10s"
deadline = "{}ms"
[collections.posts]
rules = ["editor", "ownership"]
[collections.comments]
rules = ["loop"]
"#,
        file("editor")?,
        file("ownership")?,
        file("endless_loop")?,
        DEADLINE.as_millis()
    ))
}
