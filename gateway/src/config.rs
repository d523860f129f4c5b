//! `hapta.toml` and the environment, as written and then as meant.
//!
//! `raw` is the file, word for word, unknown keys refused. [`Config`] is what
//! follows from it: each station's settings, every path and default in place.

mod application;
mod collections;
mod environment;
mod limits;
mod live;
mod log;
mod logins;
mod origin;
mod place;
mod pocketbase;
#[allow(
    clippy::doc_markdown,
    clippy::doc_link_with_quotes,
    reason = "the texts are those of hapta.example.toml, word for word"
)]
mod raw;
mod reference;
mod rules;
mod secret;
mod server;
mod sessions;
mod state;
mod surface;
mod uploads;
mod writes;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use environment::Environment;
pub use live::Live;
pub use origin::{Origin, Scheme};
pub use place::StatePlace;
pub use pocketbase::PocketBase;
pub use reference::schema;
pub use server::{Admin, Server, Tls};

use crate::application::Application;
use crate::gateway::AlarmSettings;
use crate::operation::ExpandBounds;
use crate::surface::Surface;
use crate::telemetry::LogSettings;
use crate::{
    limits as limit_station, locks, rules as rule_station, sessions as session_station, spool,
    state as state_folder,
};

/// Everything that can be configured, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// For clients.
    pub server: Server,
    /// None: no admin listener.
    pub admin: Option<Admin>,
    /// Where it is, or how it is started.
    pub pocketbase: PocketBase,
    /// From `[sessions]`.
    pub sessions: session_station::Settings,
    /// From `[live]` and `logins.pending_for`.
    pub live: Live,
    /// From `[limits]`; takes effect on a reload.
    pub limits: limit_station::Settings,
    /// From `[uploads]`.
    pub uploads: spool::Settings,
    /// From `[writes]`.
    pub writes: locks::Settings,
    /// From `[rules]`, `[[rule]]`, `[collections]` and `superusers.judged`.
    pub rules: rule_station::Settings,
    /// How many calls of rules may run at once, over all.
    pub instances: u32,
    /// Whether a start whose files can't be served serves what they asked for last.
    pub last_good: bool,
    /// From `[state]`.
    pub state: state_folder::Settings,
    /// A file of `[application]` that is followed like the configuration's own.
    pub keys_file: Option<PathBuf>,
    /// When changed files are looked at.
    pub watch: WatchTimes,
    /// Where decisions and security events go.
    pub log: LogSettings,
    /// What needs no start to take effect.
    pub serving: Serving,
}

/// What is served, beside the exposed collections. Takes effect on a reload.
#[derive(Clone, Debug, PartialEq)]
pub struct Serving {
    /// Whether superusers, and their routes, are served.
    pub superusers: bool,
    /// How many records of a list may be read to fill one page when rules drop some.
    pub list_scan: u32,
    /// How many faults of rules are too many.
    pub alarm: AlarmSettings,
    /// From which applications requests are taken.
    pub application: Application,
    /// How much an expand may gather.
    pub expand: ExpandBounds,
    /// Routes, pages and names beside PocketBase's records.
    pub surface: Arc<Surface>,
}

/// The watcher's ways and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchTimes {
    /// Whether the system is asked to tell of changes.
    pub how: rule_station::Watching,
    /// Files are read when nothing has changed for so long.
    pub debounce: Duration,
    /// Files are looked at this often, whatever was noticed.
    pub poll: Duration,
}

/// A configuration that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there, may not be read, or is no UTF-8.
    #[error("cannot read the configuration {}: {problem}", file.display())]
    Read {
        /// As given on the command line.
        file: PathBuf,
        /// The system's own words.
        problem: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong kind, in toml's words;
    /// never the line itself, which may hold a password.
    #[error("line {line}: {problem}")]
    Syntax {
        /// From 1.
        line: usize,
        /// What was found and what was expected.
        problem: String,
    },
    /// TOML of the right kind, with a value that can't be used.
    #[error("{key}: {problem}")]
    Value {
        /// As written in the file, or the environment variable.
        key: String,
        /// What was expected, too.
        problem: String,
    },
}

/// Names in a list.
const MOST_NAMES: usize = 200;

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    ///
    /// A file that can't be read or used; the message names file, key and what was expected.
    pub fn read(file: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let text = read(file)?;
        Self::parse(&text, folder_of(file), environment)
    }

    /// Resolves a configuration's text; paths in it are relative to the folder.
    ///
    /// # Errors
    ///
    /// As [`Config::read`].
    pub fn parse(
        text: &str,
        folder: &Path,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let raw: raw::File = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        let superusers = raw.superusers.routes == raw::Switch::On;
        let sessions = sessions::resolve(&raw.sessions)?;
        Ok(Self {
            pocketbase: pocketbase::resolve(raw.pocketbase, folder, environment)?,
            admin: server::resolve_admin(raw.admin, environment)?,
            server: server::resolve(raw.server, folder, environment)?,
            live: live::resolve(&raw.live, logins::pending_for(&raw.logins)?)?,
            limits: limits::resolve(&raw.limits)?,
            uploads: uploads::resolve(raw.uploads, folder)?,
            writes: writes::resolve(&raw.writes)?,
            instances: rules::instances(&raw.rules)?,
            last_good: raw.rules.last_good,
            state: state::resolve(raw.state, folder)?,
            watch: WatchTimes {
                how: raw.rules.watch.into(),
                debounce: raw.rules.debounce,
                poll: raw.rules.poll,
            },
            log: log::resolve(raw.log, folder)?,
            keys_file: application::keys_file(&raw.application, folder),
            serving: Serving {
                superusers,
                application: application::resolve(
                    (&raw.application, &raw.sessions),
                    folder,
                    environment,
                )?,
                list_scan: raw.rules.list_scan,
                alarm: rules::alarm(&raw.rules)?,
                expand: surface::expand(&raw.expand)?,
                surface: Arc::new(Surface {
                    logins: logins::resolve(raw.logins)?,
                    batch: writes::batch(&raw.batch)?,
                    sessions: sessions.rolling.is_some(),
                    ..surface::resolve(&raw.compat, &raw.strict, &raw.pages)?
                }),
            },
            sessions,
            rules: rules::resolve(
                raw.rules,
                (raw.rule, raw.group),
                raw.collections,
                &raw.superusers,
                folder,
            )?,
        })
    }

    /// The names of the sections that differ and take effect only at a start.
    #[must_use]
    pub fn needs_restart(&self, other: &Self) -> Vec<&'static str> {
        let mut sections = Vec::new();
        let mut note = |differs: bool, section| {
            if differs {
                sections.push(section);
            }
        };
        note(self.server != other.server, "[server]");
        note(self.admin != other.admin, "[admin]");
        note(self.pocketbase != other.pocketbase, "[pocketbase]");
        note(self.sessions != other.sessions, "[sessions]");
        note(
            self.live.realtime.login_for != other.live.realtime.login_for,
            "logins.pending_for",
        );
        note(!self.live.is_like(&other.live), "[live]");
        note(self.uploads != other.uploads, "[uploads]");
        note(self.writes != other.writes, "[writes]");
        note(self.state != other.state, "[state]");
        note(self.instances != other.instances, "rules.instances");
        note(
            self.watch != other.watch,
            "rules.watch, rules.debounce or rules.poll",
        );
        note(self.log != other.log, "[log]");
        sections
    }
}

fn read(file: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(file).map_err(|problem| ConfigError::Read {
        file: file.to_owned(),
        problem,
    })
}

/// What paths in a configuration are relative to.
fn folder_of(file: &Path) -> &Path {
    // A bare file name has an empty parent, and a bare program name is looked up elsewhere.
    file.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Refuses the first of these keys whose value is nothing.
fn not_nothing(keys: &[(&str, bool)]) -> Result<(), ConfigError> {
    match keys.iter().find(|(_, is_nothing)| *is_nothing) {
        Some((key, _)) => Err(invalid(*key, "must be more than nothing")),
        None => Ok(()),
    }
}

/// Refuses a value beyond its range.
fn within<T: Copy + PartialOrd + std::fmt::Display>(
    key: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    let range = format!("must be from {} to {}", range.start(), range.end());
    Err(invalid(key, range))
}

/// Refuses a list that is a mistake: each of its names is compared with each request.
fn few(key: &str, names: &[String]) -> Result<(), ConfigError> {
    if names.len() > MOST_NAMES {
        return Err(invalid(key, format!("names more than {MOST_NAMES}")));
    }
    Ok(())
}

/// Where and what, without the value that was found: it may be a password.
fn syntax(text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let line = before.matches('\n').count() + 1;
    let start = before.rsplit('\n').next().unwrap_or_default();
    let rest = after.split('\n').next().unwrap_or_default();
    let key = format!("{start}{rest}")
        .split('=')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    let problem = match error.message().split_once(", expected ") {
        Some((found, expected)) if found.starts_with("invalid ") => {
            format!("{key} is not as it should be: expected {expected}")
        }
        _ => error.message().to_owned(),
    };
    ConfigError::Syntax { line, problem }
}

fn invalid(key: impl Into<String>, problem: impl Into<String>) -> ConfigError {
    ConfigError::Value {
        key: key.into(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests;
