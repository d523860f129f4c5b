//! The rule of a file of tests, by the load path of `serve`: the only one of its generation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::LabError;
use super::file::Tests;
use crate::rules::{
    Engine, Exposed, Generation, GenerationError, LoadError, LoadProblem, OTHERS, POCKETBASE,
    Settings, Source,
};
use crate::state::State;

/// Calls at once: one case is tried after the other, and a reply needs one for each rule.
const INSTANCES: u32 = 4;

/// Records that the rules of a request may ask for; as `rules.reads` of a configuration.
const READS: u32 = 16;

/// A rule, loaded once for each of the settings that cases have.
pub struct Laboratory {
    engine: Arc<Engine>,
    /// The file.
    pub rule: PathBuf,
    loaded: BTreeMap<String, Loaded>,
}

/// What came of loading a rule with some settings.
#[derive(Clone)]
pub enum Loaded {
    /// It serves.
    Rule(Arc<Generation>),
    /// It does not accept the settings, in its own words.
    Refused(String),
}

/// An engine for rules that are tried. What it compiles is kept in this folder, if there is one
/// and nobody else holds it: compiling an interpreter takes seconds.
///
/// # Errors
///
/// When the machine has no room for it.
pub fn engine(compiled: Option<&Path>) -> Result<Arc<Engine>, LabError> {
    let state = compiled.and_then(|folder| State::open(folder).ok());
    Ok(Engine::new(INSTANCES, state.map(Arc::new))?)
}

impl Laboratory {
    /// Nothing is loaded yet.
    #[must_use]
    pub fn new(engine: &Arc<Engine>, rule: &Path) -> Self {
        Self {
            engine: Arc::clone(engine),
            rule: rule.to_owned(),
            loaded: BTreeMap::new(),
        }
    }

    /// The rule with these settings, loaded if it was not.
    ///
    /// # Errors
    ///
    /// When it is no rule that can serve, whatever its settings are.
    pub async fn load(&mut self, tests: &Tests, settings: &str) -> Result<Loaded, LabError> {
        if let Some(known) = self.loaded.get(settings) {
            return Ok(known.clone());
        }
        let loaded = self.load_anew(tests, settings, tests.ahead).await?;
        self.loaded.insert(settings.to_owned(), loaded.clone());
        Ok(loaded)
    }

    /// The same, with so many instances made ahead.
    ///
    /// # Errors
    ///
    /// As [`Laboratory::load`].
    pub async fn load_anew(
        &self,
        tests: &Tests,
        settings: &str,
        ahead: u32,
    ) -> Result<Loaded, LabError> {
        let name = self.name();
        let source = Source {
            name: name.clone(),
            file: self.rule.clone(),
            settings: settings.to_owned(),
            limits: tests.limits.clone(),
            powers: tests.powers.clone(),
            ahead,
            ..Source::default()
        };
        let mut how = Settings {
            sources: vec![source],
            reads: READS,
            judge_superusers: true,
            ..Settings::default()
        };
        // For whom it is it says itself, so it is asked before it judges anything.
        let alone = match Generation::build(&self.engine, &how, None).await {
            Ok(alone) => alone,
            Err(GenerationError::Load(LoadError {
                problem: LoadProblem::Settings(words),
                ..
            })) => return Ok(Loaded::Refused(words)),
            Err(error) => return Err(error.into()),
        };
        let rule = alone.rules().next();
        let is_for = |collection: &str| rule.is_some_and(|rule| rule.manifest.is_for(collection));
        let collections = tests.known.schema.collections();
        let exposed = collections.map(|collection| {
            let judge = if is_for(&collection.name) {
                &name
            } else {
                POCKETBASE
            };
            (
                collection.name.clone(),
                Exposed::Rules(vec![judge.to_owned()]),
            )
        });
        how.exposed = exposed.collect();
        let others = if is_for(OTHERS) { &name } else { POCKETBASE };
        let others = Exposed::Rules(vec![others.to_owned()]);
        how.exposed.insert(OTHERS.to_owned(), others);
        let generation = Generation::build(&self.engine, &how, Some(&alone)).await?;
        Ok(Loaded::Rule(Arc::new(generation)))
    }

    /// The rule's name: that of its file.
    pub(super) fn name(&self) -> String {
        let stem = self.rule.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }
}
