//! Why a file is no rule that can serve.

use std::path::PathBuf;

use super::fault::Fault;

/// The largest file that is looked at, in bytes: a JavaScript engine has 12 MB.
pub(super) const FILE_BYTES: u64 = 64 << 20;

/// A rule's file is no rule that can serve.
#[derive(Debug, thiserror::Error)]
#[error("rule \"{name}\" ({}): {problem}", file.display())]
pub struct LoadError {
    /// The rule's, as its [`Source`](super::Source) says.
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
    /// What reads it panicked: it is nothing that a compiler makes.
    #[error("is not a rule: reading it failed")]
    Broke,
    /// Not WebAssembly, or not a component of this contract.
    #[error("is not a rule: {0}")]
    Unfit(String),
    /// A power that nobody granted.
    #[error("imports {import}, which {}", not_granted(grant.as_deref()))]
    Ungranted {
        /// The first such interface, as the component spells it.
        import: String,
        /// What would grant it; none: nothing does.
        grant: Option<String>,
    },
    /// What `configure` is told would be told to every call after it.
    #[error(
        "asks for {0} while it is configured, when there is no clock and no randomness: every call would start from that answer; take the time of the request instead"
    )]
    Frozen(&'static str),
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

fn not_granted(grant: Option<&str>) -> String {
    match grant {
        Some(grant) => format!(
            "is not granted; if it should have it, write grants = [\"{grant}\"] into its [[rule]]"
        ),
        None => "is not granted, and can't be granted to any rule; it may import hapta:rule/json, hapta:rule/types, and what its [[rule]] grants".to_owned(),
    }
}
