//! The generation: the rules in force and which of them see what, as one value
//! that is swapped as a whole.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::component::{self, LoadError, Rule, Source, hex};
use super::engine::Engine;
use super::{Exposed, Settings};
use crate::exchange::Exchange;

/// A set of rules in force. Requests in flight keep the one they began with.
pub struct Generation {
    /// Counts up with each swap since the start.
    pub number: u64,
    /// What is in force, by content: the same files and settings give the same digest.
    pub digest: String,
    /// Collections by name, as the schema spells it.
    exposed: HashMap<String, Chain>,
    rules: Vec<Arc<Rule>>,
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
        let mut rules = Vec::new();
        for source in &settings.sources {
            rules.push(load(engine, source, before).await?);
        }
        let named = rules.len();
        for file in dropped_in(settings)? {
            rules.push(load(engine, &settings.dropped_in(file), before).await?);
        }
        let mut sorted: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        sorted.sort_unstable();
        if let Some([twice, _]) = sorted.array_windows().find(|[one, other]| one == other) {
            return Err(GenerationError::TwiceNamed((*twice).to_owned()));
        }
        let mut exposed = HashMap::new();
        for (collection, how) in &settings.exposed {
            let chain = chain(collection, how, &rules, named)?;
            exposed.insert(
                collection.clone(),
                Chain {
                    rules: chain.into(),
                },
            );
        }
        Ok(Self {
            number: before.map_or(1, |before| before.number + 1),
            digest: digest(&rules, settings),
            exposed,
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
        self.exposed.get(collection)
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

    fn judging<'a>(
        &'a self,
        chain: &'a Chain,
        exchange: &'a Exchange,
        judged: impl Fn(&Rule) -> bool + 'a,
    ) -> impl Iterator<Item = (usize, &'a Arc<Rule>)> {
        let let_by = exchange.principal.is_superuser() && !self.judge_superusers;
        self.rules_of(chain)
            .filter(move |(_, rule)| !let_by && judged(rule))
    }
}

async fn load(
    engine: &Engine,
    source: &Source,
    before: Option<&Generation>,
) -> Result<Arc<Rule>, LoadError> {
    let read = component::read(source)?;
    let known =
        before.and_then(|before| before.rules.iter().find(|rule| rule.digest == read.digest));
    match known {
        Some(rule) => Ok(Arc::clone(rule)),
        None => component::load(engine, source, &read).await,
    }
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
                rules
                    .iter()
                    .take(named)
                    .position(|rule| rule.name == *name)
                    .ok_or_else(|| GenerationError::NoSuchRule {
                        collection: collection.to_owned(),
                        rule: name.clone(),
                    })
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

/// The `.wasm` files of the rules folder that have no entry of their own, by name.
fn dropped_in(settings: &Settings) -> Result<Vec<PathBuf>, GenerationError> {
    let Some(folder) = &settings.folder else {
        return Ok(Vec::new());
    };
    let failed = |problem| GenerationError::Folder {
        folder: folder.clone(),
        problem,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_rule = path
            .extension()
            .is_some_and(|extension| extension == "wasm")
            && !is_hidden(&path);
        if is_rule
            && !settings
                .sources
                .iter()
                .any(|source| same_file(&source.file, &path))
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Editors and atomic writers keep unfinished files behind a dot.
fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn same_file(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn digest(rules: &[Arc<Rule>], settings: &Settings) -> String {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    for rule in rules {
        hash.update(rule.digest.as_bytes());
    }
    hash.update(format!("{:?}", settings.exposed).as_bytes());
    hex(hash.finish().as_ref())
}
