//! One case: a request that nobody sent, what is told around it, and what is expected.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::answer::{self, Response};
use super::expect::{Asked, Expect};
use super::facts::{Facts, Wrong};
use super::request::{self, Line};
use super::{people, raw, values};
use crate::exchange::{
    Client, Exchange, InBatch, Touched, Types, Upload, files, hold_body, hold_uploads,
};
use crate::operation::{CollectionRef, Identity, Operation, OperationKind, Takes};
use crate::principal::Principal;
use crate::rules::Stored;
use crate::schema::{Collection, Hidden};

/// When a request comes in where a case does not say: 2026-01-01T00:00:00Z.
const WHEN: u64 = 1_767_225_600_000;

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Told apart by it from all others of its file.
    pub name: String,
    /// Where it begins in its file, from 1; 0 where it is in none.
    pub line: usize,
    /// JSON.
    pub(super) settings: String,
    pub(super) exchange: Arc<Exchange>,
    pub(super) body: Option<Value>,
    pub(super) stored: Stored,
    pub(super) records: BTreeMap<String, Vec<Arc<Value>>>,
    pub(super) counters: BTreeMap<String, i64>,
    pub(super) response: Option<Response>,
    /// HTTP, of the response.
    pub(super) status: u16,
    /// None: whatever comes of it is looked at by a person.
    pub(super) expect: Option<Expect>,
}

/// Whether a case must expect something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is a test.
    Yes,
    /// It is looked at.
    No,
}

impl Case {
    /// Reads a case of a file of which this is known.
    pub(super) fn of(
        (line, raw): (usize, &raw::Case),
        file: &raw::File,
        facts: &Facts,
        judged: Judged,
    ) -> Result<Self, Wrong> {
        if raw.name.trim().is_empty() && judged == Judged::Yes {
            return Err(("name", "a case has a name, by which it is found".to_owned()));
        }
        let exchange = exchange(raw, file, facts)?;
        let body = body(raw, &exchange)?;
        hold_files(&exchange, body.as_ref(), facts)?;
        let response = response(raw, &exchange, facts)?;
        let mut records = BTreeMap::new();
        for (name, told) in file.records.iter().chain(&raw.records) {
            records.insert(name.clone(), found(name, told, facts)?);
        }
        let asked = Asked {
            exchange: &exchange,
            has_body: body.is_some(),
            response: response.as_ref(),
            schema: &facts.known.schema,
        };
        let expect = match judged {
            Judged::Yes => Some(Expect::of(raw, &asked)?),
            Judged::No => None,
        };
        let fallback = if response == Some(Response::Empty) {
            204
        } else {
            200
        };
        Ok(Self {
            name: raw.name.clone(),
            line,
            settings: settings(raw, file),
            stored: stored(raw, &exchange, facts)?,
            exchange: Arc::new(exchange),
            body,
            records,
            counters: raw.counters.clone(),
            response,
            status: raw.response_status.unwrap_or(fallback),
            expect,
        })
    }

    /// What is asked, as the gateway understood it.
    #[must_use]
    pub fn asks(&self) -> String {
        let collection = self.exchange.collection.as_ref();
        let collection = collection.map(|collection| collection.name.as_str());
        let who = match self.exchange.principal.record() {
            None => "a guest".to_owned(),
            Some(vouched) => format!("{}/{}", vouched.collection, vouched.id),
        };
        let id = self.exchange.operation.record_id();
        let id = id.map(|id| format!("/{}", id.as_str())).unwrap_or_default();
        let kind = self.exchange.operation.kind();
        format!("{kind} {}{id} as {who}", collection.unwrap_or_default())
    }

    /// The body as it comes in, secrets masked.
    #[must_use]
    pub fn body(&self) -> Option<Value> {
        self.body.clone().map(|body| self.veiled(body))
    }

    /// The settings with which the rule is loaded for it, as JSON.
    #[must_use]
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// Any body of the same request, secrets masked.
    #[must_use]
    pub fn shown(&self, body: Option<Value>) -> Option<Value> {
        body.map(|body| self.veiled(body))
    }

    /// What PocketBase answers, before any rule looks at it.
    #[must_use]
    pub fn response(&self) -> Option<&Value> {
        match &self.response {
            Some(Response::Object(body) | Response::Records(body, _)) => Some(body),
            Some(Response::Empty) | None => None,
        }
    }

    /// A body without what rules are not told either.
    pub(super) fn veiled(&self, mut body: Value) -> Value {
        for key in self.exchange.masked().iter() {
            if let Some(secret) = body.get_mut(key) {
                *secret = "[masked]".into();
            }
        }
        body
    }
}

fn response(
    raw: &raw::Case,
    exchange: &Exchange,
    facts: &Facts,
) -> Result<Option<Response>, Wrong> {
    let wrong = |key, problem: &str| Err((key, problem.to_owned()));
    let is_event = exchange.operation.kind() == OperationKind::Event;
    let Some(told) = &raw.response else {
        return match raw.response_status {
            Some(_) => wrong(
                "response_status",
                "nothing is answered; write response = { … }",
            ),
            None if is_event => {
                let problem =
                    "an event is a record on its way out; write it: response = { id = \"p1\" }";
                wrong("response", problem)
            }
            None => Ok(None),
        };
    };
    let response = answer::response(told, exchange, &facts.known.schema);
    let response = response.map_err(|problem| ("response", problem))?;
    if raw
        .response_status
        .is_some_and(|status| !(200..300).contains(&status))
    {
        let problem =
            "what PocketBase refuses no rule is asked about; expected a status from 200 to 299";
        return wrong("response_status", problem);
    }
    Ok(Some(response))
}

fn exchange(raw: &raw::Case, file: &raw::File, facts: &Facts) -> Result<Exchange, Wrong> {
    let line = Line {
        text: &raw.request,
        query: &raw.query,
        action: raw.action.as_deref(),
    };
    let operation = request::parse(&line, &facts.surface);
    let operation = operation.map_err(|problem| ("request", problem))?;
    let name = raw.r#as.as_deref().unwrap_or("guest");
    let principal = people::principal(name, &file.principals, facts);
    let principal = principal.map_err(|problem| ("as", problem))?;
    may_ask(&operation, &principal).map_err(|problem| ("as", problem))?;
    let collection = collection(&operation, &principal, facts)?;
    let event = operation.kind() == OperationKind::Event;
    let address = raw.ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let headers = headers(&raw.headers).map_err(|problem| ("headers", problem))?;
    let client = if event {
        Client::of_class(headers, Arc::clone(&facts.surface))
    } else {
        Client {
            address,
            headers,
            key: None,
            wants_file: operation.is_streamed(),
            surface: Arc::clone(&facts.surface),
        }
    };
    let uploads = raw.uploads.iter().map(|told| Upload {
        key: told.field.clone(),
        name: told.name.clone(),
        size: told.size,
        media_type: told.r#type.clone(),
    });
    Ok(Exchange {
        uploads: uploads.collect(),
        batch: in_batch(raw, operation.kind())?,
        operation,
        collection: Some(collection),
        expanded: Vec::new(),
        principal,
        client,
        received_ms: when(raw.time.as_ref().or(file.time.as_ref()))?,
    })
}

fn when(told: Option<&toml::Value>) -> Result<u64, Wrong> {
    let Some(told) = told else { return Ok(WHEN) };
    let expected = "expected a moment like 2026-01-02T03:04:05Z";
    values::milliseconds(told).ok_or(("time", expected.to_owned()))
}

fn in_batch(raw: &raw::Case, kind: OperationKind) -> Result<Option<InBatch>, Wrong> {
    let writes = matches!(
        kind,
        OperationKind::Create | OperationKind::Update | OperationKind::Delete
    );
    if raw.batch_index.is_some() && !writes {
        let problem = "only a create, an update and a delete are parts of a batch";
        return Err(("batch_index", problem.to_owned()));
    }
    Ok(raw.batch_index.map(|index| InBatch {
        index,
        touched: Touched::default(),
    }))
}

/// Whom the gateway lets ask at all.
fn may_ask(operation: &Operation, principal: &Principal) -> Result<(), String> {
    let kind = operation.kind();
    let is_guest = principal.record().is_none();
    match operation.identity() {
        Identity::Ignored if !is_guest => Err(format!(
            "{kind} does not look at who asks, so rules are asked about a guest; leave as out"
        )),
        Identity::Required if is_guest => Err(format!(
            "the gateway refuses {kind} to a guest before any rule is asked; say who asks"
        )),
        _ if operation.is_for_superusers() && !principal.is_superuser() => Err(format!(
            "the gateway refuses {kind} to all but superusers before any rule is asked; write as = \"superuser\""
        )),
        _ => Ok(()),
    }
}

fn collection(
    operation: &Operation,
    principal: &Principal,
    facts: &Facts,
) -> Result<Arc<Collection>, Wrong> {
    let found = match (operation.collection(), principal.record()) {
        (Some(named), _) => facts.known.schema.find(named),
        // A file token is of the collection of who asks.
        (None, Some(vouched)) => facts.known.schema.by_name(&vouched.collection),
        (None, None) => None,
    };
    let found = found.cloned().ok_or_else(|| {
        let named = operation.collection().map(CollectionRef::as_str);
        let named = named.unwrap_or_default();
        (
            "request",
            format!("there is no collection \"{named}\" in the schema"),
        )
    })?;
    if operation.auth_action().is_some() && !found.is_auth() {
        let problem = format!(
            "\"{}\" is no auth collection, so nobody logs in there",
            found.name
        );
        return Err(("request", problem));
    }
    Ok(found)
}

fn headers(told: &BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let each = told.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|error| error.to_string())?;
        let value = HeaderValue::from_str(value);
        Ok((name, value.map_err(|error| error.to_string())?))
    });
    each.collect()
}

/// The body in the form in which rules see it in production, too.
fn body(raw: &raw::Case, exchange: &Exchange) -> Result<Option<Value>, Wrong> {
    let operation = &exchange.operation;
    let takes_one = !matches!(
        operation.kind(),
        OperationKind::Subscribe | OperationKind::Event
    ) && !matches!(operation.takes(), Takes::Nothing | Takes::File);
    let told = match (&raw.body, takes_one) {
        (Some(_), false) => {
            return Err(("body", format!("{} takes no body", operation.kind())));
        }
        (None, false) => return Ok(None),
        (told, true) => told.as_ref().map(values::object).unwrap_or_default(),
    };
    let collection = exchange.collection.as_deref();
    let surface = &exchange.client.surface;
    let held = hold_body(operation, collection, Value::Object(told), surface);
    let held = held.map_err(|error| {
        (
            "body",
            format!("the gateway refuses it before any rule is asked: {error}"),
        )
    })?;
    Ok(Some(held.body))
}

fn hold_files(exchange: &Exchange, body: Option<&Value>, facts: &Facts) -> Result<(), Wrong> {
    if exchange.uploads.is_empty() {
        return Ok(());
    }
    let wrong = |problem: String| Err(("uploads", problem));
    let (Some(collection), Some(body), true) = (
        &exchange.collection,
        body.and_then(Value::as_object),
        exchange.operation.writes_record(),
    ) else {
        return wrong("files come with a create or an update".to_owned());
    };
    let takes = files::Takes {
        operation: &exchange.operation,
        collection,
        hidden: Hidden::of(&exchange.principal),
        types: &Types::default(),
    };
    match hold_uploads(&exchange.uploads, body, &takes) {
        Err(error) if facts.known.is_all => wrong(format!(
            "the gateway refuses them before any rule is asked: {error}"
        )),
        Err(error) => wrong(error.to_string()),
        Ok(()) => Ok(()),
    }
}

fn stored(raw: &raw::Case, exchange: &Exchange, facts: &Facts) -> Result<Stored, Wrong> {
    let wrong = |problem: String| Err(("stored", problem));
    let Some(told) = &raw.stored else {
        return Ok(Stored::Untold);
    };
    let Some(id) = exchange.operation.record_id() else {
        let kind = exchange.operation.kind();
        return wrong(format!("{kind} is about no one record, so none is stored"));
    };
    match told {
        toml::Value::String(word) if word == "none" => Ok(Stored::Nothing),
        toml::Value::String(word) if word == "fault" => Ok(Stored::Away),
        toml::Value::Table(table) => {
            let mut record = values::object(table);
            let own = record.entry("id").or_insert_with(|| id.as_str().into());
            if own.as_str() != Some(id.as_str()) {
                return wrong(format!(
                    "its id is {own}, and the request is about \"{}\"",
                    id.as_str()
                ));
            }
            let collection = exchange.collection.as_ref();
            let name = collection.map(|collection| collection.name.as_str());
            let mut record = Value::Object(record);
            answer::complete(&mut record, name, &facts.known.schema)
                .map_err(|problem| ("stored", problem))?;
            Ok(Stored::Record(Arc::new(record)))
        }
        _ => wrong("expected a record, { author = \"ada\" }, \"none\" or \"fault\"".to_owned()),
    }
}

fn found(name: &str, told: &[toml::Table], facts: &Facts) -> Result<Vec<Arc<Value>>, Wrong> {
    let each = told.iter().map(|table| {
        let mut record = Value::Object(values::object(table));
        answer::complete(&mut record, Some(name), &facts.known.schema)
            .map_err(|problem| ("records", format!("{name}: {problem}")))?;
        Ok(Arc::new(record))
    });
    each.collect()
}

/// Those of the case over those of the file.
fn settings(raw: &raw::Case, file: &raw::File) -> String {
    let mut settings: Map<String, Value> = values::object(&file.settings);
    if let Some(own) = &raw.settings {
        settings.extend(values::object(own));
    }
    Value::Object(settings).to_string()
}
