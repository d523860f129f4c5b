//! The way out: every record through its rules, then the whole, then what the
//! client wants of it.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::Response;
use super::answer;
use super::batch;
use super::closed;
use super::conceal::{self, Concealed};
use super::files;
use super::fill;
use super::login;
use super::permit::Permitted;
use super::scan;
use super::trace::Trace;
use crate::error::Error;
use crate::gateway::Gateway;
use crate::operation::{Answer, OperationKind};
use crate::record::{Records, Shape};
use crate::rules::{Released, RuleError};
use crate::schema::Collection;
use crate::upstream::{Reply, UpstreamError};

/// Takes PocketBase's answer through the rules and writes the gateway's.
pub(super) async fn release(
    gateway: &Gateway,
    mut permitted: Permitted,
    reply: Reply,
    trace: &mut Trace<'_>,
) -> Result<Response, Error> {
    if !permitted.parts().is_empty() {
        return batch::release(gateway, permitted, reply, trace).await;
    }
    let exchange = Arc::clone(permitted.exchange());
    login::forget_former(gateway, &exchange, &reply);
    let reply = match permitted.take_account() {
        Some(account) => account.hold(gateway, &exchange, reply)?,
        None => reply,
    };
    if !exchange.operation.is_write() {
        // A write is done already, and a refusal would say that it is not.
        closed::exchange(gateway, permitted.exchange())?;
    }
    match reply {
        Reply::Refused { status, body } if conceal::conceals(permitted.in_force(), &exchange) => {
            Ok(match conceal::conceal(body) {
                Concealed::Done => conceal::answer(&exchange),
                Concealed::Refused(body) => Response::json(status, &body),
            })
        }
        Reply::Refused { status, body } => Ok(Response::json(status, &body)),
        Reply::Empty { status } if exchange.operation.is_write() => {
            nothing(&permitted, status, trace).await;
            Ok(Response::empty(status))
        }
        Reply::Empty { status } => {
            conclude(&permitted, status, None).await?;
            Ok(Response::empty(status))
        }
        Reply::File(mut file) => {
            conclude(&permitted, file.status, None).await?;
            files::guard_caches(&permitted, &mut file.headers);
            Ok(Response::file(file))
        }
        Reply::Json { status, body } => {
            let body = json(gateway, &permitted, status, body, trace).await?;
            // Whatever rules said of the record; the log has it.
            Ok(if conceal::conceals(permitted.in_force(), &exchange) {
                conceal::answer(&exchange)
            } else {
                Response::json(status, &body)
            })
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
    let kind = operation.kind();
    let shape = answer::shape(kind);
    let plan = scan::plan(permitted);
    // A page that is filled from many tells of each of them.
    let is_page = matches!((&shape, &plan), (Answer::List, None));
    let before = trace.copy(Some(&body).filter(|_| is_page));
    let released = match (shape, plan) {
        (Answer::List, Some(scan)) => {
            let whole = fill::fill(gateway, permitted, (scan, body), trace).await?;
            conclude(permitted, status, Some(whole)).await?
        }
        (Answer::List, None) => {
            let records = Records::take(body, Shape::List)?;
            answer::hold(gateway, permitted, &records, trace).await?;
            reveal(permitted, status, records).await?
        }
        (Answer::Auth, _) => logged_in(gateway, permitted, (status, body), trace).await?,
        (Answer::Record, _) => return record(gateway, permitted, (status, body), trace).await,
        _ if kind == OperationKind::FileToken => {
            handed_out(gateway, permitted, (status, body), trace).await?
        }
        _ => {
            answer::hold_object(kind, status, &body)?;
            let mut body = body;
            let verifiers = login::take_verifiers(&mut body);
            let mut released = conclude(permitted, status, Some(body)).await?;
            if let Some(answer) = &mut released.answer {
                login::put_verifiers(answer, &verifiers);
            }
            released
        }
    };
    trace.revealed(before.as_ref(), released.answer.as_ref());
    let mut answer = released.answer.unwrap_or(Value::Null);
    if let Some(fields) = operation.fields() {
        match operation.kind() {
            OperationKind::List => fields.pick_items(&mut answer),
            _ => fields.pick(&mut answer),
        }
    }
    Ok(answer)
}

/// Releases the one record of an answer.
pub(super) async fn record(
    gateway: &Gateway,
    permitted: &Permitted,
    (status, body): (StatusCode, Value),
    trace: &mut Trace<'_>,
) -> Result<Value, Error> {
    let operation = &permitted.exchange().operation;
    let name = name_of(&body);
    let before = trace.copy(Some(&body));
    let records = match one_record(gateway, permitted, body, trace).await {
        Err(error) if operation.is_write() => return Err(Error::Written(Box::new(error))),
        records => records?,
    };
    let revealed = match reveal(permitted, status, records).await {
        Err(error) if operation.is_write() => {
            trace.withhold(&error);
            return Ok(stands(name, &error));
        }
        revealed => revealed?,
    };
    trace.revealed(before.as_ref(), revealed.answer.as_ref());
    let mut answer = revealed.answer.unwrap_or(Value::Null);
    if let Some(fields) = operation.fields() {
        fields.pick(&mut answer);
    }
    Ok(answer)
}

/// Asks `after` about a write that answers nothing. It is done already: a refusal
/// now must not look like "not done".
pub(super) async fn nothing(permitted: &Permitted, status: StatusCode, trace: &mut Trace<'_>) {
    if let Err(error) = conclude(permitted, status, None).await {
        trace.withhold(&error);
    }
}

/// Releases the answer of a login, a provider's tokens going past all rules.
async fn logged_in(
    gateway: &Gateway,
    permitted: &Permitted,
    (status, mut body): (StatusCode, Value),
    trace: &mut Trace<'_>,
) -> Result<Released, Error> {
    trace.answers(&body);
    login::check_asked(permitted.exchange(), &body)?;
    closed::login(gateway, &body)?;
    let tokens = login::take_tokens(&mut body);
    let token = login::take_token(gateway, &mut body);
    let who = body.get("record").map(name_of).unwrap_or_default();
    let records = Records::take(body, Shape::Auth)?;
    answer::hold(gateway, permitted, &records, trace).await?;
    let mut released = reveal(permitted, status, records).await?;
    if let Some(answer) = &mut released.answer {
        login::put_tokens(permitted, answer, tokens);
        login::put_token(gateway, permitted, answer, (token, who), trace).await?;
    }
    Ok(released)
}

/// Releases a file token, which is good once all rules have let it out.
async fn handed_out(
    gateway: &Gateway,
    permitted: &Permitted,
    (status, mut body): (StatusCode, Value),
    trace: &mut Trace<'_>,
) -> Result<Released, Error> {
    trace.answers(&body);
    answer::hold_object(OperationKind::FileToken, status, &body)?;
    let token = files::take_token(gateway, &mut body);
    let mut released = conclude(permitted, status, Some(body)).await?;
    let own = files::hand_out(gateway, permitted, token.as_ref())?;
    let place = released.answer.as_mut();
    if let (Some(own), Some(place)) = (own, place.and_then(|answer| answer.get_mut("token"))) {
        *place = Value::from(own);
    }
    if let Some(answer) = &released.answer {
        trace.answers(answer);
    }
    Ok(released)
}

/// Takes the records of an answer through `reveal`, and the whole through `after`.
async fn reveal(
    permitted: &Permitted,
    status: StatusCode,
    records: Records,
) -> Result<Released, RuleError> {
    let leaving = permitted.leaving(status.as_u16());
    permitted
        .in_force()
        .generation
        .release(leaving, records)
        .await
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
        .after(permitted.leaving(status.as_u16()), answer)
        .await
}

/// The record of an answer, which is the one that was asked for.
async fn one_record(
    gateway: &Gateway,
    permitted: &Permitted,
    body: Value,
    trace: &Trace<'_>,
) -> Result<Records, Error> {
    check_asked(gateway, permitted, &body).await?;
    let records = Records::take(body, Shape::Record)?;
    answer::hold(gateway, permitted, &records, trace).await?;
    Ok(records)
}

/// The one record of an answer must be the one that was asked for: what was
/// judged by its id and collection must be what leaves.
async fn check_asked(
    gateway: &Gateway,
    permitted: &Permitted,
    record: &Value,
) -> Result<(), UpstreamError> {
    let exchange = permitted.exchange();
    let is = |key: &str, asked: &str| record.get(key).and_then(Value::as_str) == Some(asked);
    let same_id = exchange
        .operation
        .record_id()
        .is_none_or(|id| is("id", id.as_str()));
    let same_collection = match &exchange.collection {
        None => true,
        Some(asked) if is("collectionId", &asked.id) => true,
        // The one of that name, if PocketBase was replaced by another meanwhile.
        Some(asked) => anew(gateway, &asked.name)
            .await?
            .is_some_and(|known| is("collectionId", &known.id)),
    };
    if same_id && same_collection {
        Ok(())
    } else {
        Err(UpstreamError::Garbled(
            "another record than was asked for".to_owned(),
        ))
    }
}

/// The collection of this name in a schema loaded anew.
async fn anew(gateway: &Gateway, name: &str) -> Result<Option<Arc<Collection>>, UpstreamError> {
    let known = gateway.upstream.schema();
    let newer = gateway.upstream.refresh_schema(&known).await?;
    let schema = newer.unwrap_or(known);
    Ok(schema.by_name(name).map(Arc::clone))
}

/// What names a record, and nothing else of it.
pub(super) fn name_of(record: &Value) -> Value {
    let of = |key: &str| record.get(key).cloned().unwrap_or_default();
    json!({ "id": of("id"), "collectionId": of("collectionId"), "collectionName": of("collectionName") })
}

/// The answer to a write whose record is not shown: the write stands, and is
/// answered by its id alone with the reason.
fn stands(mut name: Value, error: &RuleError) -> Value {
    let (code, message) = match error {
        RuleError::Denied { denial, .. } => (denial.code.as_str(), denial.message.as_str()),
        RuleError::Faulted { .. }
        | RuleError::Busy { .. }
        | RuleError::Chained { .. }
        | RuleError::Unexposed { .. } => (
            "rule_fault",
            "The record was written and can't be shown now.",
        ),
    };
    if let Value::Object(name) = &mut name {
        let reason = json!({ "code": code, "message": message, "written": true });
        name.insert("@rule".to_owned(), reason);
    }
    name
}
