//! Follows what may change under a running gateway: files and schema.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::ConfigFile;
use crate::config::{Config, ConfigError};
use crate::gateway::{BuildError, Gateway, Reloaded};
use crate::rules::Watch;
use crate::telemetry::ReloadLabels;

/// The files that a gateway follows.
pub(super) struct Files {
    watch: Watch,
    /// None: only the rules' files.
    config: Option<ConfigFile>,
}

/// What changed can't come into force.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error("the configuration {}: {problem}", file.display())]
    Config { file: PathBuf, problem: ConfigError },
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Reads configuration and rules again whenever their files change, or at SIGHUP.
pub(super) async fn follow_files(gateway: Arc<Gateway>, mut files: Files, stop: CancellationToken) {
    let mut hangups = signal(SignalKind::hangup()).ok();
    let mut last_failure = None;
    loop {
        tokio::select! {
            () = files.watch.changed() => {}
            () = hangup(&mut hangups) => {}
            () = stop.cancelled() => return,
        }
        let failure = match reload(&gateway, files.config.as_ref()).await {
            Ok(reloaded) => {
                report(&gateway, &reloaded);
                None
            }
            Err(problem) => Some(problem.to_string()),
        };
        if let Some(problem) = failure.as_ref().filter(|_| failure != last_failure) {
            // Once: the poll would tell it again and again.
            count(&gateway, "refused");
            tracing::error!(problem, "not reloaded; what was in force stays");
        }
        gateway.note_reload_failure(failure.clone());
        last_failure = failure;
        files.watch_again(&gateway.config());
    }
}

/// Reads the schema again from time to time.
pub(super) async fn follow_schema(gateway: Arc<Gateway>, every: Duration, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = gateway.upstream.reload_schema().await {
            tracing::warn!(%error, "the schema was not read again; the last one stays");
        }
    }
}

fn report(gateway: &Gateway, reloaded: &Reloaded) {
    if let Some(generation) = reloaded.generation {
        count(gateway, "swapped");
        tracing::info!(generation, "reloaded");
    }
    if !reloaded.restart.is_empty() {
        let sections = reloaded.restart.join(", ");
        tracing::warn!(sections, "changed, and takes effect at the next start");
    }
}

async fn reload(gateway: &Gateway, file: Option<&ConfigFile>) -> Result<Reloaded, ReloadError> {
    let config = match file {
        Some(file) => file.read().map_err(|problem| ReloadError::Config {
            file: file.path.clone(),
            problem,
        })?,
        None => gateway.config(),
    };
    Ok(gateway.reload(config).await?)
}

/// The files whose change matters.
fn watched(config: &Config, file: Option<&ConfigFile>) -> Vec<PathBuf> {
    let rules = config
        .rules
        .sources
        .iter()
        .map(|source| source.file.clone());
    rules
        .chain(config.rules.folder.clone())
        .chain(file.map(|file| file.path.clone()))
        .collect()
}

async fn hangup(hangups: &mut Option<tokio::signal::unix::Signal>) {
    match hangups {
        Some(hangups) => {
            hangups.recv().await;
        }
        None => std::future::pending().await,
    }
}

fn count(gateway: &Gateway, result: &'static str) {
    gateway
        .metrics
        .reloads
        .get_or_create(&ReloadLabels { result })
        .inc();
}

impl Files {
    /// Follows the files of a configuration from now on.
    pub(super) fn follow(config: &Config, file: Option<ConfigFile>) -> Self {
        let mut files = Self {
            watch: Watch::new(config.watch.how, config.watch.debounce, config.watch.poll),
            config: file,
        };
        files.watch_again(config);
        files
    }

    fn watch_again(&mut self, config: &Config) {
        for error in self.watch.follow(&watched(config, self.config.as_ref())) {
            tracing::warn!(%error);
        }
    }
}

impl ConfigFile {
    /// Reads the file, and puts the command line over it.
    ///
    /// # Errors
    ///
    /// As [`Config::read`].
    pub fn read(&self) -> Result<Config, crate::config::ConfigError> {
        let mut environment = self.environment.clone();
        if let Some(url) = &self.overrides.pocketbase {
            environment.db_url = Some(url.clone());
        }
        let mut config = Config::read(&self.path, &environment)?;
        if let Some(listen) = self.overrides.listen {
            config.server.listen = listen;
        }
        Ok(config)
    }
}
