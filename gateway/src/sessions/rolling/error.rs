//! Why sessions can't be kept.

use std::path::PathBuf;

/// The database of sessions can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It can't be read as what the gateway wrote: at a start, and for commands.
    #[error(
        "the sessions in {} can't be used: {problem}; put back a copy of the whole state folder, or remove it and what lies beside it under its name with -wal and -shm, and everybody logs in again",
        file.display()
    )]
    Damaged {
        /// In the state folder.
        file: PathBuf,
        /// SQLite's own words, or ours.
        problem: String,
    },
    /// It was not written just now.
    #[error("cannot write the sessions: {0}")]
    Write(String),
    /// There is no such session, or not any more.
    #[error("there is no such session")]
    Gone,
    /// The system gave no randomness to make ids and keys of.
    #[error("the system gave no randomness")]
    Random,
    /// The gateway is about to stop.
    #[error("sessions are written no more: the gateway stops")]
    Stopped,
}
