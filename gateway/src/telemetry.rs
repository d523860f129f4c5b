//! What the gateway tells of itself: logs and metrics.
//!
//! Two logs are streams that can have files of their own: decisions, one line
//! for each exchange, and security events.

mod decisions;
mod edge;
mod limits;
mod live;
mod log;
mod mask;
mod metrics;
mod observed;
mod onlook;
mod rules;
mod security;
mod stations;
mod stream;
mod veil;

pub use decisions::{Decision, Note, RuleCost, Verdict};
pub use edge::{Edge, Open};
pub use live::{EventOutcome, Events};
pub use log::{Destination, Log, LogError, LogSettings};
pub use mask::Secrets;
pub use metrics::{
    CodeLabels, DeniedLabels, DroppedLabels, ExchangeLabels, Metrics, ReloadLabels, RuleLabels,
    SecurityLabels, UnnamedLabels,
};
pub use observed::{Noted, Observed};
pub use onlook::{Changes, Ended, Onlooker};
pub use security::{SecurityEvent, SecurityKind};
pub use stations::Stations;
pub use veil::{Telling, Veil};

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The targets of the two streams where they go to standard output, for `RUST_LOG`.
const DECISIONS_TARGET: &str = "hapta::decisions";
const SECURITY_TARGET: &str = "hapta::security";

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to standard output. `RUST_LOG` chooses what; by default
/// everything of weight.
pub fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stdout().is_terminal());
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
