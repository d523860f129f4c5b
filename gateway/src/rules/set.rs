//! The generation: the rules in force and which of them see what, as one value
//! that is swapped as a whole.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::component::{self, Rule, Source, hex};
use super::engine::Engine;
use super::history::Module;
use super::problem::LoadError;
use super::{Exposed, Settings};
use tokio::runtime::Handle;
use tokio::task::JoinError;

use crate::exchange::Exchange;
use crate::principal::Principal;

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
    rules: Vec<Arc<Rule>>,
    /// The rules from this place on were dropped into the folder.
    named: usize,
    /// Their files, for whoever keeps them.
    modules: Vec<Module>,
    judge_superusers: bool,
    /// What all rules of one reply have together: the longest deadline among them.
    pub(super) release_deadline: Duration,
    pub(super) engine: Arc<Engine>,
}

/// The rules of one collection, in the order in which they judge.
#[derive(Clone)]
pub struct Chain {
    /// Places in the generation's `rules`; empty: PocketBase's own rules alone.
    pub(super) rules: Arc<[usize]>,
}

impl Chain {
    /// Whether PocketBase's own rules are alone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
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
        let named = settings.sources.len();
        let mut sorted: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        sorted.sort_unstable();
        if let Some([twice, _]) = sorted.array_windows().find(|[one, other]| one == other) {
            return Err(GenerationError::TwiceNamed((*twice).to_owned()));
        }
        if rules.len() > engine.instances as usize {
            let (instances, rules) = (engine.instances, rules.len());
            return Err(GenerationError::TooFewInstances { instances, rules });
        }
        let mut exposed = HashMap::new();
        for (collection, how) in &settings.exposed {
            let rules = chain(collection, how, &rules, named)?.into();
            exposed.insert(collection.clone(), Chain { rules });
        }
        let others = exposed.remove(OTHERS);
        Ok(Self {
            number: before.map_or(1, |before| before.number + 1),
            digest: digest(&rules, settings),
            exposed,
            others,
            named,
            modules,
            judge_superusers: settings.judge_superusers,
            release_deadline: rules
                .iter()
                .map(|rule| rule.limits().deadline)
                .max()
                .unwrap_or_default(),
            rules,
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

    /// The rules of a chain, in order, with their places.
    pub(super) fn rules_of<'a>(
        &'a self,
        chain: &'a Chain,
    ) -> impl Iterator<Item = (usize, &'a Arc<Rule>)> {
        chain
            .rules
            .iter()
            .filter_map(|place| self.rules.get(*place).map(|rule| (*place, rule)))
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
    #[must_use]
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// Whether a rule of this collection may drop records from lists.
    #[must_use]
    pub fn may_drop(&self, collection: &str) -> bool {
        self.chain(collection).is_some_and(|chain| {
            self.rules_of(chain)
                .any(|(_, rule)| rule.manifest.hooks.reveal && rule.manifest.drops)
        })
    }

    /// Whether a rule of this collection may take out or change this field.
    #[must_use]
    pub fn may_remove(&self, collection: &str, field: &str) -> bool {
        self.chain(collection).is_some_and(|chain| {
            self.rules_of(chain).any(|(_, rule)| {
                rule.manifest.hooks.reveal && rule.manifest.may_touch(collection, field)
            })
        })
    }

    /// The rules whose `before` judges this exchange.
    pub(super) fn admitting<'a>(
        &'a self,
        chain: &'a Chain,
        exchange: &'a Exchange,
    ) -> impl Iterator<Item = &'a Arc<Rule>> {
        let judged = move |rule: &Rule| {
            rule.manifest.hooks.before && rule.manifest.judges(exchange.operation.kind())
        };
        self.judging(chain, exchange, judged).map(|(_, rule)| rule)
    }

    /// The rules whose `reveal` judges records of this chain.
    pub(super) fn revealing<'a>(
        &'a self,
        chain: &'a Chain,
        exchange: &'a Exchange,
    ) -> impl Iterator<Item = (usize, &'a Arc<Rule>)> {
        self.judging(chain, exchange, |rule: &Rule| rule.manifest.hooks.reveal)
    }

    /// The rules whose `after` judges the reply to this exchange.
    pub(super) fn concluding<'a>(
        &'a self,
        chain: &'a Chain,
        exchange: &'a Exchange,
    ) -> impl Iterator<Item = (usize, &'a Arc<Rule>)> {
        let judged = move |rule: &Rule| {
            rule.manifest.hooks.after && rule.manifest.judges(exchange.operation.kind())
        };
        self.judging(chain, exchange, judged)
    }

    /// The rules that may be asked about the reply to this exchange, in the
    /// order of the generation: those of its collection and of those that its
    /// expand leads to.
    pub(super) fn concerned(&self, exchange: &Exchange) -> Vec<(usize, &Arc<Rule>)> {
        let read = exchange.collection.iter().chain(&exchange.expanded);
        let chains: Vec<&Chain> = read
            .filter_map(|collection| self.chain(&collection.name))
            .collect();
        let let_by = self.lets_by(&exchange.principal);
        let is_concerned = |place: usize, rule: &Rule| {
            let has_hook = rule.manifest.hooks.reveal || rule.manifest.hooks.after;
            !let_by && has_hook && chains.iter().any(|chain| chain.rules.contains(&place))
        };
        let places = self.rules.iter().enumerate();
        places
            .filter(|(place, rule)| is_concerned(*place, rule))
            .collect()
    }

    fn judging<'a>(
        &'a self,
        chain: &'a Chain,
        exchange: &'a Exchange,
        judged: impl Fn(&Rule) -> bool + 'a,
    ) -> impl Iterator<Item = (usize, &'a Arc<Rule>)> {
        let let_by = self.lets_by(&exchange.principal);
        self.rules_of(chain)
            .filter(move |(_, rule)| !let_by && judged(rule))
    }
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
    let known =
        before.and_then(|before| before.rules.iter().find(|rule| rule.digest == read.digest));
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

/// The places of the rules that judge a collection.
fn chain(
    collection: &str,
    how: &Exposed,
    rules: &[Arc<Rule>],
    named: usize,
) -> Result<Vec<usize>, GenerationError> {
    match how {
        Exposed::PocketBase => Ok(Vec::new()),
        Exposed::Rules(chosen) => chosen
            .iter()
            .map(|name| {
                let (collection, rule) = (collection.to_owned(), name.clone());
                let place = rules.iter().take(named).position(|rule| rule.name == *name);
                match place.map(|place| (place, rules.get(place))) {
                    Some((place, Some(found))) if found.manifest.is_for(&collection) => Ok(place),
                    Some(_) => Err(GenerationError::NotFor { collection, rule }),
                    None => Err(GenerationError::NoSuchRule { collection, rule }),
                }
            })
            .collect(),
        Exposed::Folder => {
            let places: Vec<usize> = rules
                .iter()
                .enumerate()
                .skip(named)
                .filter(|(_, rule)| rule.manifest.is_for(collection))
                .map(|(place, _)| place)
                .collect();
            if places.is_empty() {
                Err(GenerationError::EmptyFolder(collection.to_owned()))
            } else {
                Ok(places)
            }
        }
    }
}

fn digest(rules: &[Arc<Rule>], settings: &Settings) -> String {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    for rule in rules {
        hash.update(rule.digest.as_bytes());
    }
    // Where the folder's rules begin decides on who judges what says "folder".
    let named = settings.sources.len();
    let judged = (&settings.exposed, settings.judge_superusers, named);
    hash.update(format!("{judged:?}").as_bytes());
    hex(hash.finish().as_ref())
}
