//! Listeners, TLS, the generic layers, the background tasks, and the end of
//! all of them.

mod accept;
mod addresses;
mod around;
mod crowd;
mod descriptors;
mod headers;
mod http1;
mod http2;
mod lasting;
mod reload;
mod sockets;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;

pub use descriptors::raise as raise_descriptors;
pub use sockets::{SocketError, Sockets};
pub use tls::TlsError;

use self::sockets::Told;
use self::tls::Certificate;
use crate::application::Signing;
use crate::config::{Config, Environment, Server};
use crate::gateway::{BuildError, Gateway};
use crate::state::{Control, State, StateError};
use crate::telemetry::LogError;
use crate::upstream::{ChildError, Forwarding, TrustError, Unsupported, Upstream, UpstreamError};
use crate::{admin, doors, pipeline};

/// How long PocketBase may take to answer at the gateway's start.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the last lines of the logs may take to be written.
const LAST_LINES: Duration = Duration::from_secs(5);

/// How long operators may take to hear the last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Where a configuration came from, so that it can be read again.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// Relative paths in the file are relative to its folder.
    pub path: PathBuf,
    /// As it was at the start; takes part in every reading.
    pub environment: Environment,
    /// What the command line adds; takes part in every reading.
    pub overrides: Overrides,
}

/// Settings of the command line, over those of the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Over `server.listen`.
    pub listen: Option<SocketAddr>,
    /// Over `pocketbase.url` and `DB_URL`.
    pub pocketbase: Option<String>,
}

/// A gateway that serves.
pub struct Running {
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    gateway: Arc<Gateway>,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Operators are served to the end of everybody else.
    operators: (CancellationToken, TaskTracker),
    /// Ended last.
    child: Supervised,
}

/// PocketBase, if the gateway started it.
struct Supervised(Option<LookedAfter>);

/// What to end, what then ends, and who is told of other ends.
type LookedAfter = (CancellationToken, JoinHandle<()>, Arc<Notify>);

/// The gateway can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The PocketBase to run can't be run.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// With why the last try failed.
    #[error("PocketBase did not get ready within {PATIENCE:?}: {0}")]
    NotReady(UpstreamError),
    /// It is one that the gateway does not speak to.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The folder that was named for what outlives the gateway.
    #[error(transparent)]
    State(#[from] StateError),
    /// What was asked for can't be served.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// For clients or for operators.
    #[error("cannot listen on {address}: {problem}")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// The system's own words.
        problem: std::io::Error,
    },
    /// What systemd handed over.
    #[error(transparent)]
    Sockets(#[from] SocketError),
    /// Whom to believe that he is PocketBase.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A log can't be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Certificate and key can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Starts everything that a configuration asks for. Given the file it came
/// from, the gateway follows that file; the rules' files it follows always.
///
/// # Errors
///
/// Whatever would leave less than what was asked for.
pub async fn start(config: Config, file: Option<ConfigFile>) -> Result<Running, StartError> {
    Box::pin(start_on(Sockets::default(), config, file)).await
}

/// The same, on sockets that were handed over, where there are any.
///
/// # Errors
///
/// As [`start`].
pub async fn start_on(
    sockets: Sockets,
    config: Config,
    file: Option<ConfigFile>,
) -> Result<Running, StartError> {
    let child = Supervised::start(&config)?;
    match serve(sockets, config, file).await {
        Ok(running) => Ok(Running { child, ..running }),
        Err(error) => {
            child.end().await;
            Err(error)
        }
    }
}

/// Loads everything as [`start`] does, and serves nothing.
///
/// # Errors
///
/// As [`start`].
pub async fn check(config: Config) -> Result<Arc<Gateway>, StartError> {
    config.log.check()?;
    // A check leaves everything as it is, so it makes no folder and holds none.
    let state = State::visit(&config.state.folder)?.map(Arc::new);
    if let Some(state) = &state
        && let Some(generation) = Control::load(state)?.control.pinned
    {
        tracing::warn!(
            generation,
            "pinned: a start serves that generation, and not the files that are checked here"
        );
    }
    let child = Supervised::start(&config)?;
    let loaded = load(&config, state).await;
    if let Ok(gateway) = &loaded {
        addresses::report(gateway, &config, config.server.listen).await;
        around::report(&config).await;
    }
    child.end().await;
    if let Some(tls) = &config.server.tls {
        Certificate::read(tls)?;
    }
    loaded
}

async fn serve(
    mut sockets: Sockets,
    config: Config,
    file: Option<ConfigFile>,
) -> Result<Running, StartError> {
    // Watching begins before loading, so that a change in between is noticed.
    let files = reload::Files::follow(&config, file);
    let state = open_state(&config)?.map(Arc::new);
    if state.is_none() && config.sessions.rolling.is_some() {
        return Err(BuildError::NoState.into());
    }
    let gateway = load(&config, state).await?;
    gateway.say().await;

    // Everything that can fail comes before anything is served.
    gateway.log.open()?;
    let (listener, address) = sockets.for_clients(config.server.listen).await?;
    let certificate = config.server.tls.as_ref().map(Certificate::read);
    let certificate = certificate.transpose()?;
    let acceptor = certificate
        .as_ref()
        .map(Certificate::acceptor)
        .transpose()?;
    let asked = config.admin.as_ref().map(|settings| settings.listen);
    let operators = sockets.for_operators(asked).await?;
    // Only here is it known where it listens: the configuration may say "anywhere".
    addresses::report(&gateway, &config, address).await;

    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let router = layered(&gateway, &config.server);
    let bounds = config.server.clone();
    let door = accept::Door {
        bounds,
        acceptor,
        router,
        gateway: Arc::clone(&gateway),
    };
    tasks.spawn(accept::accept(listener, door, stop.clone()));
    let admin_address = operators.as_ref().map(|(_, address)| *address);
    let (end, operated) = (CancellationToken::new(), TaskTracker::new());
    if let Some((listener, _)) = operators {
        let key = config.admin.as_ref().and_then(|admin| admin.key.as_deref());
        let router = admin::router(Arc::clone(&gateway), key, stop.clone());
        operated.spawn(accept::accept_plain(listener, router, end.clone()));
    }
    operated.close();
    let looked_after = (Arc::clone(&gateway), stop.clone());
    look_after(&tasks, looked_after, &config, (files, certificate));
    tasks.close();
    let scheme = config.server.scheme();
    tracing::info!(%scheme, %address, admin = admin_address.map(tracing::field::display), "serving");
    sockets::tell(Told::Ready);
    Ok(Running {
        address,
        admin_address,
        gateway,
        stop,
        tasks,
        operators: (end, operated),
        child: Supervised(None),
    })
}

/// Begins what goes on beside the requests.
fn look_after(
    tasks: &TaskTracker,
    (gateway, stop): (Arc<Gateway>, CancellationToken),
    config: &Config,
    (files, certificate): (reload::Files, Option<Arc<Certificate>>),
) {
    let of = || (Arc::clone(&gateway), stop.clone());
    let schema_interval = config.pocketbase.upstream.schema_interval;
    let (own, until) = of();
    tasks.spawn(reload::follow_schema(own, schema_interval, until));
    let (own, until) = of();
    tasks.spawn(reload::follow_files(own, files, until));
    let (own, until) = of();
    tasks.spawn(reload::follow_commands(own, until));
    if let Some(certificate) = certificate {
        let (own, until) = of();
        tasks.spawn(reload::follow_certificate(own, certificate, until));
    }
    let (config, until) = (config.clone(), stop.clone());
    tasks.spawn(async move {
        tokio::select! {
            () = around::report(&config) => {}
            () = until.cancelled() => {}
        }
    });
    let (own, until) = of();
    tasks.spawn(pipeline::live::watch::watch(own, until));
    let (own, until) = of();
    tasks.spawn(pipeline::limit::sweep(own, until));
    let (own, until) = of();
    tasks.spawn(pipeline::sessions::watch(own, until));
    let (own, until) = of();
    tasks.spawn(pipeline::sessions::renew(own, until));
    tasks.spawn(pipeline::live::accounts::watch(gateway, stop));
}

/// The door for HTTP with what lies around it, innermost first.
fn layered(gateway: &Arc<Gateway>, server: &Server) -> axum::Router {
    doors::http::router(Arc::clone(gateway))
        .layer(CatchPanicLayer::custom(accept::panicked))
        // A page must be able to read the answer to a panic too.
        .layer(headers::cors(server))
        .layer(middleware::from_fn_with_state(
            Arc::clone(gateway),
            headers::complete,
        ))
}

/// Waits for PocketBase and builds the gateway.
async fn load(config: &Config, state: Option<Arc<State>>) -> Result<Arc<Gateway>, StartError> {
    let upstream = Upstream::new(config.pocketbase.upstream.clone())?;
    until_ready(&upstream).await?;
    let gateway = Gateway::build(config.clone(), Arc::clone(&upstream), state).await?;
    report_forwarding(&upstream, config).await;
    report_public(config);
    Ok(gateway)
}

/// The folder of what outlives the gateway. Where none was asked for, and there
/// can't be one, the gateway goes without.
fn open_state(config: &Config) -> Result<Option<State>, StateError> {
    match State::open(&config.state.folder) {
        Ok(state) => Ok(Some(state)),
        Err(error @ StateError::Folder { .. }) if !config.state.is_named => {
            tracing::warn!(
                %error,
                "going without: no generation is kept, so there is no going back to one, and no emergency deny; name a folder with [state] folder"
            );
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl Supervised {
    fn start(config: &Config) -> Result<Self, StartError> {
        let Some(child) = config.pocketbase.run.clone() else {
            return Ok(Self(None));
        };
        let (stop, ended) = (CancellationToken::new(), Arc::new(Notify::new()));
        let task = child.supervise(stop.clone(), Arc::clone(&ended))?;
        Ok(Self(Some((stop, task, ended))))
    }

    async fn end(self) {
        if let Some((stop, task, _)) = self.0 {
            stop.cancel();
            if let Err(error) = task.await {
                tracing::warn!(%error, "the task that looks after PocketBase failed");
            }
        }
    }
}

impl Running {
    /// Where clients are served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators are served.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// The gateway behind the listeners.
    #[must_use]
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Waits until the PocketBase that it started ends by itself; without one, for ever.
    pub async fn pocketbase_ended(&self) {
        match &self.child.0 {
            Some((_, _, ended)) => ended.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Takes no more connections, ends event streams, lets requests under way end
    /// within the bound, writes the last lines of the logs, and ends, last, the PocketBase
    /// it started. What is under way beyond the bound ends with the runtime.
    pub async fn stop(self) {
        sockets::tell(Told::Stopping);
        self.stop.cancel();
        // Each is a request that nothing but its deadline would end.
        self.gateway.realtime.end();
        let bound = self.gateway.server.shutdown_timeout;
        if tokio::time::timeout(bound, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(?bound, "requests were still under way at the end");
        }
        let (end, operated) = self.operators;
        end.cancel();
        // Who still asks then has had his time.
        let _ = tokio::time::timeout(LAST_ANSWERS, operated.wait()).await;
        pipeline::sessions::finish(&self.gateway).await;
        self.gateway.log.finish(LAST_LINES).await;
        self.child.end().await;
    }
}

/// Waits until PocketBase answers and tells which one it is; at a start of
/// both that may take a moment.
async fn until_ready(upstream: &Upstream) -> Result<(), StartError> {
    let latest = Instant::now() + PATIENCE;
    let ready = async || {
        upstream.health().await?;
        upstream.identify().await
    };
    loop {
        match ready().await {
            Ok(_) => return Ok(()),
            Err(UpstreamError::Unsupported(unsupported)) => return Err(unsupported.into()),
            Err(error) if Instant::now() > latest => return Err(StartError::NotReady(error)),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Says what to set where the gateway can't tell its own name from any that leads to it.
fn report_public(config: &Config) {
    let is_named = config.server.public_url.is_some();
    let signs = config.serving.application.proofs != Signing::Off;
    if !is_named && (config.server.origins.is_some() || signs) {
        tracing::warn!(
            "server.public_url is not set, so whatever name leads here counts as the gateway's own: a page of a name that somebody points here is no foreign origin, and a proof made for that name is good; name the address that clients use"
        );
    }
}

/// Says what to set where PocketBase does not see the clients' addresses.
async fn report_forwarding(upstream: &Upstream, config: &Config) {
    let header = &config.pocketbase.upstream.forwarding_header;
    match upstream.forwarding().await {
        Ok(Forwarding::Trusted) => {
            tracing::info!(%header, "PocketBase sees the clients' addresses");
        }
        Ok(Forwarding::Untrusted { believed }) => tracing::warn!(
            %header,
            believed,
            "PocketBase does not trust the gateway's forwarding header, so all clients share one address to it; in its dashboard, Settings > Application > User IP proxy headers, set exactly this header, and let nobody but the gateway reach it"
        ),
        Ok(Forwarding::Unknown) => {
            tracing::warn!(%header, "this PocketBase does not tell which header it trusts; set it in its settings");
        }
        Err(error) => tracing::warn!(%error, "could not find out which address PocketBase sees"),
    }
}
