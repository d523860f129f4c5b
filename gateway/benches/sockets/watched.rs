//! One server that many watch: what they cost it, and how long a write takes it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::Instant;

use crate::crowd::Crowd;
use crate::process::Process;
use crate::report::Report;
use crate::samples::{Samples, median, millis};
use crate::stage;

/// Writes that are measured, and those before them.
const WRITES: usize = 15;
const WARM_UP: usize = 2;

/// For what is done after a change of the whole.
pub(crate) const SETTLED: Duration = Duration::from_secs(3);

/// Between writes.
const PAUSE: Duration = Duration::from_millis(200);

/// For the last to be told.
const PATIENCE: Duration = Duration::from_mins(1);

/// A KB, of the MiB in which the kernel's numbers come.
const KB: f64 = 1_024.0;

/// What was measured at one server.
pub(crate) struct Watched {
    /// KB for each stream that is open.
    pub(crate) idle: f64,
    /// The same, subscribed.
    pub(crate) subscribed: f64,
    /// Until a write is answered, ms.
    pub(crate) answered: f64,
    /// Until the last has it, from the same moment, ms.
    pub(crate) last: f64,
    /// The same of the worst write.
    pub(crate) last_at_worst: f64,
    /// CPU time of the server for one write, ms.
    pub(crate) cpu: f64,
}

/// Streams that are open before any are counted: else they would be put into the memory that
/// the start left free, and seem to cost nothing.
pub(crate) const FIRST: usize = 2_000;

/// Lets so many watch a server, and writes to it. With tokens: as many different users.
pub(crate) async fn watch(
    server: &Process,
    size: usize,
    tokens: Option<&[String]>,
) -> anyhow::Result<Watched> {
    let _first = Crowd::open(server.address, FIRST).await?;
    tokio::time::sleep(SETTLED).await;
    let before = server.memory()?;
    let crowd = Crowd::open(server.address, size).await?;
    tokio::time::sleep(SETTLED).await;
    let each = |memory: f64| (memory - before) * KB / count(size);
    let idle = each(server.memory()?);
    crowd
        .subscribe(server.address, stage::TOPIC, tokens)
        .await?;
    tokio::time::sleep(SETTLED).await;
    let subscribed = each(server.memory()?);

    let (mut answered, mut last, mut cpu) = (Samples::default(), Samples::default(), Vec::new());
    for number in 0..WARM_UP + WRITES {
        let (events, used) = (crowd.events(), server.cpu()?);
        let (begun, took) = write(server.address, number).await?;
        let all = events + u64::try_from(size)?;
        let told = crowd.told(all, PATIENCE).await?;
        tokio::time::sleep(PAUSE).await;
        if number >= WARM_UP {
            answered.push(took);
            last.push(told.duration_since(begun));
            cpu.push(millis(server.cpu()?.saturating_sub(used)));
        }
    }
    Ok(Watched {
        idle,
        subscribed,
        answered: millis(answered.at(500)),
        last: millis(last.at(500)),
        last_at_worst: millis(last.at(1_000)),
        cpu: median(&cpu),
    })
}

impl Watched {
    /// The rows of writes through the gateway, with those of PocketBase beside them.
    pub(crate) fn writes(&self, report: &mut Report, name: &str, pocketbase: &Self) {
        const ANSWERED: f64 = 50.0;
        const LAST: f64 = 500.0;
        report.at_most(name, self.answered, "ms", ANSWERED);
        let of = |what: &str| format!("{name}, {what}");
        report.plain(&of("PocketBase"), pocketbase.answered, "ms");
        report.at_most(&of("last"), self.last, "ms", LAST);
        report.plain(&of("last at worst"), self.last_at_worst, "ms");
        report.plain(&of("last, PocketBase"), pocketbase.last, "ms");
        report.plain(&of("CPU of the gateway"), self.cpu, "ms");
        report.plain(&of("CPU of PocketBase alone"), pocketbase.cpu, "ms");
    }
}

/// Writes once: when it began, and how long the answer took. On a thread of its own, which waits
/// for nothing else: that of the crowd is busy with the event by then.
async fn write(server: SocketAddr, number: usize) -> anyhow::Result<(Instant, Duration)> {
    let writing = tokio::task::spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut writer = stage::writer(server).await?;
            let begun = Instant::now();
            stage::change(&mut writer, number).await?;
            anyhow::Ok((begun, begun.elapsed()))
        })
    });
    writing.await?
}

/// As a divisor.
fn count(size: usize) -> f64 {
    u32::try_from(size).map_or(f64::NAN, f64::from)
}
