//! Values in files of the folder: as JSON, sealed.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{State, StateError};

/// Reads a value and the bytes it was made of; none where there is no such file.
pub(crate) fn read<T: DeserializeOwned>(
    state: &State,
    (name, purpose): (&str, &str),
    most: u64,
) -> Result<Option<(Vec<u8>, T)>, StateError> {
    let Some(bytes) = state.read(name, most)? else {
        return Ok(None);
    };
    let file = || state.folder().join(name);
    let json = state
        .unseal(purpose, &bytes)
        .ok_or_else(|| StateError::Broken(file()))?;
    let value = serde_json::from_slice(json).map_err(|problem| StateError::OtherVersion {
        file: file(),
        problem,
    })?;
    Ok(Some((bytes, value)))
}

/// Writes a value.
pub(crate) fn write(
    state: &State,
    (name, purpose): (&str, &str),
    value: &impl Serialize,
) -> Result<(), StateError> {
    let json = serde_json::to_vec(value).map_err(|problem| StateError::File {
        doing: "write",
        file: state.folder().join(name),
        problem: problem.into(),
    })?;
    state.write(name, &state.seal(purpose, &json))
}
