//! What becomes known of an exchange on its way, and its one log line.
//!
//! The line is written when the trace is dropped: also when the client goes
//! away and the exchange is dropped wherever it stands.

mod alarm;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, header};
use serde_json::Value;
use tokio::time::Instant;

use self::alarm::{Alarm, refusal};
use super::allowance::Allowance;
use super::arrival::Arrival;
use super::changes;
use super::limit::Counted;
use super::{Request, Response, verdict};
use crate::error::Error;
use crate::exchange::Upload;
use crate::gateway::{Gateway, Seen};
use crate::operation::{AuthAction, Identity, Operation, OperationKind, RecordId, Route};
use crate::principal::Principal;
use crate::rules::{Dossier, Passed, RuleError};
use crate::schema::Collection;
use crate::sessions::SessionError;
use crate::surface::Unnamed;
use crate::telemetry::{
    Changes, CodeLabels, Decision, DeniedLabels, ExchangeLabels, Note, Noted, RuleCost, RuleLabels,
    Secrets, SecurityEvent, SecurityKind, UnnamedLabels, Verdict,
};

/// What servers write for a client that did not wait; nobody is sent it.
const CLIENT_GONE: u16 = 499;

/// What the layer against panics answers.
const PANICKED: u16 = 500;

/// What PocketBase answers to a login with a wrong password, or by nobody it knows.
const LOGIN_FAILED: u16 = 400;

/// An exchange under way.
pub(super) struct Trace<'a> {
    gateway: &'a Gateway,
    /// The client gets it too.
    pub(super) id: String,
    /// Of the trace across services.
    across: String,
    method: Method,
    /// Told only where no operation is found in it.
    path: String,
    address: IpAddr,
    started: Instant,
    operation: Option<OperationKind>,
    action: Option<AuthAction>,
    record: Option<RecordId>,
    pub(super) collection: Option<Arc<Collection>>,
    principal: Principal,
    /// By the name of its key.
    pub(super) application: Option<Arc<str>>,
    pub(super) generation: u64,
    /// Hold what rules noted and cost, whatever came of them: one, or one for each
    /// part of a batch.
    pub(super) dossiers: Vec<Arc<Dossier>>,
    /// What the parts of a batch ask for, or the topics of a subscription.
    parts: Vec<String>,
    /// How many files came, and their bytes together.
    uploads: Option<(u64, u64)>,
    /// How long it may take.
    pub(super) allowance: Arc<Allowance>,
    /// What limits counted of it.
    pub(super) counted: Counted,
    /// What must not be in the line.
    secrets: Secrets,
    has_token: bool,
    /// Who somebody wants to log in as.
    identity: Option<String>,
    alarm: Option<Alarm>,
    /// Taken down only while somebody looks on.
    changes: Changes,
    withheld: Option<Ending>,
    ended: Option<(u16, Ending)>,
}

/// How it ended.
struct Ending {
    verdict: Verdict,
    rule: Option<String>,
    /// The word that the client is told, and the cause that it is not.
    refusal: Option<(String, String)>,
}

impl<'a> Trace<'a> {
    pub(super) fn begin(gateway: &'a Gateway, request: &Request, arrival: Arrival) -> Self {
        gateway.metrics.in_flight.inc();
        Self {
            gateway,
            id: arrival.id,
            across: arrival.trace,
            method: request.method.clone(),
            path: request.path.clone(),
            address: request.address,
            started: Instant::now(),
            operation: None,
            action: None,
            record: None,
            collection: None,
            principal: Principal::Guest,
            application: None,
            generation: 0,
            dossiers: Vec::new(),
            parts: Vec::new(),
            uploads: None,
            allowance: Arc::new(Allowance::new(gateway.server.request_timeout)),
            counted: Counted::default(),
            secrets: Secrets::of_head(&request.headers, request.query.as_deref()),
            has_token: has_token(&request.headers),
            identity: None,
            alarm: None,
            changes: Changes::default(),
            withheld: None,
            ended: None,
        }
    }

    /// Whether an answer may be compressed: none that holds a token.
    pub(super) fn may_be_compressed(&self) -> bool {
        self.operation.is_none_or(OperationKind::is_compressible)
    }

    /// Takes down what is asked.
    pub(super) fn asks(&mut self, operation: &Operation) {
        self.operation = Some(operation.kind());
        self.action = operation.auth_action();
        self.record = operation.record_id().cloned();
        self.has_token |= operation.file_token().is_some();
    }

    /// Takes down the collection, where only who asks has told which.
    pub(super) fn is_about(&mut self, collection: Option<&Arc<Collection>>) {
        if self.collection.is_none() {
            self.collection = collection.cloned();
        }
    }

    /// Takes down who asks, and whether a token was sent for nothing.
    pub(super) fn is_from(&mut self, principal: &Principal, identity: Identity) {
        self.principal = principal.clone();
        match identity {
            Identity::Optional | Identity::Required => {
                if self.has_token && principal.record().is_none() {
                    self.alarm = Some(Alarm::of_token());
                }
            }
            Identity::Ignored | Identity::IfGood | Identity::Superuser => {}
        }
    }

    /// Takes down that somebody came back from a provider to no login that waits for him.
    pub(super) fn login_failed(&mut self) {
        self.alarm = Some(Alarm::of(SecurityKind::LoginFailed));
    }

    /// Takes down what of a body must not be in the line.
    pub(super) fn hears(&mut self, body: &Value) {
        let masked = match (&self.collection, self.action) {
            (Some(collection), Some(_)) => Arc::clone(&collection.masked_of_logins),
            // A field of a record may have the name of a login's key.
            (Some(collection), None) => Arc::clone(&collection.masked),
            (None, _) => Route::secrets().into_iter().map(str::to_owned).collect(),
        };
        self.hears_but(&masked, body);
        let identity = body.get("identity").or_else(|| body.get("email"));
        self.identity = identity.and_then(Value::as_str).map(str::to_owned);
    }

    /// Takes down what files came along.
    pub(super) fn brings(&mut self, uploads: &[Upload]) {
        let sizes = uploads.iter().map(|upload| (1, upload.size));
        self.uploads = sizes.reduce(|sum, one| (sum.0 + one.0, sum.1.saturating_add(one.1)));
    }

    /// Takes down what a part of a batch asks for, or a topic.
    pub(super) fn has_part(&mut self, operation: &Operation, collection: Option<&Collection>) {
        let kind = operation.kind();
        let name = collection.map_or("", |collection| collection.name.as_str());
        self.parts.push(format!("{name}:{kind}"));
    }

    /// Takes down what of the body of a part of a batch must not be in the line.
    pub(super) fn hears_of_part(&mut self, collection: &Collection, body: &Value) {
        self.hears_but(&collection.masked, body);
    }

    fn hears_but(&mut self, masked: &[String], body: &Value) {
        let Value::Object(body) = body else {
            return;
        };
        let account = body.get("createData").and_then(Value::as_object);
        for (key, value) in body.iter().chain(account.into_iter().flatten()) {
            // However it is spelled: what is no key of the collection is refused, and told.
            let plain = key.trim_matches(['+', '-']);
            if masked.iter().any(|field| field.eq_ignore_ascii_case(plain)) {
                self.secrets.add_all(value);
            }
        }
    }

    /// Takes down what of an answer must not be in the line: the tokens of a login.
    pub(super) fn answers(&mut self, body: &Value) {
        for place in ["/token", "/meta/accessToken", "/meta/refreshToken"] {
            if let Some(token) = body.pointer(place) {
                self.secrets.add_all(token);
            }
        }
    }

    /// A copy to hold against what rules make of it; none where nobody would be told.
    pub(super) fn copy(&self, value: Option<&Value>) -> Option<Value> {
        value.filter(|_| self.gateway.log.has_onlooker()).cloned()
    }

    /// Takes down what rules made of a request.
    pub(super) fn judged(&mut self, before: Option<&Value>, passed: &Passed) {
        if self.gateway.log.has_onlooker() {
            changes::of_request(&mut self.changes, before, passed);
        }
    }

    /// Takes down what rules made of an answer, of which there is a copy.
    pub(super) fn revealed(&mut self, before: Option<&Value>, after: Option<&Value>) {
        if let Some(before) = before {
            changes::of_answer(&mut self.changes, before, after);
        }
    }

    /// Takes down that a write was done and is not shown, and why.
    pub(super) fn withhold(&mut self, error: &RuleError) {
        self.count_refusal(error);
        if let Some(kind) = verdict::of_rule(error) {
            self.alarm = Some(Alarm::of_rule(kind, error));
        }
        self.withheld = Some(Ending {
            verdict: Verdict::Withheld,
            rule: verdict::rule(error).map(str::to_owned),
            refusal: Some(("withheld".to_owned(), error.to_string())),
        });
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
                let log = &self.gateway.log;
                let allow = log.harmless(&name.to_string(), &self.secrets);
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
        let error = match result {
            Ok(response) => {
                let status = response.status.as_u16();
                if self.action.is_some_and(AuthAction::is_login) && status == LOGIN_FAILED {
                    self.alarm = Some(Alarm::of(SecurityKind::LoginFailed));
                }
                let ending = self.withheld.take().unwrap_or(Ending::of(Verdict::Allowed));
                self.ended = Some((status, ending));
                return;
            }
            Err(error) => error,
        };
        let told = error.told();
        self.count(error);
        let rule = verdict::rule_of(error).map(str::to_owned);
        if let Some(kind) = verdict::event(error, &told.code) {
            self.alarm = Some(Alarm {
                kind,
                rule: rule.clone(),
                code: Some(told.code.clone()),
            });
        } else if self.has_token && matches!(error, Error::Session(SessionError::Missing)) {
            self.alarm = Some(Alarm::of_token());
        }
        let ending = Ending {
            verdict: verdict::of(error),
            rule,
            refusal: Some((told.code, error.to_string())),
        };
        self.ended = Some((told.status.as_u16(), ending));
    }

    /// Its line, with everything that is known.
    fn decision(&mut self, status: u16, ending: Ending, duration: Duration) -> Decision {
        let veil = self.gateway.log.veil();
        let dossier = self.whole();
        let notes = dossier.map(Dossier::take_notes);
        let note = |(key, value)| Note { key, value };
        let costs = dossier.map(Dossier::costs);
        let (code, cause) = ending.refusal.unzip();
        Decision {
            request_id: self.id.clone(),
            trace_id: self.across.clone(),
            method: self.method.to_string(),
            path: self
                .operation
                .is_none()
                .then(|| std::mem::take(&mut self.path)),
            operation: self.operation(),
            parts: std::mem::take(&mut self.parts),
            files: self.uploads.map(|(files, _)| files),
            bytes: self.uploads.map(|(_, bytes)| bytes),
            collection: self.collection_name(),
            record: self.record(),
            principal: self.principal(),
            application: self.application.as_deref().map(str::to_owned),
            address: veil.address(self.address),
            status,
            verdict: ending.verdict,
            rule: ending.rule,
            code,
            cause,
            generation: self.generation,
            notes: notes.unwrap_or_default().into_iter().map(note).collect(),
            rules: costs
                .unwrap_or_default()
                .into_iter()
                .map(RuleCost::from)
                .collect(),
            duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            ..Decision::now()
        }
    }

    /// What rules noted and cost in all parts, in the first of them.
    fn whole(&self) -> Option<&Dossier> {
        let (first, others) = self.dossiers.split_first()?;
        for other in others {
            first.absorb(other);
        }
        Some(first)
    }

    fn event(&self, alarm: Alarm, status: u16) -> SecurityEvent {
        let veil = self.gateway.log.veil();
        let collection = self.collection_name();
        let identity = match (alarm.kind, &self.identity) {
            (SecurityKind::LoginFailed, Some(identity)) => {
                veil.identity(collection.as_deref().unwrap_or_default(), identity)
            }
            _ => None,
        };
        SecurityEvent {
            request_id: Some(self.id.clone()),
            operation: Some(self.operation()),
            collection,
            principal: self.principal(),
            identity,
            address: veil.address(self.address),
            status: Some(status),
            rule: alarm.rule,
            code: alarm.code,
            ..SecurityEvent::now(alarm.kind)
        }
    }

    fn operation(&self) -> &'static str {
        self.operation.map_or("none", OperationKind::as_str)
    }

    fn collection_name(&self) -> Option<String> {
        let collection = self.collection.as_ref();
        collection.map(|collection| collection.name.clone())
    }

    /// Whose record it is decides how it is told; of a collection that is not
    /// known it may be anybody, or anything.
    fn record(&self) -> Option<String> {
        let (id, collection) = (self.record.as_ref()?, self.collection.as_ref()?);
        if collection.is_auth() {
            let veil = self.gateway.log.veil();
            veil.person(&collection.name, id.as_str())
        } else {
            Some(id.as_str().to_owned())
        }
    }

    fn principal(&self) -> Option<String> {
        let record = self.principal.record()?;
        let veil = self.gateway.log.veil();
        veil.principal(&record.collection, &record.id)
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
            Error::Application(_) => {
                let refused = &self.gateway.metrics.application;
                let code = error.status_and_code().1;
                refused.get_or_create(&CodeLabels { code }).inc();
            }
            // Whatever it was, it happened.
            Error::Written(error) | Error::Part { error, .. } | Error::Topic { error, .. } => {
                self.count(error);
            }
            _ => {}
        }
    }

    fn count_refusal(&self, error: &RuleError) {
        if let RuleError::Faulted { fault, .. } = error {
            let principal = self.principal.record();
            let principal = principal.map(|record| format!("{}/{}", record.collection, record.id));
            self.gateway.note_fault(&Seen {
                generation: self.generation,
                principal: principal.as_deref(),
                fault,
            });
        }
        let (rule, code) = refusal(error);
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
        let (status, ending) = self.ended.take().unwrap_or_else(|| {
            if std::thread::panicking() {
                (PANICKED, Ending::of(Verdict::Failed))
            } else {
                (CLIENT_GONE, Ending::of(Verdict::Gone))
            }
        });
        let duration = self.started.elapsed();
        metrics.duration.observe(duration.as_secs_f64());
        let operation = self.operation();
        metrics
            .exchanges
            .get_or_create(&ExchangeLabels { operation, status })
            .inc();
        let log = &self.gateway.log;
        if let Some(alarm) = self.alarm.take() {
            log.report(self.event(alarm, status));
        }
        if log.takes_decisions() {
            let decision = self.decision(status, ending, duration);
            log.decide(decision, std::mem::take(&mut self.changes), &self.secrets);
        }
    }
}

impl Ending {
    fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            rule: None,
            refusal: None,
        }
    }
}

fn has_token(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    values.any(|value| !value.is_empty())
}
