//! What may come into force: what files ask for, or a generation that is kept.

use std::sync::Arc;

use super::keeping::Keeping;
use super::{BuildError, Gateway};
use crate::config::Config;
use crate::rules::{
    Engine, Generation, GenerationError, HistoryError, Module, OTHERS, Rule, Settings, Source,
};
use crate::schema::Schema;

/// What files ask for, built.
pub(super) struct Candidate {
    pub(super) generation: Generation,
    /// With what lay in the folder.
    pub(super) settings: Settings,
    pub(super) modules: Vec<Module>,
}

/// Builds what files ask for. Where something is in force, rules of the folder
/// must not have vanished since.
pub(super) async fn of_files(
    engine: &Arc<Engine>,
    config: &Config,
    (keeping, before): (&Keeping, Option<&Generation>),
) -> Result<Candidate, BuildError> {
    let settings = config.rules.with_folder()?;
    if before.is_some() {
        keeping.still_there(&settings)?;
    }
    let mut generation = Generation::build(engine, &settings, before).await?;
    let modules = generation.take_modules();
    Ok(Candidate {
        generation,
        settings,
        modules,
    })
}

impl Gateway {
    /// Loads a rule as a reload would, and puts it nowhere.
    ///
    /// # Errors
    ///
    /// What a reload would have against the rule.
    pub async fn try_out(&self, source: &Source) -> Result<Arc<Rule>, BuildError> {
        let alone = Settings {
            sources: vec![source.clone()],
            dropped_in: Some(Vec::new()),
            ..Settings::default()
        };
        let generation = Generation::build(&self.engine, &alone, None).await?;
        let rule = generation.rules().next().map(Arc::clone);
        rule.ok_or_else(|| {
            GenerationError::Vanished {
                rule: source.name.clone(),
            }
            .into()
        })
    }
}

/// Builds a generation that is kept, by the very steps that files go through.
pub(super) async fn of_history(
    engine: &Arc<Engine>,
    number: u64,
    (keeping, before): (&Keeping, Option<&Generation>),
) -> Result<Generation, BuildError> {
    let (kept, settings) = keeping.kept(number).await?;
    let mut generation = Generation::build(engine, &settings, before).await?;
    // Read a second time meanwhile.
    if !kept.is_of(&generation.take_modules()) {
        return Err(HistoryError::Changed(number).into());
    }
    generation.number = kept.number;
    generation.digest = kept.digest;
    Ok(generation)
}

/// Every collection that is exposed, or has limits of its own, must be there, spelled as
/// PocketBase spells it.
pub(super) fn check_collections(config: &Config, schema: &Schema) -> Result<(), BuildError> {
    let is_there = |name: &str| {
        if name == OTHERS {
            return true;
        }
        schema
            .by_name(name)
            .is_some_and(|collection| collection.name == name)
    };
    let known = || {
        let mut known: Vec<&str> = schema
            .collections()
            .filter(|collection| !collection.system)
            .map(|collection| collection.name.as_str())
            .collect();
        known.sort_unstable();
        known.join(", ")
    };
    if let Some(name) = config.rules.exposed.keys().find(|name| !is_there(name)) {
        return Err(BuildError::NoSuchCollection {
            name: name.clone(),
            known: known(),
        });
    }
    // A limit that counts nobody would not be missed.
    let mut limited = config.limits.collections.keys();
    match limited.find(|name| !is_there(name)) {
        None => Ok(()),
        Some(name) => Err(BuildError::NothingToLimit {
            name: name.clone(),
            known: known(),
        }),
    }
}
