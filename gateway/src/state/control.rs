//! What the operator's commands ask for: one file, which commands write and a
//! gateway takes, at once or at its start.

use std::fs::File;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::{State, StateError, lock_file, sealed};
use crate::deny::Deny;

/// All that commands have asked for and not taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// Tells two askings for the same apart.
    #[serde(default)]
    pub changes: u64,
    /// The generation that stays in force whatever files say.
    #[serde(default)]
    pub pinned: Option<u64>,
    /// Rules of the folder that may be gone.
    #[serde(default)]
    pub removed: Vec<Removed>,
    /// What is closed.
    #[serde(default)]
    pub denies: Vec<Deny>,
}

/// A rule that may be gone from the rules folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Its name.
    pub rule: String,
    /// What files asked for when it was removed, as a [`Report`](super::Report) tells
    /// it: one that comes back later is missed again.
    pub from: String,
}

/// A control, and what tells it from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// What is asked for.
    pub control: Control,
    /// SHA-256 of its file, in hex; empty where there is none.
    pub digest: String,
}

/// The control's file.
pub const CONTROL: &str = "control.json";

const PURPOSE: &str = "control";
const MOST: u64 = 1 << 20;

impl Control {
    /// What is asked for now; nothing where nobody has asked for anything.
    ///
    /// # Errors
    ///
    /// A file that can't be read, or that no command wrote.
    pub fn load(state: &State) -> Result<Asked, StateError> {
        let Some((bytes, control)) = sealed::read(state, (CONTROL, PURPOSE), MOST)? else {
            return Ok(Asked::default());
        };
        let digest = digest(&SHA256, &bytes);
        let digest = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        Ok(Asked {
            control,
            digest: digest.collect(),
        })
    }

    /// Asks for something more, or for less; two that ask at once lose nothing.
    ///
    /// # Errors
    ///
    /// As [`Control::load`], and a file that can't be written.
    pub fn change(state: &State, change: impl FnOnce(&mut Self)) -> Result<Asked, StateError> {
        let _alone = alone(state)?;
        let mut control = Self::load(state)?.control;
        change(&mut control);
        control.changes += 1;
        control.denies.sort();
        control.denies.dedup();
        sealed::write(state, (CONTROL, PURPOSE), &control)?;
        Self::load(state)
    }
}

/// Waits until nobody else changes the control; others wait as long as this lives.
fn alone(state: &State) -> Result<File, StateError> {
    let file = state.folder().join("control.lock");
    let locked = lock_file(&file).and_then(|lock| lock.lock().map(|()| lock));
    locked.map_err(|problem| StateError::File {
        doing: "lock",
        file,
        problem,
    })
}
