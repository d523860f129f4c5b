//! The two streams that operators keep, decisions and security events, each to
//! standard output with everything else or into a file of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::decisions::{Decision, Leaks};
use super::mask::Secrets;
use super::metrics::{DroppedLabels, Metrics, SecurityLabels};
use super::onlook::{Changes, Gallery, Onlooker};
use super::security::{SecurityEvent, SecurityKind};
use super::stream::{Bounds, Entry, Place, Rotation, Stream, Told};
use super::veil::{Telling, Veil};

/// How decisions and security events are logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// One line for each exchange.
    pub decisions: Destination,
    /// One line for each security event.
    pub security: Destination,
    /// A file is put aside before it gets larger; nothing: never.
    pub rotate: ByteSize,
    /// Files put aside that are kept.
    pub keep: usize,
    /// Lines of each stream that may wait to be written, of a KiB at most each.
    pub queue: usize,
    /// How clients' addresses are told.
    pub address: Telling,
    /// How people are told: principals, and records of auth collections.
    pub principal: Telling,
}

/// Where a stream goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// With all other lines, in their form.
    Stdout,
    /// Into this file, as JSON.
    File(PathBuf),
}

/// A log can't be written where it is to be.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the log {}: {problem}", file.display())]
pub struct LogError {
    /// As configured.
    pub file: PathBuf,
    /// The system's own words.
    pub problem: std::io::Error,
}

/// Both streams.
pub struct Log {
    veil: Veil,
    /// Whether decisions go through tracing, where they may be filtered out.
    is_traced: bool,
    decisions: Stream,
    security: Stream,
    gallery: Gallery,
    dropped: Family<DroppedLabels, Counter>,
    events: Family<SecurityLabels, Counter>,
}

impl Log {
    /// Writes nothing before [`Log::open`]. `key` is that of a gateway that
    /// keeps one: with it hashes are the same after a start.
    #[must_use]
    pub fn new(settings: &LogSettings, key: Option<[u8; 32]>, metrics: &Metrics) -> Self {
        let stream = |name, destination: &Destination| {
            let place = match destination {
                Destination::Stdout => Place::Tracing,
                Destination::File(file) => Place::File(Rotation {
                    file: file.clone(),
                    at: settings.rotate.as_u64(),
                    keep: settings.keep,
                }),
            };
            let bounds = Bounds {
                name,
                queue: settings.queue,
                dropped: metrics.log_lines_dropped.clone(),
            };
            Stream::new(place, bounds)
        };
        Self {
            veil: Veil::new(settings.address, settings.principal, key),
            is_traced: settings.decisions == Destination::Stdout,
            decisions: stream(DECISIONS, &settings.decisions),
            security: stream(SECURITY, &settings.security),
            gallery: Gallery::default(),
            dropped: metrics.log_lines_dropped.clone(),
            events: metrics.security_events.clone(),
        }
    }

    /// Opens the files and begins to write.
    ///
    /// # Errors
    ///
    /// A file that can't be written.
    pub fn open(&self) -> Result<(), LogError> {
        self.decisions.open()?;
        self.security.open()
    }

    /// Writes what waits, at most so long, and takes no more.
    pub async fn finish(&self, bound: Duration) {
        self.decisions.finish(bound).await;
        self.security.finish(bound).await;
    }

    /// What may be told of people.
    #[must_use]
    pub fn veil(&self) -> &Veil {
        &self.veil
    }

    /// Whether anybody wants the lines of exchanges: if not, none need be made.
    #[must_use]
    pub fn takes_decisions(&self) -> bool {
        self.has_onlooker() || self.writes_decisions()
    }

    fn writes_decisions(&self) -> bool {
        !self.is_traced || tracing::enabled!(target: super::DECISIONS_TARGET, tracing::Level::INFO)
    }

    /// Lets somebody look on who has room for so many exchanges; none if somebody does already.
    #[must_use]
    pub fn let_look_on(&self, room: usize) -> Option<Onlooker> {
        self.gallery.enter(room)
    }

    /// Whether somebody looks on, who wants to know what rules changed.
    #[must_use]
    pub fn has_onlooker(&self) -> bool {
        self.gallery.is_taken()
    }

    /// Writes the line of an exchange, secrets masked. One with a secret left in
    /// it is dropped, and that is told.
    pub fn decide(&self, mut decision: Decision, changes: Changes, secrets: &Secrets) {
        decision.mask(secrets);
        match decision.print(secrets) {
            Ok(line) => {
                self.gallery.show(&decision, changes, secrets);
                if self.writes_decisions() {
                    self.decisions.send(Entry {
                        line,
                        told: Told::Decision(Box::new(decision)),
                    });
                }
            }
            Err(Leaks) => self.withhold(decision),
        }
    }

    /// Writes a security event.
    pub fn report(&self, event: SecurityEvent) {
        let kind = event.event.as_str();
        self.events.get_or_create(&SecurityLabels { kind }).inc();
        self.security.send(Entry {
            line: event.print(),
            told: Told::Event(Box::new(event)),
        });
    }

    /// A text without what looks like a secret or is one of these, for other lines.
    #[must_use]
    pub fn harmless(&self, text: &str, secrets: &Secrets) -> String {
        secrets.mask(text, 300)
    }

    /// Tells that a line was dropped, by the gateway's own words in it alone.
    fn withhold(&self, decision: Decision) {
        let labels = DroppedLabels {
            stream: DECISIONS,
            reason: "masking",
        };
        self.dropped.get_or_create(&labels).inc();
        self.report(SecurityEvent {
            request_id: Some(decision.request_id),
            operation: Some(decision.operation),
            collection: decision.collection,
            principal: decision.principal,
            address: decision.address,
            status: Some(decision.status),
            ..SecurityEvent::now(SecurityKind::Masking)
        });
    }
}

/// The streams' names in metrics.
pub(super) const DECISIONS: &str = "decisions";
pub(super) const SECURITY: &str = "security";

impl LogSettings {
    /// Whether the files could be written, without making any.
    ///
    /// # Errors
    ///
    /// The first that could not.
    pub fn check(&self) -> Result<(), LogError> {
        [&self.decisions, &self.security]
            .into_iter()
            .filter_map(|destination| match destination {
                Destination::Stdout => None,
                Destination::File(file) => Some(file),
            })
            .try_for_each(|file| {
                could_write(file).map_err(|problem| LogError {
                    file: file.clone(),
                    problem,
                })
            })
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            decisions: Destination::Stdout,
            security: Destination::Stdout,
            rotate: ByteSize::mib(64),
            keep: 5,
            queue: 10_000,
            address: Telling::Tell,
            principal: Telling::Tell,
        }
    }
}

fn could_write(file: &Path) -> std::io::Result<()> {
    match std::fs::metadata(file) {
        Ok(found) if found.is_file() => {
            std::fs::OpenOptions::new().append(true).open(file)?;
            Ok(())
        }
        Ok(found) if found.is_dir() => Err(std::io::ErrorKind::IsADirectory.into()),
        // To open a pipe would wait for a reader.
        Ok(_) => Ok(()),
        Err(_) => {
            let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
            if std::fs::metadata(folder.unwrap_or(Path::new(".")))?.is_dir() {
                Ok(())
            } else {
                Err(std::io::ErrorKind::NotADirectory.into())
            }
        }
    }
}
