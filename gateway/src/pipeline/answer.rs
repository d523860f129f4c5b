//! Holds an answer of PocketBase against what it must be: records with the fields
//! of their collections, objects with the keys that they have.
//!
//! What a hook adds to records, or unhides, was judged by nobody who wrote a rule
//! from the schema; so it leaves only when the configuration names it.

use http::StatusCode;
use serde_json::Value;

use super::closed;
use super::permit::Permitted;
use super::trace::Trace;
use crate::deny::Denies;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::gateway::Gateway;
use crate::operation::{Answer, OperationKind, Route};
use crate::record::Records;
use crate::schema::{Collection, Hidden, Schema};
use crate::surface::{Surface, Unnamed};
use crate::upstream::UpstreamError;

/// The shape that the table of routes gives to an operation's answer.
pub(super) fn shape(kind: OperationKind) -> Answer {
    Route::of(kind).map_or(Answer::Json, |route| route.answer)
}

/// Holds every record against the schema, read again once if one does not fit.
pub(super) async fn hold(
    gateway: &Gateway,
    permitted: &Permitted,
    records: &Records,
    trace: &Trace<'_>,
) -> Result<(), Error> {
    trace.let_in(hold_records(gateway, permitted.exchange(), records).await?);
    Ok(())
}

/// The same where no request is behind it; what was let in by observing alone is told.
pub(super) async fn hold_records(
    gateway: &Gateway,
    exchange: &Exchange,
    records: &Records,
) -> Result<Vec<Unnamed>, Error> {
    let hidden = Hidden::of(&exchange.principal);
    let surface = &exchange.client.surface;
    let schema = gateway.upstream.schema();
    let denies = gateway.denies_now();
    let look = |schema: &Schema| look(records, schema, (hidden, surface, &denies));
    match look(&schema) {
        Ok(unnamed) if unnamed.is_empty() => Ok(unnamed),
        doubtful => match gateway.upstream.refresh_schema(&schema).await? {
            Some(newer) => look(&newer),
            None => doubtful,
        },
    }
}

/// An answer without records, of which the table says what keys it has.
pub(super) fn hold_object(
    kind: OperationKind,
    status: StatusCode,
    body: &Value,
) -> Result<(), Error> {
    let garbled = |problem: String| Err(UpstreamError::Garbled(problem).into());
    match (shape(kind), body) {
        (Answer::Object(keys), Value::Object(body)) => {
            match body.keys().find(|key| !keys.contains(&key.as_str())) {
                Some(key) => garbled(format!("{kind} answers the key \"{key}\"")),
                None => Ok(()),
            }
        }
        (Answer::Json, _) => Ok(()),
        _ => garbled(format!(
            "{kind} answers {status} with a body of another shape"
        )),
    }
}

/// What is let in by observing alone, each once.
fn look(
    records: &Records,
    schema: &Schema,
    (hidden, surface, denies): (Hidden, &Surface, &Denies),
) -> Result<Vec<Unnamed>, Error> {
    let mut unnamed: Vec<Unnamed> = Vec::new();
    // Records of one collection mostly come in a row.
    let mut last: Option<&Collection> = None;
    for record in records.each() {
        let id = record.get("collectionId").and_then(Value::as_str);
        let known = last.filter(|collection| Some(collection.id.as_str()) == id);
        let found = known.or_else(|| schema.by_id(id.unwrap_or_default()).map(AsRef::as_ref));
        // Rules are found by the name: it is to be that of the id.
        let name = record.get("collectionName").and_then(Value::as_str);
        let found = found.filter(|collection| Some(collection.name.as_str()) == name);
        let (Some(collection), Some(fields)) = (found, record.as_object()) else {
            let problem = "a record of a collection that is not there".to_owned();
            return Err(UpstreamError::Garbled(problem).into());
        };
        if known.is_none() {
            closed::collection(denies, collection)?;
        }
        last = Some(collection);
        for key in collection.unknown_keys(fields, hidden) {
            let name = Unnamed::Answer {
                collection: collection.name.clone(),
                key: key.to_owned(),
            };
            if unnamed.contains(&name) {
                continue;
            }
            if !surface.admits(name.clone(), &mut unnamed) {
                return Err(Error::Answer(name));
            }
        }
    }
    Ok(unnamed)
}
