//! The generation: the rules in force and which of them see what, as one value
//! that is swapped as a whole.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::chain::{self, Chain, Link, Scope, Seat};
use super::component::{self, Rule, Source, hex};
use super::engine::Engine;
use super::history::Module;
use super::problem::LoadError;
use super::scene::Scene;
use super::tally::Tallies;
use super::trace::Trace;
use super::{Dossier, Settings};
use tokio::runtime::Handle;
use tokio::task::JoinError;

use crate::exchange::Exchange;
use crate::principal::Principal;
use crate::upstream::Upstream;

/// A set of rules in force. Requests in flight keep the one they began with.
pub struct Generation {
    /// Counts up with each swap since the start.
    pub number: u64,
    /// What is in force, by content: the same files and settings give the same digest.
    pub digest: String,
    /// Collections by name, as the schema spells it.
    exposed: HashMap<String, Chain>,
    /// That of all others but PocketBase's own.
    others: Option<Chain>,
    seats: Vec<Arc<Seat>>,
    /// The rules from this place on were dropped into the folder.
    named: usize,
    /// Their files, for whoever keeps them.
    modules: Vec<Module>,
    judge_superusers: bool,
    /// Records that the rules of one request may ask for.
    reads: u32,
    /// What all rules of one reply have together: the longest deadline among them.
    pub(super) release_deadline: Duration,
    pub(super) engine: Arc<Engine>,
}

/// The name under which settings expose all collections that they don't name.
pub const OTHERS: &str = "*";

/// A set of rules can't come into force.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// A rule's file is no rule that can serve.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Rules in the folder can't be named: they come by their manifest.
    #[error(
        "collection \"{collection}\" names the rule \"{rule}\", which no [[rule]] defines; add one, or correct the name"
    )]
    NoSuchRule {
        /// The one whose `rules` name it.
        collection: String,
        /// The name without a rule.
        rule: String,
    },
    /// With the collection: it would be judged by nobody.
    #[error(
        "collection \"{0}\" says \"folder\", but no rule in the rules folder is for it; drop one in, or say \"pocketbase\" for PocketBase's own rules alone"
    )]
    EmptyFolder(String),
    /// With the name; a dropped-in file is named by its stem.
    #[error("two rules are named \"{0}\"; names must differ")]
    TwiceNamed(String),
    /// A rule that was dropped in is gone: a slip must not loosen the gateway.
    #[error(
        "the rule \"{rule}\" is gone from the rules folder; put it back, or take it out of service: hapta rules remove {rule}"
    )]
    Vanished {
        /// The rule's name.
        rule: String,
    },
    /// The rule's manifest names others.
    #[error(
        "collection \"{collection}\" names the rule \"{rule}\", which says that it is not for this collection"
    )]
    NotFor {
        /// As in `[collections.NAME]`.
        collection: String,
        /// The rule's name.
        rule: String,
    },
    /// With the collection: nobody's word about it would count.
    #[error(
        "collection \"{0}\" is judged by rules in shadow alone; add \"pocketbase\" to its rules if PocketBase's own rules are enough meanwhile"
    )]
    OnlyShadow(String),
    /// A rule that can't be one of a group, where nobody edits.
    #[error(
        "group \"{group}\" names the rule \"{rule}\", which {problem}; it can't be one of a group"
    )]
    Unfit {
        /// As in `[[group]]`.
        group: String,
        /// The rule's name.
        rule: String,
        /// What it does.
        problem: &'static str,
    },
    /// A panic of the gateway's own.
    #[error("loading the rules failed: {0}")]
    Broke(#[from] JoinError),
    /// Each reply may need an instance of every rule.
    #[error(
        "rules.instances is {instances}, and there are {rules} rules; allow at least one instance for each"
    )]
    TooFewInstances {
        /// As configured.
        instances: u32,
        /// Those of the configuration and of the folder.
        rules: usize,
    },
    /// The folder itself, not a file in it.
    #[error("cannot read the rules folder {}: {problem}", folder.display())]
    Folder {
        /// As configured, joined to the configuration's folder.
        folder: PathBuf,
        /// The system's own words.
        problem: std::io::Error,
    },
}

impl Generation {
    /// Loads every rule of the settings and makes them a generation. Rules that
    /// the generation before had, file and settings unchanged, are taken over.
    ///
    /// # Errors
    ///
    /// Any rule that can't serve, and any collection without a rule to judge it.
    pub async fn build(
        engine: &Arc<Engine>,
        settings: &Settings,
        before: Option<&Self>,
    ) -> Result<Self, GenerationError> {
        let settings = &settings.with_folder()?;
        let (mut rules, mut modules) = (Vec::new(), Vec::new());
        let dropped_in = settings.dropped_in.iter().flatten();
        for source in settings.sources.iter().chain(dropped_in) {
            let (rule, bytes) = load(engine, source, before).await?;
            rules.push(rule);
            modules.push(Module::new(bytes));
        }
        let groups = settings.groups.iter().map(|group| group.name.as_str());
        let mut sorted: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        sorted.extend(groups);
        sorted.sort_unstable();
        if let Some([twice, _]) = sorted.array_windows().find(|[one, other]| one == other) {
            return Err(GenerationError::TwiceNamed((*twice).to_owned()));
        }
        if rules.len() > engine.instances as usize {
            let (instances, rules) = (engine.instances, rules.len());
            return Err(GenerationError::TooFewInstances { instances, rules });
        }
        let release_deadline = rules.iter().map(|rule| rule.limits().deadline).max();
        let seats = seats(rules, settings);
        let mut exposed = HashMap::new();
        for (collection, how) in &settings.exposed {
            let chain = chain::chain(collection, how, settings, &seats)?;
            exposed.insert(collection.clone(), chain);
        }
        let others = exposed.remove(OTHERS);
        Ok(Self {
            number: before.map_or(1, |before| before.number + 1),
            digest: digest(&seats, settings),
            exposed,
            others,
            named: settings.sources.len(),
            modules,
            judge_superusers: settings.judge_superusers,
            reads: settings.reads,
            release_deadline: release_deadline.unwrap_or_default(),
            seats,
            engine: Arc::clone(engine),
        })
    }

    /// The chain of a collection; none: it is not exposed.
    #[must_use]
    pub fn chain(&self, collection: &str) -> Option<&Chain> {
        // What PocketBase keeps for itself is exposed by its name alone.
        let others = || {
            self.others
                .as_ref()
                .filter(|_| !collection.starts_with('_'))
        };
        self.exposed.get(collection).or_else(others)
    }

    /// Whether no rule is asked about this principal.
    #[must_use]
    pub fn lets_by(&self, principal: &Principal) -> bool {
        principal.is_superuser() && !self.judge_superusers
    }

    /// What the rules of one request will share.
    #[must_use]
    pub fn dossier(&self, id: &str, upstream: Arc<Upstream>) -> Dossier {
        let counters = Arc::clone(&self.engine.counters);
        Dossier::new(id, upstream, counters, self.reads)
    }

    /// The same for a request that nobody sent. With a trace, what rules ask of the
    /// gateway is written down there.
    #[must_use]
    pub fn dossier_of(&self, scene: &Arc<Scene>, trace: Option<Arc<Trace>>) -> Dossier {
        Dossier::told(scene, trace, self.reads)
    }

    /// The same for rules of this request that are in shadow.
    pub(super) fn shadow_dossier(&self, dossier: &Dossier) -> Dossier {
        dossier.shadow(self.reads)
    }

    pub(super) fn seat(&self, place: usize) -> Option<&Arc<Seat>> {
        self.seats.get(place)
    }

    /// The files of its rules, in their order, once: they are of no use to requests.
    pub fn take_modules(&mut self) -> Vec<Module> {
        std::mem::take(&mut self.modules)
    }

    /// Whether the rule in this place has no entry of its own.
    #[must_use]
    pub fn is_dropped_in(&self, place: usize) -> bool {
        place >= self.named
    }

    /// Every rule in force.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.seats.iter().map(|seat| &seat.rule)
    }

    /// What the calls of every rule in force came to; goes on counting.
    #[must_use]
    pub fn tallies(&self) -> Tallies {
        let seats = self.seats.iter();
        Tallies {
            generation: self.number,
            rules: seats
                .map(|seat| (seat.rule.name.clone(), seat.shadow, Arc::clone(&seat.tally)))
                .collect(),
        }
    }

    /// Counters of all rules that are kept.
    #[must_use]
    pub fn counters(&self) -> usize {
        self.engine.counters.len()
    }

    /// Rules loaded since the start: those whose code the cache had, and those
    /// that were compiled.
    #[must_use]
    pub fn loads(&self) -> (u64, u64) {
        let loads = &self.engine.loads;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&loads.cached), read(&loads.compiled))
    }

    /// Instances that wait for a call, by the rule's name.
    pub fn waiting(&self) -> impl Iterator<Item = (&str, usize)> {
        let rules = self.rules();
        rules.map(|rule| (rule.name.as_str(), rule.ready.len()))
    }

    /// Whether a rule of this collection may drop records from lists.
    #[must_use]
    pub fn may_drop(&self, collection: &str) -> bool {
        self.revealing(collection)
            .any(|seat| seat.rule.manifest.drops)
    }

    /// Whether a rule of this collection may take out or change this field.
    #[must_use]
    pub fn may_remove(&self, collection: &str, field: &str) -> bool {
        self.revealing(collection)
            .any(|seat| seat.rule.manifest.may_touch(collection, field))
    }

    /// The rules whose `reveal` counts for records of this collection.
    fn revealing(&self, collection: &str) -> impl Iterator<Item = &Arc<Seat>> {
        let chain = self.chain(collection);
        let places = chain.into_iter().flat_map(Chain::places);
        places
            .filter_map(|place| self.seats.get(place))
            .filter(move |seat| seat.reveals(collection))
    }

    /// The rules that may be asked about the reply to this exchange, in the
    /// order of the generation: those of its collection and of those that its
    /// expand leads to. Those in shadow have room of their own.
    pub(super) fn concerned(&self, exchange: &Exchange) -> Vec<(usize, &Arc<Seat>)> {
        let read = exchange.collection.iter().chain(&exchange.expanded);
        let chains: Vec<&Chain> = read
            .filter_map(|collection| self.chain(&collection.name))
            .collect();
        let let_by = self.lets_by(&exchange.principal);
        let is_concerned = |place: usize, seat: &Seat| {
            let hooks = seat.rule.manifest.hooks;
            !let_by
                && !seat.shadow
                && (hooks.reveal || hooks.after)
                && chains
                    .iter()
                    .any(|chain| chain.places().any(|one| one == place))
        };
        let places = self.seats.iter().enumerate();
        places
            .filter(|(place, seat)| is_concerned(*place, seat))
            .collect()
    }

    /// The links of a chain for this principal: none where rules let it by.
    pub(super) fn links<'a>(&self, chain: &'a Chain, principal: &Principal) -> &'a [Link] {
        if self.lets_by(principal) {
            &[]
        } else {
            &chain.links
        }
    }
}

/// The rules in their places. Only those of the settings have an entry that limits them.
fn seats(rules: Vec<Arc<Rule>>, settings: &Settings) -> Vec<Arc<Seat>> {
    let entries = settings.sources.iter().map(Some);
    let entries = entries.chain(std::iter::repeat(None));
    rules
        .into_iter()
        .zip(entries)
        .map(|(rule, entry)| {
            Arc::new(Seat {
                rule,
                scope: entry.map_or_else(Scope::default, |entry| entry.scope.clone()),
                shadow: entry.is_some_and(|entry| entry.shadow),
                tally: Arc::default(),
            })
        })
        .collect()
}

/// Reads and compiles on a thread for such work: requests go on meanwhile.
async fn load(
    engine: &Arc<Engine>,
    source: &Source,
    before: Option<&Generation>,
) -> Result<(Arc<Rule>, Vec<u8>), GenerationError> {
    let read = {
        let source = source.clone();
        tokio::task::spawn_blocking(move || component::read(&source)).await??
    };
    let known = before.and_then(|before| before.rules().find(|rule| rule.digest == read.digest));
    if let Some(rule) = known {
        return Ok((Arc::clone(rule), read.bytes));
    }
    let (engine, source, runtime) = (Arc::clone(engine), source.clone(), Handle::current());
    let loading = tokio::task::spawn_blocking(move || {
        let rule = runtime.block_on(component::load(&engine, &source, &read))?;
        Ok((rule, read.bytes))
    });
    loading.await?
}

fn digest(seats: &[Arc<Seat>], settings: &Settings) -> String {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    for seat in seats {
        hash.update(seat.rule.digest.as_bytes());
        hash.update(format!("{:?}", (&seat.scope, seat.shadow)).as_bytes());
    }
    let judged = (
        &settings.exposed,
        &settings.groups,
        settings.judge_superusers,
        settings.reads,
        // Where the folder's rules begin decides on who judges what says "folder".
        settings.sources.len(),
    );
    hash.update(format!("{judged:?}").as_bytes());
    hex(hash.finish().as_ref())
}
