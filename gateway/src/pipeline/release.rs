//! The way out: every record through its rules, then the whole, then what the
//! client wants of it.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::Response;
use super::fill;
use super::permit::Permitted;
use super::trace::Trace;
use crate::error::Error;
use crate::gateway::Gateway;
use crate::operation::{Operation, OperationKind};
use crate::record::{Records, Shape};
use crate::rules::{Leaving, Released, RuleError};
use crate::upstream::{Reply, UpstreamError};

/// Takes PocketBase's answer through the rules and writes the gateway's.
pub(super) async fn release(
    gateway: &Gateway,
    permitted: Permitted,
    reply: Reply,
    trace: &mut Trace<'_>,
) -> Result<Response, Error> {
    match reply {
        Reply::Refused { status, body } => Ok(Response::json(status, &body)),
        Reply::Empty { status } => {
            let released = conclude(&permitted, status, None).await;
            match released {
                Ok(released) => trace.notes.extend(released.notes),
                // It is done already: a denial now must not look like "not done".
                Err(RuleError::Denied { .. }) if permitted.exchange().operation.is_write() => {}
                Err(error) => return Err(error.into()),
            }
            Ok(Response::empty(status))
        }
        Reply::File(file) => {
            let released = conclude(&permitted, file.status, None).await?;
            trace.notes.extend(released.notes);
            Ok(Response::file(file))
        }
        Reply::Json { status, body } => {
            let body = json(gateway, &permitted, status, body, trace).await?;
            Ok(Response::json(status, &body))
        }
    }
}

/// Releases a JSON answer.
async fn json(
    gateway: &Gateway,
    permitted: &Permitted,
    status: StatusCode,
    body: Value,
    trace: &mut Trace<'_>,
) -> Result<Value, Error> {
    let operation = &permitted.exchange().operation;
    let generation = &permitted.in_force().generation;
    let released = match (shape(operation), fill::plan(permitted)) {
        (Some(Shape::List), Some(scan)) => {
            let (whole, notes) = fill::fill(gateway, permitted, scan, body).await?;
            trace.notes.extend(notes);
            conclude(permitted, status, Some(whole)).await?
        }
        (Some(shape), _) => {
            if shape == Shape::Record {
                check_asked(permitted, &body)?;
            }
            let written = operation.writes_record().then(|| name_of(&body));
            let records = Records::take(body, shape)?;
            match (
                generation
                    .release(leaving(permitted, status.as_u16()), records)
                    .await,
                written,
            ) {
                (Ok(released), _) => released,
                // The write stands: it is answered, by its id alone.
                (Err(RuleError::Denied { denial, .. }), Some(name)) => {
                    return Ok(stands(name, &denial.code, &denial.message));
                }
                (Err(error), Some(name)) => {
                    tracing::error!(%error, "a rule failed on what was written");
                    return Ok(stands(
                        name,
                        "rule_fault",
                        "The record was written and can't be shown now.",
                    ));
                }
                (Err(error), None) => return Err(error.into()),
            }
        }
        (None, _) => {
            if !body.is_object() && operation.kind() != OperationKind::Superuser {
                return Err(UpstreamError::Garbled("an object was expected".to_owned()).into());
            }
            conclude(permitted, status, Some(body)).await?
        }
    };
    trace.notes.extend(released.notes);
    let mut answer = released.answer.unwrap_or(Value::Null);
    if let Some(fields) = operation.fields() {
        match operation.kind() {
            OperationKind::List => fields.pick_items(&mut answer),
            _ => fields.pick(&mut answer),
        }
    }
    Ok(answer)
}

/// Asks `after` about an answer without records, or whose records were revealed.
async fn conclude(
    permitted: &Permitted,
    status: StatusCode,
    answer: Option<Value>,
) -> Result<Released, RuleError> {
    permitted
        .in_force()
        .generation
        .after(leaving(permitted, status.as_u16()), answer)
        .await
}

pub(super) fn leaving(permitted: &Permitted, status: u16) -> Leaving {
    Leaving {
        exchange: Arc::clone(permitted.exchange()),
        asked: Arc::clone(permitted.asked()),
        sent: permitted.body().cloned(),
        status,
    }
}

/// Where an operation's answer keeps its records; none: it has none.
fn shape(operation: &Operation) -> Option<Shape> {
    match operation {
        Operation::List { .. } => Some(Shape::List),
        Operation::View { .. } | Operation::Create { .. } | Operation::Update { .. } => {
            Some(Shape::Record)
        }
        Operation::AuthWithPassword { .. } | Operation::AuthRefresh { .. } => Some(Shape::Auth),
        Operation::Health
        | Operation::AuthMethods { .. }
        | Operation::Superuser(_)
        | Operation::Delete { .. }
        | Operation::Download { .. } => None,
    }
}

/// The one record of an answer must be the one that was asked for: what was
/// judged by its id and collection must be what leaves.
fn check_asked(permitted: &Permitted, record: &Value) -> Result<(), UpstreamError> {
    let exchange = permitted.exchange();
    let is = |key: &str, asked: &str| record.get(key).and_then(Value::as_str) == Some(asked);
    let same_id = exchange
        .operation
        .record_id()
        .is_none_or(|id| is("id", id.as_str()));
    let same_collection = exchange
        .collection
        .as_ref()
        .is_none_or(|collection| is("collectionId", &collection.id));
    if same_id && same_collection {
        Ok(())
    } else {
        Err(UpstreamError::Garbled(
            "another record than was asked for".to_owned(),
        ))
    }
}

/// What names a record, and nothing else of it.
fn name_of(record: &Value) -> Value {
    let of = |key: &str| record.get(key).cloned().unwrap_or_default();
    json!({ "id": of("id"), "collectionId": of("collectionId"), "collectionName": of("collectionName") })
}

/// The answer to a write whose record a rule does not show.
fn stands(mut name: Value, code: &str, message: &str) -> Value {
    if let Value::Object(name) = &mut name {
        name.insert(
            "@rule".to_owned(),
            json!({ "code": code, "message": message, "written": true }),
        );
    }
    name
}
