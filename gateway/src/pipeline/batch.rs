//! A batch: each part is permitted by itself, all of them are one request to
//! PocketBase, and what each answers is released by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use tokio::sync::OwnedSemaphorePermit;

use super::asks::{Asks, Found, Sent, find, with_schema};
use super::permit::{self, Permitted};
use super::trace::Trace;
use super::{Response, closed, conceal, limit, locked, release};
use crate::error::{BodyError, Error};
use crate::exchange::batch::{BatchError, RawPart, file_key, parts};
use crate::exchange::{Client, Exchange, InBatch, Touched, Upload};
use crate::gateway::{Gateway, InForce};
use crate::locks::{Held, RecordKey};
use crate::operation::{Operation, OperationKind, Part, RecordId};
use crate::schema::Collection;
use crate::upstream::{Reply, UpstreamError};

/// Who sends the batch, and where to.
pub(super) struct Outer<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) in_force: &'a Arc<InForce>,
    pub(super) exchange: &'a Exchange,
}

/// A batch that the rules have let pass, part by part.
pub(super) struct Writes {
    pub(super) parts: Vec<Permitted>,
    /// As it goes to PocketBase.
    pub(super) body: Value,
    /// All records that it writes to.
    pub(super) held: Option<Held>,
    pub(super) under_way: OwnedSemaphorePermit,
}

/// A part of which everything is known but what the rules say.
struct Known {
    operation: Operation,
    is_upsert: bool,
    collection: Arc<Collection>,
    expanded: Vec<Arc<Collection>>,
    /// With the headers of the part over those of the request.
    client: Client,
    /// The part's own.
    headers: HeaderMap,
    body: Option<Value>,
    uploads: Vec<Upload>,
}

/// Takes every part through what a request of its own would be taken through. The
/// first that is refused ends the batch.
pub(super) async fn permit(
    outer: &Outer<'_>,
    sent: Sent,
    under_way: OwnedSemaphorePermit,
    trace: &mut Trace<'_>,
) -> Result<Writes, Error> {
    let bounds = &outer.exchange.client.surface.batch;
    let raw = parts(sent.body.unwrap_or_default(), bounds).map_err(BodyError::from)?;
    let uploads = by_part(&outer.exchange.uploads, raw.len()).map_err(BodyError::from)?;
    let mut known = Vec::with_capacity(raw.len());
    for (index, part) in raw.into_iter().zip(uploads).enumerate() {
        let part = outer.know(part, trace).await;
        known.push(part.map_err(|error| of_part(index, error))?);
    }
    let keys = known.iter().filter_map(Known::key).collect();
    let (under_way, held) = locked::hold(outer.gateway, under_way, keys).await?;
    outer.settle(&mut known, trace).await?;
    let mut permitted = Vec::with_capacity(known.len());
    let mut written = Vec::with_capacity(known.len());
    let mut touched = Touched::default();
    for (index, part) in known.into_iter().enumerate() {
        let headers = texts(&part.headers);
        let judged = outer.judge((index, part), touched.clone(), trace).await;
        let part = judged.map_err(|error| of_part(index, error))?;
        touch(&mut touched, &part, outer.gateway);
        written.push(write(&part, &headers));
        permitted.push(part);
    }
    Ok(Writes {
        parts: permitted,
        body: json!({ "requests": written }),
        held,
        under_way,
    })
}

impl Outer<'_> {
    /// What a part asks for, held against what there is.
    async fn know(
        &self,
        (part, uploads): (Value, Vec<Upload>),
        trace: &mut Trace<'_>,
    ) -> Result<Known, Error> {
        let Self {
            gateway, in_force, ..
        } = *self;
        let outer = &self.exchange.client;
        let raw = RawPart::read(part, &outer.surface.batch).map_err(BodyError::from)?;
        let Part {
            operation,
            is_upsert,
        } = Part::parse(&raw.method, &raw.address, &outer.surface)?;
        let found = with_schema(gateway, |schema| find(schema, in_force, &operation)).await?;
        closed::found(gateway, found.as_deref())?;
        trace.has_part(&operation, found.as_deref());
        let asking = (&self.exchange.principal, outer.address);
        limit::operation(gateway, (&operation, found.as_deref()), asking, trace)?;
        let body = body_of(&operation, raw.body, &uploads)?;
        if let (Some(collection), Some(body)) = (&found, &body) {
            trace.hears_of_part(collection, body);
        }
        let mut client = outer.clone();
        client.headers.extend(raw.headers.clone());
        let asks = Asks {
            gateway,
            in_force,
            operation: &operation,
            principal: &self.exchange.principal,
        };
        // With a body, that is looked up where the body is held.
        let found = match &body {
            Some(_) => None,
            None => with_schema(gateway, |schema| asks.reach(schema)).await?,
        };
        let sent = Sent {
            body,
            uploads,
            ..Sent::default()
        };
        let (found, sent) = asks.hold(found, sent, &client, trace).await?;
        let Some(Found {
            collection,
            expanded,
        }) = found
        else {
            return Err(Error::NotExposed(String::new()));
        };
        Ok(Known {
            operation,
            is_upsert,
            collection,
            expanded,
            client,
            headers: raw.headers,
            body: sent.body,
            uploads: sent.uploads,
        })
    }

    /// Makes an update of each upsert whose record is there, as it will be when its turn comes.
    async fn settle(&self, parts: &mut [Known], trace: &mut Trace<'_>) -> Result<(), Error> {
        let mut there: BTreeMap<RecordKey, bool> = BTreeMap::new();
        for (index, part) in parts.iter_mut().enumerate() {
            let Some(key) = part.key() else { continue };
            if part.is_upsert {
                let is_there = if let Some(is_there) = there.get(&key) {
                    *is_there
                } else {
                    let upstream = &self.gateway.upstream;
                    let stored = upstream.stored(&part.collection, &key.record).await?;
                    stored.is_some()
                };
                if is_there {
                    let turned = part.turn_to_update(&key.record);
                    // What it is now counts as well, or it would be a way around.
                    let counted = turned.and_then(|()| self.count(part, trace));
                    counted.map_err(|error| of_part(index, error))?;
                }
            }
            let is_deleted = part.operation.kind() == OperationKind::Delete;
            there.insert(key, !is_deleted);
        }
        Ok(())
    }

    fn count(&self, part: &Known, trace: &mut Trace<'_>) -> Result<(), Error> {
        let asked = (&part.operation, Some(part.collection.as_ref()));
        let asking = (&self.exchange.principal, part.client.address);
        limit::operation(self.gateway, asked, asking, trace)
    }

    /// Asks the rules about one part.
    async fn judge(
        &self,
        (index, part): (usize, Known),
        touched: Touched,
        trace: &mut Trace<'_>,
    ) -> Result<Permitted, Error> {
        let place = InBatch {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            touched,
        };
        let exchange = Arc::new(Exchange {
            operation: part.operation,
            collection: Some(part.collection),
            expanded: part.expanded,
            principal: self.exchange.principal.clone(),
            client: part.client,
            uploads: part.uploads,
            batch: Some(place),
            received_ms: self.exchange.received_ms,
        });
        if conceal::conceals(self.in_force, &exchange) {
            return Err(Error::SignUpInBatch);
        }
        let sent = Sent {
            body: part.body,
            ..Sent::default()
        };
        permit::judge(self.gateway, self.in_force, (exchange, sent), trace).await
    }
}

impl Known {
    fn key(&self) -> Option<RecordKey> {
        locked::record(&self.operation, &self.collection, self.body.as_ref())
    }

    /// Its record is there: it is named by the address then, and not by the body.
    fn turn_to_update(&mut self, id: &RecordId) -> Result<(), Error> {
        self.operation = Part::update(&self.operation, id)?;
        if let Some(Value::Object(body)) = &mut self.body {
            body.remove("id");
        }
        Ok(())
    }
}

/// Takes down what a part changes, for those after it, as rules left it.
fn touch(touched: &mut Touched, part: &Permitted, gateway: &Gateway) {
    let exchange = part.exchange();
    let Some(collection) = &exchange.collection else {
        return;
    };
    let key = locked::record(&exchange.operation, collection, part.sent());
    let record = key.as_ref().map(|key| key.record.as_str());
    match (&exchange.operation, record) {
        (Operation::Delete { .. }, Some(record)) => {
            touched.delete(collection, record, &gateway.upstream.schema());
        }
        (_, record) => touched.write(collection, record),
    }
}

/// The files of a batch, by the parts that they are for. A key of a part has its files
/// under one name: PocketBase takes those of the two spellings one after the other,
/// whatever their order.
fn by_part(uploads: &[Upload], parts: usize) -> Result<Vec<Vec<Upload>>, BatchError> {
    let mut of = vec![Vec::new(); parts];
    let mut names: BTreeMap<(usize, &str), &str> = BTreeMap::new();
    for upload in uploads {
        let stray = || BatchError::File(upload.key.clone());
        let (index, key) = file_key(&upload.key)?;
        let name = *names.entry((index, key)).or_insert(&upload.key);
        if name != upload.key {
            return Err(stray());
        }
        of.get_mut(index).ok_or_else(stray)?.push(Upload {
            key: key.to_owned(),
            ..upload.clone()
        });
    }
    Ok(of)
}

fn body_of(
    operation: &Operation,
    body: Map<String, Value>,
    uploads: &[Upload],
) -> Result<Option<Value>, Error> {
    match operation {
        Operation::Delete { .. } if body.is_empty() && uploads.is_empty() => Ok(None),
        Operation::Delete { .. } => Err(BodyError::from(BatchError::Unwanted).into()),
        _ => Ok(Some(Value::Object(body))),
    }
}

/// A part as it goes to PocketBase.
fn write(part: &Permitted, headers: &Map<String, Value>) -> Value {
    let exchange = part.exchange();
    let collection = exchange.collection.as_ref();
    let name = collection.map_or("", |collection| collection.name.as_str());
    json!({
        "method": exchange.operation.upstream_method().as_str(),
        "url": exchange.operation.upstream_path_and_query(name),
        "headers": headers,
        "body": part.sent().cloned().unwrap_or_else(|| json!({})),
    })
}

fn texts(headers: &HeaderMap) -> Map<String, Value> {
    let texts = headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), Value::from(value)))
    });
    texts.collect()
}

/// What is wrong with a part; what has nothing to do with it is told by itself.
fn of_part(index: usize, error: Error) -> Error {
    let error = Box::new(error);
    Error::Part { index, error }
}

/// Takes what each part answers through the rules.
pub(super) async fn release(
    gateway: &Gateway,
    permitted: Permitted,
    reply: Reply,
    trace: &mut Trace<'_>,
) -> Result<Response, Error> {
    let (status, body) = match reply {
        Reply::Json { status, body } => (status, body),
        Reply::Refused { status, body } => return Ok(Response::json(status, &body)),
        Reply::Empty { .. } | Reply::File(_) => return Err(garbled().into()),
    };
    let whole = all(gateway, &permitted, body, trace).await;
    // It is done, whatever it answers.
    let mut whole = whole.map_err(|error| match error {
        error @ Error::Written(_) => error,
        error => Error::Written(Box::new(error)),
    })?;
    if let Some(fields) = permitted.exchange().operation.fields() {
        fields.pick(&mut whole);
    }
    Ok(Response::json(status, &whole))
}

async fn all(
    gateway: &Gateway,
    permitted: &Permitted,
    body: Value,
    trace: &mut Trace<'_>,
) -> Result<Value, Error> {
    let Value::Array(answers) = body else {
        return Err(garbled().into());
    };
    if answers.len() != permitted.parts().len() {
        return Err(garbled().into());
    }
    let mut released = Vec::with_capacity(answers.len());
    for (part, answer) in permitted.parts().iter().zip(answers) {
        let (status, body) = read(part, answer)?;
        let body = if let Some(record) = body {
            release::record(gateway, part, (status, record), trace).await?
        } else {
            release::nothing(part, status, trace).await;
            Value::Null
        };
        released.push(json!({ "body": body, "status": status.as_u16() }));
    }
    Ok(Value::Array(released))
}

/// What one part answers: a record, or that it is gone.
fn read(part: &Permitted, answer: Value) -> Result<(StatusCode, Option<Value>), UpstreamError> {
    let Value::Object(mut answer) = answer else {
        return Err(garbled());
    };
    let status = answer.remove("status").as_ref().and_then(Value::as_u64);
    let status = status.and_then(|status| u16::try_from(status).ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let (Some(status), Some(body)) = (status, answer.remove("body")) else {
        return Err(garbled());
    };
    let is_delete = part.exchange().operation.kind() == OperationKind::Delete;
    match body {
        Value::Null if is_delete && status.is_success() => Ok((status, None)),
        body @ Value::Object(_) if !is_delete && status.is_success() => Ok((status, Some(body))),
        _ => Err(garbled()),
    }
}

fn garbled() -> UpstreamError {
    UpstreamError::Garbled("a batch answers something else than its parts".to_owned())
}
