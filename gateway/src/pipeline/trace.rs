//! What becomes known of an exchange on its way, and its one log line.
//!
//! The line is written when the trace is dropped: also when the client goes
//! away and the exchange is dropped wherever it stands.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use tokio::time::Instant;

use super::{Request, Response};
use crate::error::{Error, cut};
use crate::gateway::{Gateway, Seen};
use crate::operation::OperationKind;
use crate::rules::{Dossier, RuleError};
use crate::surface::Unnamed;
use crate::telemetry::{DeniedLabels, ExchangeLabels, Noted, RuleLabels, UnnamedLabels};

/// What servers write for a client that did not wait; nobody is sent it.
const CLIENT_GONE: u16 = 499;

/// What the layer against panics answers.
const PANICKED: u16 = 500;

/// Characters of a path that a log line may hold.
const PATH: usize = 200;

/// An exchange under way.
pub(super) struct Trace<'a> {
    gateway: &'a Gateway,
    /// Unique among the gateway's requests since its start; the client gets it too.
    pub(super) id: String,
    method: Method,
    /// Told only where no operation is found in it.
    path: String,
    started: Instant,
    pub(super) operation: Option<OperationKind>,
    pub(super) collection: Option<String>,
    pub(super) principal: Option<String>,
    pub(super) generation: u64,
    /// Holds what rules noted, whatever came of them.
    pub(super) dossier: Option<Arc<Dossier>>,
    withheld: Option<(String, String)>,
    ended: Option<Ended>,
}

/// How it ended.
struct Ended {
    status: u16,
    /// The word that the client is told, and the cause that it is not.
    refusal: Option<(String, String)>,
}

impl<'a> Trace<'a> {
    pub(super) fn begin(gateway: &'a Gateway, request: &Request) -> Self {
        gateway.metrics.in_flight.inc();
        Self {
            gateway,
            id: next_id(),
            method: request.method.clone(),
            path: request.path.chars().take(PATH).collect(),
            started: Instant::now(),
            operation: None,
            collection: None,
            principal: None,
            generation: 0,
            dossier: None,
            withheld: None,
            ended: None,
        }
    }

    /// Takes down that a write was done and is not shown, and why.
    pub(super) fn withhold(&mut self, error: &RuleError) {
        self.count_refusal(error);
        self.withheld = Some(("withheld".to_owned(), error.to_string()));
    }

    /// Takes down what was let in only because the gateway observes, and says
    /// of what is new how it would be let in by name.
    pub(super) fn let_in(&self, unnamed: Vec<Unnamed>) {
        let metrics = &self.gateway.metrics;
        for name in unnamed {
            let section = name.section();
            let labels = UnnamedLabels { section };
            metrics.unnamed.get_or_create(&labels).inc();
            if self.gateway.observed.note(&name) == Noted::First {
                metrics.unnamed_names.inc();
                let allow = name.to_string();
                tracing::warn!(
                    request.id = self.id,
                    allow,
                    "let in by observing; to name it, [compat]"
                );
            }
        }
    }

    /// Takes down how the exchange ended.
    pub(super) fn end(&mut self, result: &Result<Response, Error>) {
        self.ended = Some(match result {
            Ok(response) => Ended {
                status: response.status.as_u16(),
                refusal: None,
            },
            Err(error) => {
                self.count(error);
                let told = error.told();
                Ended {
                    status: told.status.as_u16(),
                    refusal: Some((told.code, cut(&error.to_string()))),
                }
            }
        });
    }
}

impl Trace<'_> {
    fn count(&self, error: &Error) {
        match error {
            Error::Rule(error) => self.count_refusal(error),
            Error::Closed(deny) => {
                let by = deny.kind();
                let denied = &self.gateway.metrics.denied;
                denied.get_or_create(&DeniedLabels { by }).inc();
            }
            // Whatever it was, it happened.
            Error::Written(error) => self.count(error),
            _ => {}
        }
    }

    fn count_refusal(&self, error: &RuleError) {
        let (rule, code) = match error {
            RuleError::Denied { rule, .. } => (rule.as_str(), "denied"),
            RuleError::Faulted { rule, fault } => {
                self.gateway.note_fault(&Seen {
                    generation: self.generation,
                    principal: self.principal.as_deref(),
                    fault,
                });
                (rule.as_str(), fault.code())
            }
            RuleError::Busy { rule } => (rule.as_str(), "busy"),
            RuleError::Unexposed { .. } => ("", "unexposed"),
        };
        let labels = RuleLabels {
            rule: rule.to_owned(),
            code,
        };
        self.gateway.metrics.rules.get_or_create(&labels).inc();
    }
}

impl Drop for Trace<'_> {
    fn drop(&mut self) {
        let metrics = &self.gateway.metrics;
        metrics.in_flight.dec();
        let unended = if std::thread::panicking() {
            PANICKED
        } else {
            CLIENT_GONE
        };
        let ended = self.ended.take().unwrap_or(Ended {
            status: unended,
            refusal: None,
        });
        let operation = self.operation.map_or("none", OperationKind::as_str);
        let duration = self.started.elapsed();
        metrics.duration.observe(duration.as_secs_f64());
        metrics
            .exchanges
            .get_or_create(&ExchangeLabels {
                operation,
                status: ended.status,
            })
            .inc();
        let (code, cause) = ended.refusal.or(self.withheld.take()).unzip();
        let notes = self.dossier.as_ref().map(|dossier| dossier.take_notes());
        let notes = notes
            .filter(|notes| !notes.is_empty())
            .map(|notes| format!("{notes:?}"));
        tracing::info!(
            request.id = self.id,
            http.method = %self.method,
            http.path = self.operation.is_none().then_some(self.path.as_str()),
            operation,
            operation.collection = self.collection,
            principal = self.principal,
            status = ended.status,
            code,
            cause,
            generation = self.generation,
            notes,
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            "exchange",
        );
    }
}

fn next_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static START: LazyLock<u64> = LazyLock::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    });
    format!("{:x}-{:x}", *START, NEXT.fetch_add(1, Ordering::Relaxed))
}
