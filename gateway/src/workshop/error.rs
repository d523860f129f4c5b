//! Why the workshop can't do what it is asked for, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A folder that is no rule's, a tool that is missing or fails, a component that is no rule.
#[derive(Debug, thiserror::Error)]
pub enum WorkshopError {
    /// Nothing says what the folder is.
    #[error(
        "there is no rule.toml in {}: it says what a rule is written in; hapta new NAME --lang ts begins a folder that has one",
        .0.display()
    )]
    NoProject(PathBuf),
    /// `rule.toml` says what it can't.
    #[error("{}: {problem}", file.display())]
    Manifest {
        /// That file.
        file: PathBuf,
        /// In the words of who read it.
        problem: String,
    },
    /// A file or folder is not to be had.
    #[error("cannot read {}: {error}", file.display())]
    Read {
        /// Which one.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file or folder can't be written.
    #[error("cannot write {}: {error}", file.display())]
    Write {
        /// Which one.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It has to be installed.
    #[error("{tool} is needed and not there; {install}")]
    Missing {
        /// What is missing, and for what.
        tool: String,
        /// The command that brings it.
        install: String,
    },
    /// It ran, and did not do its work.
    #[error("{tool} failed\n{output}")]
    Failed {
        /// Which tool.
        tool: String,
        /// All that it said.
        output: String,
    },
    /// What the tools made is no component of this contract.
    #[error("what was built is no rule: {0}")]
    Unfit(String),
    /// It asks for what no gateway gives.
    #[error(
        "what was built imports {0}, and a rule imports hapta:rule/* alone: no files, no network, no environment, no clock; take out what needs it, or the library that does"
    )]
    Imports(String),
    /// A rule that would draw a number.
    #[error(
        "{0} calls Math.random, and a rule has no randomness: the same request must get the same verdict, and a number that is drawn at load would be the same in every call; tell requests apart by what is in them, like request.time or the record's id"
    )]
    Randomness(String),
    /// An `async` function, which is as good as none.
    #[error(
        "{0} has an async function, and a rule can't wait: what it throws, a denial as well, would go nowhere, and the request would pass; take out async and await, nothing that a rule is given needs them"
    )]
    Waits(String),
    /// The tool for JavaScript makes components that this binary does not know.
    #[error(
        "what componentize-qjs made is not what release 0.4.5 of it makes: there is {0}; install that release: npm install --save-dev componentize-qjs@0.4.5"
    )]
    OtherQuickJs(String),
    /// What can't be a rule's name, and what can.
    #[error("{0}")]
    Name(String),
    /// Nothing is written over.
    #[error("{} is there already, and nothing in it is written over; take another name or place", .0.display())]
    Taken(PathBuf),
}

/// For `map_err`: reading this failed.
pub(super) fn read(file: &Path) -> impl FnOnce(io::Error) -> WorkshopError {
    let file = file.to_owned();
    |error| WorkshopError::Read { file, error }
}

/// For `map_err`: writing this failed.
pub(super) fn write(file: &Path) -> impl FnOnce(io::Error) -> WorkshopError {
    let file = file.to_owned();
    |error| WorkshopError::Write { file, error }
}
