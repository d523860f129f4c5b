//! Ten thousand guests that watch one collection: PocketBase's own, then the gateway's.

use crate::report::Report;
use crate::stage::Stage;
use crate::watched;

/// The aims: KB for each, and against PocketBase's.
const MEMORY: f64 = 12.0;
const MEMORY_RATIO: f64 = 0.25;

const GUESTS: usize = 10_000;

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let stage = Stage::set("sockets-guests").await?;
    let direct = watched::watch(&stage.pocketbase, GUESTS, None).await?;
    stage.end().await?;
    // What PocketBase had to do for its own must not be seen in what it does for the gateway.
    let stage = Stage::set("sockets-guests").await?;
    let gateway = stage.gateway("classes").await?;
    let through = watched::watch(&gateway, GUESTS, None).await?;
    gateway.end().await?;
    stage.end().await?;

    for (name, through, direct) in [
        ("memory idle", through.idle, direct.idle),
        ("memory subscribed", through.subscribed, direct.subscribed),
    ] {
        report.at_most(name, through, "KB", MEMORY);
        report.plain(&format!("{name}, PocketBase"), direct, "KB");
        let ratio = format!("{name} vs PocketBase");
        report.at_most(&ratio, through / direct, "×", MEMORY_RATIO);
    }
    through.writes(report, "write watched", &direct);
    Ok(())
}
