//! The last generations, on disk: the modules by their content, and for each
//! generation one sealed file that says how it is built again.
//!
//! A number belongs to a set of rules for good: what comes into force a second
//! time has the number that it had.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use ring::digest;
use serde::{Deserialize, Serialize};

use super::component::hex;
use super::problem::FILE_BYTES;
use super::{Generation, Settings, Source};
use crate::state::{State, StateError, sealed};

/// The generations that are kept in a state folder.
#[derive(Clone, Debug)]
pub struct History {
    state: Arc<State>,
    /// How many, beside the pinned one.
    keep: usize,
}

/// A generation, as it is kept. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its own for good.
    pub number: u64,
    /// What was in force, by content.
    pub digest: String,
    /// When it came into force first.
    pub made_ms: u64,
    /// When it came into force last because files asked for it.
    pub followed_ms: u64,
    /// When it failed too often, if it did.
    pub alarmed_ms: Option<u64>,
    /// Those with an entry of their own, then those of the folder.
    pub rules: Vec<KeptRule>,
    /// What it is built of; the files are those that were read then.
    pub settings: Settings,
}

/// A rule of a generation that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRule {
    /// As in the settings.
    pub name: String,
    /// SHA-256 of the file, in hex: its name among the modules.
    pub module: String,
    /// Of file, settings and limits.
    pub digest: String,
}

/// A rule's file, as it was read.
#[derive(Debug)]
pub struct Module {
    /// SHA-256, in hex.
    pub hash: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// All that is kept, and what can't be read of it.
#[derive(Debug, Default)]
pub struct Listed {
    /// By number.
    pub kept: Vec<Kept>,
    /// What is there and can't be used.
    pub broken: Vec<HistoryError>,
}

/// A generation can't be kept, or not be had again.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The folder, or a file in it.
    #[error(transparent)]
    State(#[from] StateError),
    /// Never made, or no longer kept.
    #[error("no generation {0} is kept; see hapta rules history")]
    NotKept(u64),
    /// Between two looks at it.
    #[error("generation {0} changed on the disk while it was read")]
    Changed(u64),
    /// A module is gone, or is not what it was.
    #[error("generation {number} can't be had again: the module of its rule \"{rule}\" {problem}")]
    Module {
        /// The generation.
        number: u64,
        /// The rule.
        rule: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Where generations lie, and modules.
const GENERATIONS: &str = "generations";
const MODULES: &str = "modules";
/// Holds the highest number that was ever given.
const HIGHEST: (&str, &str) = ("generations/highest", "highest generation");
const MOST: u64 = 4 << 20;

impl History {
    /// What a state folder keeps.
    #[must_use]
    pub fn new(state: Arc<State>, keep: usize) -> Self {
        Self { state, keep }
    }

    /// Every generation that is kept.
    ///
    /// # Errors
    ///
    /// A folder that can't be read.
    pub fn list(&self) -> Result<Listed, HistoryError> {
        let mut listed = Listed::default();
        for name in self.names(GENERATIONS)? {
            let Some(number) = name
                .strip_suffix(".json")
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            match self.get(number) {
                Ok(kept) => listed.kept.push(kept),
                Err(error) => listed.broken.push(error),
            }
        }
        listed.kept.sort_by_key(|kept| kept.number);
        Ok(listed)
    }

    /// A generation that is kept.
    ///
    /// # Errors
    ///
    /// None of that number, or one that was changed since it was written.
    pub fn get(&self, number: u64) -> Result<Kept, HistoryError> {
        let (name, purpose) = place(number);
        let found = sealed::read(&self.state, (&name, &purpose), MOST)?;
        found
            .map(|(_, kept)| kept)
            .ok_or(HistoryError::NotKept(number))
    }

    /// What to build a kept generation of: its modules, checked, for files.
    ///
    /// # Errors
    ///
    /// A module that is gone, or is not what it was.
    pub fn settings(&self, kept: &Kept) -> Result<Settings, HistoryError> {
        for rule in &kept.rules {
            let broken = |problem| HistoryError::Module {
                number: kept.number,
                rule: rule.name.clone(),
                problem,
            };
            let bytes = self.state.read(&module(&rule.module), FILE_BYTES)?;
            let bytes = bytes.ok_or_else(|| broken("is gone"))?;
            if hash(&bytes) != rule.module {
                return Err(broken("is not what it was"));
            }
        }
        let mut rules = kept.rules.iter();
        let mut from_here = |source: &Source| {
            let rule = rules.next().filter(|rule| rule.name == source.name);
            let rule = rule.ok_or(HistoryError::NotKept(kept.number))?;
            Ok::<_, HistoryError>(Source {
                file: self.state.folder().join(module(&rule.module)),
                ..source.clone()
            })
        };
        let settings = &kept.settings;
        let sources = settings.sources.iter().map(&mut from_here);
        let sources = sources.collect::<Result<_, _>>()?;
        let dropped_in = settings.dropped_in.iter().flatten().map(&mut from_here);
        Ok(Settings {
            sources,
            dropped_in: Some(dropped_in.collect::<Result<_, _>>()?),
            ..settings.clone()
        })
    }

    /// The number of a set of rules: the one that it had, or the next.
    ///
    /// # Errors
    ///
    /// As [`History::list`], and a number that was changed since it was written.
    pub fn number(&self, digest: &str) -> Result<u64, HistoryError> {
        let listed = self.list()?.kept;
        if let Some(kept) = listed.iter().find(|kept| kept.digest == digest) {
            return Ok(kept.number);
        }
        let highest = sealed::read(&self.state, HIGHEST, 1_000)?;
        let highest = highest.map_or(0, |(_, highest)| highest);
        let known = listed.last().map_or(0, |kept| kept.number);
        Ok(highest.max(known) + 1)
    }

    /// Keeps a generation that files asked for, and forgets what is too much.
    ///
    /// # Errors
    ///
    /// A folder that can't be written.
    pub fn keep(
        &self,
        mut kept: Kept,
        modules: &[Module],
        pinned: Option<u64>,
    ) -> Result<(), HistoryError> {
        for each in modules {
            let name = module(&each.hash);
            let there = self.state.read(&name, FILE_BYTES);
            if !matches!(there, Ok(Some(bytes)) if bytes == each.bytes) {
                self.state.write(&name, &each.bytes)?;
            }
        }
        if let Ok(before) = self.get(kept.number) {
            kept.made_ms = before.made_ms;
            kept.alarmed_ms = before.alarmed_ms;
        }
        let highest: u64 =
            sealed::read(&self.state, HIGHEST, 1_000)?.map_or(0, |(_, highest)| highest);
        if kept.number > highest {
            sealed::write(&self.state, HIGHEST, &kept.number)?;
        }
        self.save(&kept)?;
        self.forget([Some(kept.number), pinned])
    }

    /// Takes down that a generation failed too often.
    ///
    /// # Errors
    ///
    /// As [`History::get`], and a folder that can't be written.
    pub fn alarmed(&self, number: u64, now_ms: u64) -> Result<(), HistoryError> {
        let mut kept = self.get(number)?;
        kept.alarmed_ms = Some(now_ms);
        self.save(&kept)
    }

    fn save(&self, kept: &Kept) -> Result<(), HistoryError> {
        let (name, purpose) = place(kept.number);
        Ok(sealed::write(&self.state, (&name, &purpose), kept)?)
    }

    /// Forgets all but the last, and the modules that none of them names. What
    /// can't be read is left as it is, for somebody to look at.
    fn forget(&self, never: [Option<u64>; 2]) -> Result<(), HistoryError> {
        let mut kept = self.list()?.kept;
        kept.sort_by_key(|kept| std::cmp::Reverse(kept.followed_ms));
        let beyond = kept.split_off(self.keep.min(kept.len()));
        let (spared, forgotten): (Vec<_>, Vec<_>) = beyond
            .into_iter()
            .partition(|kept| never.contains(&Some(kept.number)));
        for each in &forgotten {
            self.state.remove(&place(each.number).0)?;
        }
        let named = kept.iter().chain(&spared).flat_map(|kept| &kept.rules);
        let named: BTreeSet<&str> = named.map(|rule| rule.module.as_str()).collect();
        for name in self.names(MODULES)? {
            let hash = name.strip_suffix(".wasm").unwrap_or(&name);
            if !named.contains(hash) {
                self.state.remove(&format!("{MODULES}/{name}"))?;
            }
        }
        Ok(())
    }

    /// The names in a folder; none where there is no such folder.
    fn names(&self, folder: &str) -> Result<Vec<String>, HistoryError> {
        let folder = self.state.folder().join(folder);
        let failed = |problem| StateError::Folder {
            folder: folder.clone(),
            problem,
        };
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            names.push(name.to_string_lossy().into_owned());
        }
        Ok(names)
    }
}

impl Listed {
    /// The generation that files asked for last.
    #[must_use]
    pub fn newest(&self) -> Option<&Kept> {
        self.kept.iter().max_by_key(|kept| kept.followed_ms)
    }

    /// The generation that files asked for before this one.
    #[must_use]
    pub fn before(&self, number: u64) -> Option<&Kept> {
        let this = self.kept.iter().find(|kept| kept.number == number)?;
        let earlier = self.kept.iter();
        earlier
            .filter(|kept| kept.followed_ms < this.followed_ms)
            .max_by_key(|kept| kept.followed_ms)
    }
}

impl Kept {
    /// Describes a generation that comes into force now.
    #[must_use]
    pub fn new(
        generation: &Generation,
        settings: Settings,
        modules: &[Module],
        now_ms: u64,
    ) -> Self {
        let rules = generation.rules().zip(modules);
        Self {
            number: generation.number,
            digest: generation.digest.clone(),
            made_ms: now_ms,
            followed_ms: now_ms,
            alarmed_ms: None,
            rules: rules
                .map(|(rule, module)| KeptRule {
                    name: rule.name.clone(),
                    module: module.hash.clone(),
                    digest: rule.digest.clone(),
                })
                .collect(),
            settings,
        }
    }

    /// Whether these are its modules, in its order.
    #[must_use]
    pub fn is_of(&self, modules: &[Module]) -> bool {
        let kept = self.rules.iter().map(|rule| &rule.module);
        kept.eq(modules.iter().map(|module| &module.hash))
    }

    /// The entries of its rules, in the order of `rules`.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        let dropped_in = self.settings.dropped_in.iter().flatten();
        self.settings.sources.iter().chain(dropped_in)
    }
}

impl Module {
    /// Takes a file's bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            hash: hash(&bytes),
            bytes,
        }
    }
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// A generation's file, and the purpose of its seal: of another number it is not taken.
fn place(number: u64) -> (String, String) {
    (
        format!("{GENERATIONS}/{number}.json"),
        format!("generation {number}"),
    )
}

fn module(hash: &str) -> String {
    format!("{MODULES}/{hash}.wasm")
}

#[cfg(test)]
mod tests;
