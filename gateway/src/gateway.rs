//! The stations, built from a configuration, and the one spot where what is in
//! force is swapped.

mod alarm;
mod candidate;
mod keeping;
mod operate;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, Semaphore};

pub(crate) use alarm::Seen;
pub use alarm::{AlarmSettings, GoBack};

use self::alarm::Faults;
use self::candidate::{Candidate, check_collections};
use self::keeping::Keeping;
use crate::config::{Config, Live, Server, Serving};
use crate::limits::Limits;
use crate::locks::Locks;
use crate::pipeline::live::Seldom;
use crate::realtime::{Most, Realtime};
use crate::rules::{Engine, EngineError, Generation, GenerationError, HistoryError, Tallies};
use crate::sessions::{Ledger, Proofs, Sessions, StoreError};
use crate::spool::{SpoolError, Spools};
use crate::state::{State, StateError};
use crate::telemetry::{Log, Metrics, Observed, Stations};
use crate::upstream::{Upstream, UpstreamError};

/// The gateway: everything that a request meets.
pub struct Gateway {
    /// The one way to PocketBase.
    pub upstream: Arc<Upstream>,
    /// Finds out who asks.
    pub sessions: Sessions,
    /// Counts how often somebody asks.
    pub limits: Arc<Limits>,
    /// Sees to it that a client's proof counts once.
    pub proofs: Proofs,
    /// Lets one write to a record after another.
    pub locks: Arc<Locks>,
    /// Holds event streams.
    pub realtime: Realtime,
    /// Keeps the files of uploads until they are sent on.
    pub spools: Spools,
    /// Counts what the pipeline, the listeners and the reloads do.
    pub metrics: Metrics,
    /// Writes decisions and security events.
    pub log: Log,
    /// Keeps what was let in without being named.
    pub observed: Observed,
    /// What outlives it; none where there is no folder for it.
    pub state: Option<Arc<State>>,
    /// The bounds of the doors.
    pub server: Server,
    /// How live records are had.
    pub(crate) live: Live,
    /// A permit for each connection for live records that may be opened at once.
    pub(crate) opening: Semaphore,
    /// A permit for each question to PocketBase whether an event may be seen.
    pub(crate) proving: Semaphore,
    /// A permit for each class of which it is found out what it may read.
    pub(crate) seeding: Semaphore,
    /// Lines of live records that fail, for the log.
    pub(crate) failed_lines: Seldom,
    /// The tokens of all that listen are to be asked about again.
    pub(crate) ask_all: Notify,
    /// A permit for each request that may be under way.
    pub(crate) under_way: Arc<Semaphore>,
    engine: Arc<Engine>,
    in_force: ArcSwap<InForce>,
    /// What the rules of the generation before came to, for the scrape after a swap.
    before: Mutex<Option<Tallies>>,
    /// The configuration of what is in force, for telling what a reload changes.
    config: Mutex<Config>,
    keeping: Keeping,
    faults: Faults,
    /// Somebody should look at the alarm.
    pub(crate) alarmed: Notify,
    /// Rules failed for so many that what was in force before is to come back.
    pub(crate) wants_back: Notify,
}

/// What a reload replaces, as a whole. A request keeps the one it began with.
pub struct InForce {
    /// Counts up with each swap: a generation may come back, or serve something else.
    pub serial: u64,
    /// The rules, and which of them see what.
    pub generation: Arc<Generation>,
    /// What is served beside them.
    pub serving: Serving,
}

/// The gateway can't be built, or not be reloaded.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The machine doesn't give what the pool of instances needs.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A rule can't serve, or a collection has none to judge it.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// What commands ask for can't be read, so that it is not known what is closed.
    #[error(transparent)]
    State(#[from] StateError),
    /// A generation that is kept can't be had again.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// It is to stay in force whatever files say.
    #[error(
        "generation {number} is pinned and can't come into force: {problem}; hapta rules pin --off follows the files again"
    )]
    Pinned {
        /// The one that commands pinned.
        number: u64,
        /// Why it can't.
        problem: Box<BuildError>,
    },
    /// Neither what files ask for, nor what they asked for last.
    #[error("{files}; and rules.last_good finds nothing to serve instead: {last_good}")]
    NothingGood {
        /// Why files can't be served.
        files: Box<BuildError>,
        /// Why the last good generation can't.
        last_good: Box<BuildError>,
    },
    /// Sessions of the gateway's own can't be had.
    #[error(transparent)]
    Sessions(#[from] StoreError),
    /// They outlive the gateway, or are none.
    #[error(
        "sessions.mode = \"rolling\" keeps sessions in the state folder, and there is none; name a folder that the gateway can write with [state] folder"
    )]
    NoState,
    /// The folder that was named for the files of uploads can't be used.
    #[error("uploads.folder: {0}")]
    Spool(#[from] SpoolError),
    /// PocketBase didn't tell its collections.
    #[error("cannot read the collections: {0}")]
    Upstream(#[from] UpstreamError),
    /// Spelled otherwise counts as not there.
    #[error("collections.{name} is exposed, but PocketBase has no such collection; it has {known}")]
    NoSuchCollection {
        /// As the configuration spells it.
        name: String,
        /// Those that PocketBase has, but for its own; joined by commas.
        known: String,
    },
    /// Spelled otherwise counts as not there.
    #[error("limits.collections.{name}: PocketBase has no such collection; it has {known}")]
    NothingToLimit {
        /// As the configuration spells it.
        name: String,
        /// As above.
        known: String,
    },
}

/// What came of a reload.
#[derive(Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The number of the generation that came into force; none: all is as it was.
    pub generation: Option<u64>,
    /// Sections of the configuration that changed and wait for a start.
    pub restart: Vec<&'static str>,
}

impl Gateway {
    /// Builds the stations; reads the schema and loads the rules on the way.
    ///
    /// # Errors
    ///
    /// PocketBase being away, an exposed collection it doesn't have, a rule that can't serve.
    pub async fn build(
        config: Config,
        upstream: Arc<Upstream>,
        state: Option<Arc<State>>,
    ) -> Result<Arc<Self>, BuildError> {
        upstream.reload_schema().await?;
        let keeping = Keeping::open(state.as_ref(), &config.state)?;
        let engine = Engine::new(config.instances, state.clone())?;
        let generation = first(&engine, &config, (&keeping, &upstream)).await?;
        let metrics = Metrics::default();
        let log = Log::new(&config.log, state.as_deref().and_then(veil_key), &metrics);
        let gateway = Self {
            sessions: sessions(&config, &upstream, state.as_deref())?,
            limits: Limits::new(&config.limits),
            proofs: Proofs::new(now_ms() / 1_000),
            locks: Locks::new(config.writes.clone()),
            realtime: realtime(&config.live),
            opening: Semaphore::new(OPENING),
            proving: Semaphore::new(config.live.proofs),
            seeding: Semaphore::new(SEEDING),
            ask_all: Notify::new(),
            failed_lines: Seldom::default(),
            live: config.live.clone(),
            spools: spools(&config).await?,
            upstream,
            metrics,
            log,
            observed: Observed::default(),
            state,
            under_way: Arc::new(Semaphore::new(config.server.max_requests)),
            server: config.server.clone(),
            engine,
            in_force: ArcSwap::from_pointee(InForce::new(&config, Arc::new(generation))),
            before: Mutex::default(),
            config: Mutex::new(config),
            keeping,
            faults: Faults::default(),
            alarmed: Notify::new(),
            wants_back: Notify::new(),
        };
        gateway.tell();
        Ok(Arc::new(gateway))
    }

    /// What is in force now.
    #[must_use]
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Builds what a configuration asks for, or what commands pinned, and swaps it
    /// in only if all of it is good. Requests in flight end on what they began with.
    ///
    /// # Errors
    ///
    /// As [`Gateway::build`]; then what was in force stays.
    pub async fn reload(&self, config: Config) -> Result<Reloaded, BuildError> {
        let before = self.in_force();
        let generation = match self.keeping.asked().control.pinned {
            Some(number) => self.pinned(number, &before.generation).await?,
            None => self.followed(&config, &before.generation).await?,
        };
        // What is here now came as a command or its files have it.
        self.keeping.standing().degraded = None;
        let next = InForce::new(&config, generation);
        self.limits.follow(&config.limits);
        let restart = self.take_over(config);
        let swapped = next.generation.number;
        let is_as_before = next.generation.digest == before.generation.digest;
        let is_swapped = !is_as_before || next.serving != before.serving;
        if !is_as_before {
            *self.before.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(before.generation.tallies());
        }
        if is_swapped {
            self.in_force.store(Arc::new(next));
        }
        if !is_as_before {
            self.keeping.standing().since_ms = now_ms();
        }
        self.tell();
        Ok(Reloaded {
            generation: is_swapped.then_some(swapped),
            restart,
        })
    }

    /// All metrics in the text format of Prometheus.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        let in_force = self.in_force();
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let tallies = before.iter().cloned();
        let tallies = tallies.chain([in_force.generation.tallies()]).collect();
        let stations = Stations {
            streams: self.realtime.counts(),
            hub: self.realtime.hub_counts(),
            limits: self.limits.counts(),
            locks: self.locks.counts(),
            files: self.sessions.file_tokens(),
            proofs: self.proofs.counts(now_ms() / 1_000),
            spools: self.spools.counts(),
            sessions: self.sessions.counts(),
        };
        self.metrics.text(tallies, &in_force.generation, &stations)
    }

    /// The generation that commands pinned.
    async fn pinned(
        &self,
        number: u64,
        before: &Arc<Generation>,
    ) -> Result<Arc<Generation>, BuildError> {
        if before.number == number {
            return Ok(Arc::clone(before));
        }
        let known = (&self.keeping, Some(before.as_ref()));
        let built = candidate::of_history(&self.engine, number, known).await;
        let pinned = |problem| BuildError::Pinned {
            number,
            problem: Box::new(problem),
        };
        Ok(Arc::new(built.map_err(pinned)?))
    }

    /// What files ask for.
    async fn followed(
        &self,
        config: &Config,
        before: &Arc<Generation>,
    ) -> Result<Arc<Generation>, BuildError> {
        let known = (&self.keeping, Some(before.as_ref()));
        let candidate = candidate::of_files(&self.engine, config, known).await?;
        if check_collections(config, &self.upstream.schema()).is_err() {
            // A collection may be as new as the configuration that exposes it.
            let newer = self.upstream.reload_schema().await?;
            check_collections(config, &newer)?;
        }
        let Candidate {
            mut generation,
            settings,
            modules,
        } = candidate;
        let next = if generation.digest == before.digest {
            Arc::clone(before)
        } else {
            self.keeping.number(&mut generation);
            Arc::new(generation)
        };
        self.keeping.follow(&next, settings, modules);
        Ok(next)
    }

    /// Tells metrics what is in force.
    fn tell(&self) {
        let number = self.in_force().generation.number;
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.metrics.generation.set(number);
        let degraded = i64::from(self.degraded().is_some());
        self.metrics.degraded.set(degraded);
    }

    /// Keeps the newest good configuration, and tells what of it waits for a start.
    fn take_over(&self, config: Config) -> Vec<&'static str> {
        let mut known = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let restart = known.needs_restart(&config);
        *known = config;
        restart
    }

    /// The configuration of what is in force.
    #[must_use]
    pub fn config(&self) -> Config {
        self.config
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The key by which people and addresses are hashed in the logs: the same for
/// as long as the state folder is.
fn veil_key(state: &State) -> Option<[u8; 32]> {
    state.seal("log", &[]).first_chunk().copied()
}

impl InForce {
    fn new(config: &Config, generation: Arc<Generation>) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        Self {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            generation,
            serving: config.serving.clone(),
        }
    }
}

/// Connections for live records that are opened at once: after PocketBase was away everybody wants one.
const OPENING: usize = 32;

/// Classes of which it is found out at once what they may read: lists, and long ones.
const SEEDING: usize = 8;

fn realtime(live: &Live) -> Realtime {
    let most = Most {
        lines: live.lines,
        classes: live.classes,
    };
    Realtime::new(live.realtime.clone(), live.mode, most)
}

/// Who asks. A folder that is only visited, or not there yet, is one of a check: then sessions
/// are looked at, and left as they are.
fn sessions(
    config: &Config,
    upstream: &Arc<Upstream>,
    state: Option<&State>,
) -> Result<Sessions, StoreError> {
    let settings = config.sessions.clone();
    let own = state.filter(|state| state.is_ours());
    if let (Some(_), Some(visited), None) = (&settings.rolling, state, own)
        && let Some(ledger) = Ledger::find(visited)?
    {
        ledger.check()?;
    }
    Sessions::open(settings, Arc::clone(upstream), own)
}

/// Where files wait. A folder that nobody named may be missing as long as no file comes.
async fn spools(config: &Config) -> Result<Spools, SpoolError> {
    let spools = Spools::new(config.uploads.clone());
    match spools.check().await {
        Err(error) if !config.uploads.is_named => {
            tracing::warn!(%error, "uploads will be refused; uploads.folder names another folder");
            Ok(spools)
        }
        checked => checked.map(|()| spools),
    }
}

/// What comes into force at a start: what commands pinned, else what files ask
/// for, else, where the configuration wants it, what they asked for last.
async fn first(
    engine: &Arc<Engine>,
    config: &Config,
    (keeping, upstream): (&Keeping, &Upstream),
) -> Result<Generation, BuildError> {
    let newest = keeping.remember();
    keeping.standing().since_ms = now_ms();
    if let Some(number) = keeping.asked().control.pinned {
        let built = candidate::of_history(engine, number, (keeping, None)).await;
        return built.map_err(|problem| BuildError::Pinned {
            number,
            problem: Box::new(problem),
        });
    }
    let built = match check_collections(config, &upstream.schema()) {
        Ok(()) => candidate::of_files(engine, config, (keeping, None)).await,
        Err(error) => Err(error),
    };
    let files = match built {
        Ok(candidate) => {
            let Candidate {
                mut generation,
                settings,
                modules,
            } = candidate;
            keeping.number(&mut generation);
            keeping.follow(&generation, settings, modules);
            keeping.keep().await;
            return Ok(generation);
        }
        Err(error) if !config.last_good => return Err(error),
        Err(error) => error,
    };
    let number = newest.map_or(0, |kept| kept.number);
    match candidate::of_history(engine, number, (keeping, None)).await {
        Ok(generation) => {
            let reason = files.to_string();
            tracing::error!(
                reason,
                generation = generation.number,
                "degraded: the files can't be served, so this is what they asked for last; it ends with the next change that is good"
            );
            keeping.standing().degraded = Some(reason);
            Ok(generation)
        }
        Err(last_good) => Err(BuildError::NothingGood {
            files: Box::new(files),
            last_good: Box::new(last_good),
        }),
    }
}

/// Milliseconds since 1970, UTC.
fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
