//! What commands need of a configuration: where its gateway keeps its state and
//! finds its rules. Whatever else is wrong with the file, they must work.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{ConfigError, folder_of, read, state, syntax};

/// Two places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatePlace {
    /// The state folder.
    pub state: PathBuf,
    /// The rules folder, if there is one.
    pub rules: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    state: Section,
    rules: Section,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Section {
    folder: Option<PathBuf>,
}

impl StatePlace {
    /// Reads them of a configuration file, and nothing else.
    ///
    /// # Errors
    ///
    /// A file that can't be read, or is no TOML.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let text = read(file)?;
        let raw: File = toml::from_str(&text).map_err(|error| syntax(&text, &error))?;
        let folder = folder_of(file);
        let state = raw.state.folder.unwrap_or_else(|| state::FOLDER.into());
        Ok(Self {
            state: folder.join(state),
            rules: raw.rules.folder.map(|rules| folder.join(rules)),
        })
    }
}
