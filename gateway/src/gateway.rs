//! The stations, built from a configuration, and the one spot where what is in
//! force is swapped.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use crate::config::{Config, Server, Serving};
use crate::rules::{Engine, EngineError, Generation, GenerationError, OTHERS, Tallies};
use crate::schema::Schema;
use crate::sessions::Sessions;
use crate::telemetry::{Log, Metrics, Observed};
use crate::upstream::{Upstream, UpstreamError};

/// The gateway: everything that a request meets.
pub struct Gateway {
    /// The one way to PocketBase.
    pub upstream: Arc<Upstream>,
    /// Finds out who asks.
    pub sessions: Sessions,
    /// Counts what the pipeline, the listeners and the reloads do.
    pub metrics: Metrics,
    /// Writes decisions and security events.
    pub log: Log,
    /// Keeps what was let in without being named.
    pub observed: Observed,
    /// The bounds of the doors.
    pub server: Server,
    /// A permit for each request that may be under way.
    pub(crate) under_way: Arc<Semaphore>,
    engine: Arc<Engine>,
    in_force: ArcSwap<InForce>,
    /// What the rules of the generation before came to, for the scrape after a swap.
    before: Mutex<Option<Tallies>>,
    /// The configuration of what is in force, for telling what a reload changes.
    config: Mutex<Config>,
    /// Why the last reload was refused; none after one that was not.
    reload_failure: Mutex<Option<String>>,
}

/// What a reload replaces, as a whole. A request keeps the one it began with.
pub struct InForce {
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
    pub async fn build(config: Config, upstream: Arc<Upstream>) -> Result<Arc<Self>, BuildError> {
        let schema = upstream.reload_schema().await?;
        check_collections(&config, &schema)?;
        let engine = Engine::new(config.instances)?;
        let generation = Generation::build(&engine, &config.rules, None).await?;
        let metrics = Metrics::default();
        metrics
            .generation
            .set(i64::try_from(generation.number).unwrap_or(i64::MAX));
        // No key is kept from one start to the next.
        let log = Log::new(&config.log, None, &metrics);
        Ok(Arc::new(Self {
            sessions: Sessions::new(config.sessions.clone(), Arc::clone(&upstream)),
            upstream,
            metrics,
            log,
            observed: Observed::default(),
            under_way: Arc::new(Semaphore::new(config.server.max_requests)),
            server: config.server.clone(),
            engine,
            in_force: ArcSwap::from_pointee(InForce::new(&config, generation)),
            before: Mutex::default(),
            config: Mutex::new(config),
            reload_failure: Mutex::default(),
        }))
    }

    /// What is in force now.
    #[must_use]
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Builds what a configuration asks for, and swaps it in only if all of it
    /// is good. Requests in flight end on what they began with.
    ///
    /// # Errors
    ///
    /// As [`Gateway::build`]; then what was in force stays.
    pub async fn reload(&self, config: Config) -> Result<Reloaded, BuildError> {
        let before = self.in_force();
        let candidate =
            Generation::build(&self.engine, &config.rules, Some(&before.generation)).await?;
        let next = InForce::new(&config, candidate);
        if check_collections(&config, &self.upstream.schema()).is_err() {
            // A collection may be as new as the configuration that exposes it.
            let newer = self.upstream.reload_schema().await?;
            check_collections(&config, &newer)?;
        }
        let restart = self.take_over(config);
        if next.generation.digest == before.generation.digest && next.serving == before.serving {
            return Ok(Reloaded {
                generation: None,
                restart,
            });
        }
        let generation = next.generation.number;
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(before.generation.tallies());
        self.in_force.store(Arc::new(next));
        self.metrics
            .generation
            .set(i64::try_from(generation).unwrap_or(i64::MAX));
        Ok(Reloaded {
            generation: Some(generation),
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
        self.metrics.text(tallies, &in_force.generation)
    }

    /// Keeps the newest good configuration, and tells what of it waits for a start.
    fn take_over(&self, config: Config) -> Vec<&'static str> {
        let mut known = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let restart = known.needs_restart(&config);
        *known = config;
        restart
    }

    /// Keeps why a reload was refused, for operators.
    pub(crate) fn note_reload_failure(&self, failure: Option<String>) {
        *self
            .reload_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Why the last reload was refused, if it was.
    #[must_use]
    pub fn reload_failure(&self) -> Option<String> {
        self.reload_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
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

impl InForce {
    fn new(config: &Config, generation: Generation) -> Self {
        Self {
            generation: Arc::new(generation),
            serving: config.serving.clone(),
        }
    }
}

/// Every exposed collection must be there, spelled as PocketBase spells it.
fn check_collections(config: &Config, schema: &Schema) -> Result<(), BuildError> {
    let is_there = |name: &str| {
        if name == OTHERS {
            return true;
        }
        schema
            .by_name(name)
            .is_some_and(|collection| collection.name == name)
    };
    match config.rules.exposed.keys().find(|name| !is_there(name)) {
        None => Ok(()),
        Some(name) => {
            let mut known: Vec<&str> = schema
                .collections()
                .filter(|collection| !collection.system)
                .map(|collection| collection.name.as_str())
                .collect();
            known.sort_unstable();
            Err(BuildError::NoSuchCollection {
                name: name.clone(),
                known: known.join(", "),
            })
        }
    }
}
