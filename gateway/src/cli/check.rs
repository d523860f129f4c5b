//! `hapta check`.

use anyhow::Context;

use super::serve::of;
use crate::server::{self, ConfigFile};

pub(super) fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let config = file.read().with_context(|| of(&file.path))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let gateway = runtime
        .block_on(server::check(config))
        .with_context(|| of(&file.path))?;
    let in_force = gateway.in_force();
    for rule in in_force.generation.rules() {
        tracing::info!(rule = rule.name, digest = rule.digest, "loads");
    }
    tracing::info!(config = %file.path.display(), "would serve");
    Ok(())
}
