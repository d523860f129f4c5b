//! The rules folder: what was dropped into it, and what must not vanish from it.

use std::path::{Path, PathBuf};

use super::component::name_of;
use super::set::GenerationError;
use super::{Settings, Source};

/// The rules that were dropped in, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DroppedIn {
    /// Where.
    pub folder: Option<PathBuf>,
    /// Without the ending of their files.
    pub rules: Vec<String>,
}

impl Settings {
    /// The same with what lies in the folder now, if nobody has looked yet.
    ///
    /// # Errors
    ///
    /// A folder that can't be read.
    pub fn with_folder(&self) -> Result<Self, GenerationError> {
        let dropped_in = match &self.dropped_in {
            Some(known) => known.clone(),
            None => files(self)?
                .into_iter()
                .map(|file| self.dropped(file))
                .collect(),
        };
        Ok(Self {
            dropped_in: Some(dropped_in),
            ..self.clone()
        })
    }

    /// The rules of the folder, as far as anybody has looked.
    #[must_use]
    pub fn names_of_dropped_in(&self) -> DroppedIn {
        let rules = self.dropped_in.iter().flatten();
        DroppedIn {
            folder: self.folder.clone(),
            rules: rules.map(|source| source.name.clone()).collect(),
        }
    }

    /// What to load for a file that was dropped into the folder.
    fn dropped(&self, file: PathBuf) -> Source {
        Source {
            name: name_of(&file),
            file,
            settings: "{}".to_owned(),
            limits: self.limits.clone(),
            ..Source::default()
        }
    }
}

impl DroppedIn {
    /// Whether every rule that was dropped in is there yet, or may be gone. What
    /// the configuration changed, another folder or an entry of its own, it meant.
    ///
    /// # Errors
    ///
    /// The first that vanished.
    pub fn still_there(
        &self,
        settings: &Settings,
        may_be_gone: impl Fn(&str) -> bool,
    ) -> Result<(), GenerationError> {
        if self.folder != settings.folder {
            return Ok(());
        }
        let is_there = |rule: &str| {
            let mut all = settings
                .dropped_in
                .iter()
                .flatten()
                .chain(&settings.sources);
            all.any(|source| source.name == rule)
        };
        match self
            .rules
            .iter()
            .find(|rule| !is_there(rule) && !may_be_gone(rule))
        {
            Some(rule) => Err(GenerationError::Vanished { rule: rule.clone() }),
            None => Ok(()),
        }
    }
}

/// The `.wasm` files of the rules folder that have no entry of their own, by name.
fn files(settings: &Settings) -> Result<Vec<PathBuf>, GenerationError> {
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
