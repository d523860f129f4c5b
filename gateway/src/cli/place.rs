//! Where a command finds the gateway that it is for, and how it waits for it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::Instant;

use crate::config::StatePlace;
use crate::rules::History;
use crate::state::{Asked, Control, Report, State};

/// How long a command waits for a gateway that runs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which gateway.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The configuration file; only [state] and rules.folder are looked at.
    #[arg(long, short, default_value = "hapta.toml", value_name = "FILE")]
    config: PathBuf,
    /// The state folder itself, where the configuration can't be read.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
}

/// What a command takes that is about all of a gateway.
#[derive(Debug, clap::Args)]
pub(super) struct Nothing {
    #[command(flatten)]
    pub(super) place: Place,
}

/// The state folder of a gateway, visited.
pub(super) struct Visit {
    pub(super) state: Arc<State>,
    /// `rules.folder` of the configuration.
    pub(super) rules: Option<PathBuf>,
}

/// What came of asking.
pub(super) enum Heard {
    /// A gateway runs, and this is how things stand now.
    Now(Box<Report>),
    /// None runs: it takes effect at the next start.
    AtTheNextStart,
    /// One runs, and has not answered in time.
    NotYet,
}

impl Heard {
    /// When what was asked for takes effect, in words, and how the command ends.
    pub(super) fn when(&self) -> (&'static str, ExitCode) {
        match self {
            Self::Now(_) => ("in effect", ExitCode::SUCCESS),
            Self::AtTheNextStart => (
                "no gateway runs, so it takes effect at the next start",
                ExitCode::SUCCESS,
            ),
            Self::NotYet => (
                "asked for, but the gateway has not taken it yet; see hapta status",
                ExitCode::FAILURE,
            ),
        }
    }
}

impl Place {
    /// Visits the folder; there must have been a gateway.
    pub(super) fn visit(&self) -> anyhow::Result<Visit> {
        match self.find()? {
            (_, Some(visit)) => Ok(visit),
            (folder, None) => bail!(
                "there is no state of a gateway in {}; has one been started with this configuration?",
                folder.display()
            ),
        }
    }

    /// Where the folder is, and a visit to it if a gateway has made it.
    pub(super) fn find(&self) -> anyhow::Result<(PathBuf, Option<Visit>)> {
        let StatePlace { state, rules } = match &self.state {
            Some(state) => StatePlace {
                state: state.clone(),
                rules: None,
            },
            None => StatePlace::read(&self.config).with_context(|| {
                format!(
                    "the configuration {} (name the state folder itself with --state)",
                    self.config.display()
                )
            })?,
        };
        let visited = State::visit(&state)?.map(|visited| Visit {
            state: Arc::new(visited),
            rules,
        });
        Ok((state, visited))
    }
}

impl Visit {
    /// The generations that are kept; a command keeps none.
    pub(super) fn history(&self) -> History {
        History::new(Arc::clone(&self.state), 1)
    }

    /// How things stood when the gateway said so last.
    pub(super) fn report(&self) -> anyhow::Result<Report> {
        Report::load(&self.state)?.context("no gateway has said how things stand yet")
    }

    /// Asks for something.
    pub(super) fn ask(&self, change: impl FnOnce(&mut Control)) -> anyhow::Result<Asked> {
        Ok(Control::change(&self.state, change)?)
    }

    /// Waits until a gateway that runs has done what was asked.
    pub(super) fn heard(&self, is_done: impl Fn(&Report) -> bool) -> anyhow::Result<Heard> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        runtime.block_on(async {
            let latest = Instant::now() + PATIENCE;
            loop {
                if !self.state.is_held() {
                    return Ok(Heard::AtTheNextStart);
                }
                if let Some(report) = Report::load(&self.state)?.filter(&is_done) {
                    return Ok(Heard::Now(Box::new(report)));
                }
                if Instant::now() > latest {
                    return Ok(Heard::NotYet);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    }
}

/// Writes lines for whoever typed the command; one who has stopped reading misses
/// nothing but them.
pub(super) fn tell(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A time for people: `2026-11-26 11:08:56 UTC`.
pub(super) fn time(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1_000).unwrap_or_default();
    let Ok(time) = time::OffsetDateTime::from_unix_timestamp(seconds) else {
        return "-".to_owned();
    };
    let (hour, minute, second) = time.to_hms();
    format!("{} {hour:02}:{minute:02}:{second:02} UTC", time.date())
}

/// The beginning of a digest, enough to tell it from others.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Moves a file, also to another file system.
pub(super) fn move_file(from: &Path, state: &State, name: &str) -> anyhow::Result<()> {
    let bytes = std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    state.write(name, &bytes)?;
    std::fs::remove_file(from).with_context(|| format!("cannot remove {}", from.display()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_told_in_utc() {
        assert_eq!(super::time(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(super::time(1_795_691_336_789), "2026-11-26 11:08:56 UTC");
        assert_eq!(super::time(u64::MAX), "-");
    }
}
