//! Why a file is no rule that can serve.

use std::path::PathBuf;

use super::fault::Fault;

/// The interfaces that every rule gets without being granted them.
pub(super) const CONTRACT: [&str; 2] = ["hapta:rule/json@0.1.0", "hapta:rule/types@0.1.0"];

/// The largest file that is looked at, in bytes: a JavaScript engine has 12 MB.
pub(super) const FILE_BYTES: u64 = 64 << 20;

/// A rule's file is no rule that can serve.
#[derive(Debug, thiserror::Error)]
#[error("rule \"{name}\" ({}): {problem}", file.display())]
pub struct LoadError {
    /// The rule's, as its [`Source`] says.
    pub name: String,
    /// As configured, joined to the configuration's folder.
    pub file: PathBuf,
    /// The first thing that was found.
    pub problem: LoadProblem,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum LoadProblem {
    /// It is not there, or may not be read.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// The file is not looked at any further.
    #[error("is larger than {} MB", FILE_BYTES >> 20)]
    TooLarge,
    /// Not WebAssembly, or not a component of this contract.
    #[error("is not a rule: {0}")]
    Unfit(String),
    /// A power that nobody granted.
    #[error("imports {import}, which is not granted; a rule may import only {}", CONTRACT.join(" and "))]
    Ungranted {
        /// The first such interface, as the component spells it.
        import: String,
    },
    /// The rule's own words.
    #[error("does not accept its settings: {0}")]
    Settings(String),
    /// `configure` ended without an answer.
    #[error("failed while it was configured: {0}")]
    Configure(Fault),
    /// The configured component does not start as calls would start it.
    #[error("cannot be started: {0}")]
    Start(Fault),
}
