//! `hapta serve`.

use std::path::Path;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::server::{self, ConfigFile};

/// What the failure is about.
pub(super) fn of(file: &Path) -> String {
    format!("the configuration {}", file.display())
}

pub(super) fn run(file: ConfigFile) -> anyhow::Result<()> {
    // Before there are threads: what it is told by stands in the environment.
    let sockets = server::Sockets::of_process()?;
    let path = file.path.clone();
    let config = file.read().with_context(|| of(&path))?;
    if file.environment.jwt_secret.is_some() {
        tracing::info!(
            "JWT_SECRET is set, and nothing is signed with it: where tokens are the gateway's own, it makes and rotates their keys itself"
        );
    }
    server::raise_descriptors(config.server.max_connections);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.server.worker_threads)
        .thread_name("hapta-worker")
        .enable_all()
        .build()
        .context("cannot start the worker threads")?;
    runtime.block_on(async {
        let mut terminated =
            signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupted =
            signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
        let started = tokio::select! {
            started = Box::pin(server::start_on(sockets, config, Some(file))) => started.with_context(|| of(&path))?,
            _ = terminated.recv() => return Ok(()),
            _ = interrupted.recv() => return Ok(()),
        };
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        tracing::info!("ending");
        started.stop().await;
        Ok(())
    })
}
