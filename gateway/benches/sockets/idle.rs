//! Many streams on which nothing happens but the signs of life.

use std::time::Duration;

use crate::crowd::Crowd;
use crate::report::Report;
use crate::stage::Stage;
use crate::watched::{FIRST, SETTLED};

const STREAMS: u32 = 18_000;
const HELD: Duration = Duration::from_mins(1);

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let stage = Stage::set("sockets-idle").await?;
    let gateway = stage.gateway("classes").await?;
    let first = Crowd::open(gateway.address, FIRST).await?;
    tokio::time::sleep(SETTLED).await;
    let before = gateway.memory()?;
    let counted = usize::try_from(STREAMS)? - FIRST;
    let crowd = Crowd::open(gateway.address, counted).await?;
    let used = gateway.cpu()?;
    tokio::time::sleep(HELD).await;
    let alive = u32::try_from(first.alive() + crowd.alive())?;
    report.at_least("idle", f64::from(alive), "alive", f64::from(STREAMS));
    let memory = gateway.memory()?;
    report.plain("idle, memory", memory - before, "MiB");
    let each = (memory - before) * 1_024.0 / f64::from(u32::try_from(counted)?);
    report.plain("idle, memory of each", each, "KB");
    let cpu = gateway.cpu()?.saturating_sub(used).as_secs_f64();
    let share = 100.0 * cpu / HELD.as_secs_f64();
    report.plain("idle, CPU", share, "% of a core");
    drop((first, crowd));
    gateway.end().await?;
    stage.end().await
}
