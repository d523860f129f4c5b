//! Two thousand different users that watch one collection, in `feed` mode: what each is told is
//! what PocketBase answers it.

use crate::report::Report;
use crate::stage::Stage;
use crate::watched;

const USERS: usize = 2_000;

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let stage = Stage::set("sockets-users").await?;
    let tokens = stage.users(USERS).await?;
    let direct = watched::watch(&stage.pocketbase, USERS, Some(&tokens)).await?;
    let gateway = stage.gateway("feed").await?;
    let through = watched::watch(&gateway, USERS, Some(&tokens)).await?;
    gateway.end().await?;
    stage.end().await?;
    through.writes(report, "feed users", &direct);
    report.plain("feed users, memory", through.subscribed, "KB");
    Ok(())
}
