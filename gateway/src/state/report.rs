//! What a gateway says of itself: for the listener for operators, and in a file
//! for their commands.

use serde::{Deserialize, Serialize};

use super::{State, StateError, sealed};
use crate::deny::Deny;

/// How things stand. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// The number of the generation in force.
    pub generation: u64,
    /// What is in force, by content.
    pub digest: String,
    /// When it came into force.
    pub since_ms: u64,
    /// The rules in force, in their order.
    pub rules: Vec<ReportedRule>,
    /// The generation that commands pinned.
    pub pinned: Option<u64>,
    /// Why what is in force is not what files ask for, if the start went back to it.
    pub degraded: Option<String>,
    /// What was not taken last; none after a change that was.
    pub refused: Option<Refused>,
    /// Whether the generation in force fails too often.
    pub alarm: Option<Alarm>,
    /// What is closed.
    pub denies: Vec<Deny>,
    /// What can't be read or written in the state folder.
    pub problems: Vec<String>,
    /// What files asked for last, whether or not it is in force.
    pub followed: String,
    /// The digest of the control whose denies are in effect.
    pub control: String,
    /// The digest of the control whose pin and removals have been tried.
    pub settled: String,
    /// The digest of the control for which sessions were looked at again.
    pub sessions: String,
}

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedRule {
    /// Its name.
    pub name: String,
    /// Of file, settings and limits.
    pub digest: String,
    /// Whether it lies in the rules folder, without an entry of its own.
    pub dropped_in: bool,
}

/// A candidate that did not come into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// As in the log.
    pub reason: String,
    /// When it was refused first, for this reason.
    pub at_ms: u64,
}

/// A generation that fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alarm {
    /// Faults within the last minute, as many as are counted.
    pub faults: usize,
    /// When they became too many.
    pub since_ms: u64,
}

/// The report's file.
const REPORT: (&str, &str) = ("in_force.json", "report");
const MOST: u64 = 4 << 20;

impl Report {
    /// What the last gateway in this folder said; none where there was none.
    ///
    /// # Errors
    ///
    /// A file that can't be read, or that no gateway of this folder wrote.
    pub fn load(state: &State) -> Result<Option<Self>, StateError> {
        Ok(sealed::read(state, REPORT, MOST)?.map(|(_, report)| report))
    }

    /// Says it to commands.
    ///
    /// # Errors
    ///
    /// A file that can't be written.
    pub fn save(&self, state: &State) -> Result<(), StateError> {
        sealed::write(state, REPORT, self)
    }
}
