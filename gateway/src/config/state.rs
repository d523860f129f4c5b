//! `[state]` → the folder of what outlives the gateway.

use std::path::Path;

use super::{ConfigError, invalid, raw, within};
use crate::state::Settings;

/// Where it is unless the file says otherwise.
pub(super) const FOLDER: &str = "hapta_state";

/// How many generations may be kept: each has its rules' files.
const GENERATIONS: std::ops::RangeInclusive<usize> = 1..=1_000;

pub(super) fn resolve(raw: raw::State, folder: &Path) -> Result<Settings, ConfigError> {
    within("state.generations", raw.generations, &GENERATIONS)?;
    if raw
        .folder
        .as_ref()
        .is_some_and(|named| named.as_os_str().is_empty())
    {
        return Err(invalid("state.folder", "is empty; name a folder"));
    }
    Ok(Settings {
        is_named: raw.folder.is_some(),
        folder: folder.join(raw.folder.unwrap_or_else(|| FOLDER.into())),
        generations: raw.generations,
    })
}
