//! Why somebody has to wait.

use std::time::Duration;

use super::Standing;

/// Why somebody has to wait.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// All that the limit allows for now is used.
    #[error(
        "the limit \"{}\" of {} in {} s is reached; try again in {} s",
        standing.policy.name,
        standing.policy.limit,
        standing.policy.every.as_secs(),
        whole_seconds(standing.after)
    )]
    Limited {
        /// How that limit stands.
        standing: Standing,
        /// Whether it is news.
        noted: Noted,
    },
    /// Refused too often before, with how much longer that is remembered.
    #[error("too many refused requests came from here; try again in {} s", whole_seconds(*.0))]
    Banned(Duration),
    /// With the bound, [`super::Settings::running`].
    #[error("{0} requests are under way already; wait for one to end")]
    Running(usize),
}

/// Whether a refusal is worth telling those who look for attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// The first of a limit's time.
    First,
    /// One more.
    Again,
    /// The one that was too many: who asks is kept out from now on.
    Banned,
}

impl LimitError {
    /// How long it takes until asking again makes sense.
    #[must_use]
    pub fn wait(&self) -> Duration {
        match self {
            Self::Limited { standing, .. } => standing.after,
            Self::Banned(wait) => *wait,
            Self::Running(_) => Duration::from_secs(1),
        }
    }
}

/// A wait as it is told: never none, never too short.
#[must_use]
pub fn whole_seconds(wait: Duration) -> u64 {
    let more = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(more).max(1)
}
