//! Follows what may change under a running gateway: files and schema.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::ConfigFile;
use super::sockets::{Told, tell};
use super::tls::Certificate;
use crate::config::{Config, ConfigError};
use crate::gateway::{BuildError, Gateway, Reloaded};
use crate::rules::{Watch, Watching};
use crate::telemetry::ReloadLabels;

/// A command is written whole, so there is nothing to wait for.
const COMMAND_DEBOUNCE: Duration = Duration::from_millis(2);

/// How late a command is heard at most, where the system notifies of nothing.
const COMMAND_POLL: Duration = Duration::from_millis(500);

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

/// Reads configuration and rules again whenever their files change, at SIGHUP, or
/// when a command pins or removes something.
pub(super) async fn follow_files(gateway: Arc<Gateway>, mut files: Files, stop: CancellationToken) {
    let mut hangups = signal(SignalKind::hangup()).ok();
    let mut last_failure = None;
    loop {
        let mut is_asked = false;
        tokio::select! {
            () = files.watch.changed() => {}
            () = hangup(&mut hangups) => is_asked = true,
            () = gateway.to_settle() => {}
            () = stop.cancelled() => return,
        }
        if is_asked {
            tell(Told::Reloading);
        }
        let control = gateway.control_taken();
        let failure = match reload(&gateway, files.config.as_ref()).await {
            Ok((reloaded, aside)) => {
                report(&gateway, &reloaded);
                aside.map(|problem| problem.to_string())
            }
            Err(problem) => Some(problem.to_string()),
        };
        if let Some(problem) = failure.as_ref().filter(|_| failure != last_failure) {
            // Once: the poll would tell it again and again.
            count(&gateway, "refused");
            tracing::error!(problem, "not reloaded; what was in force stays");
        }
        gateway.note_reload(failure.clone(), control);
        gateway.keep().await;
        gateway.say().await;
        last_failure = failure;
        files.watch_again(&gateway.config());
        if is_asked {
            tell(Told::Ready);
        }
    }
}

/// Reads certificate and key again whenever their files change, and at SIGHUP. What can't be used,
/// like one of the two before the other, leaves in use what was.
pub(super) async fn follow_certificate(
    gateway: Arc<Gateway>,
    certificate: Arc<Certificate>,
    stop: CancellationToken,
) {
    let times = gateway.config().watch;
    let mut watch = Watch::new(times.how, times.debounce, times.poll);
    let mut hangups = signal(SignalKind::hangup()).ok();
    loop {
        // Each time, since a folder may have been made anew; and first, so that nothing is missed.
        for error in watch.follow(&certificate.files()) {
            tracing::warn!(%error);
        }
        let read = Arc::clone(&certificate);
        let news = tokio::task::spawn_blocking(move || read.read_again()).await;
        let result = match news.ok().flatten() {
            Some(Ok(())) => {
                tracing::info!("the certificate was read again; new connections have the new one");
                Some("swapped")
            }
            Some(Err(error)) => {
                tracing::error!(%error, "the certificate was not read again; the last one stays");
                Some("refused")
            }
            None => None,
        };
        if let Some(result) = result {
            let reloads = &gateway.metrics.edge.certificates;
            reloads.get_or_create(&ReloadLabels { result }).inc();
        }
        tokio::select! {
            () = watch.changed() => {}
            () = hangup(&mut hangups) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Takes what commands ask for as soon as they ask, and looks whether rules fail
/// too often.
pub(super) async fn follow_commands(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut watch = Watch::new(Watching::Notified, COMMAND_DEBOUNCE, COMMAND_POLL);
    for error in watch.follow(gateway.control_file().as_ref()) {
        tracing::warn!(%error);
    }
    // What was asked for before anybody watched.
    gateway.take_control().await;
    loop {
        let mut goes_back = false;
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = gateway.wants_back.notified() => goes_back = true,
            () = gateway.alarmed.notified() => {}
            () = watch.changed() => {}
        }
        // All of it, whatever it was: nothing that came together with another is lost.
        if goes_back {
            let gateway = Arc::clone(&gateway);
            if let Err(error) = tokio::task::spawn_blocking(move || gateway.go_back()).await {
                tracing::error!(%error, "going back failed");
            }
        }
        gateway.take_control().await;
        gateway.look_at_alarm().await;
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

/// Reloads. What commands pinned comes into force also beside a configuration that
/// can't be used; that is told then as a problem aside.
async fn reload(
    gateway: &Gateway,
    file: Option<&ConfigFile>,
) -> Result<(Reloaded, Option<ReloadError>), ReloadError> {
    let read = file.map(|file| {
        file.read().map_err(|problem| ReloadError::Config {
            file: file.path.clone(),
            problem,
        })
    });
    let (config, aside) = match read {
        Some(Ok(config)) => (config, None),
        Some(Err(problem)) if gateway.is_pinned() => (gateway.config(), Some(problem)),
        Some(Err(problem)) => return Err(problem),
        None => (gateway.config(), None),
    };
    Ok((gateway.reload(config).await?, aside))
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
        .chain(config.keys_file.clone())
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
