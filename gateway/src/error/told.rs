//! What the client is told, in PocketBase's shape.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::exchange::FilesError;
use crate::exchange::batch::BatchError;
use crate::exchange::files::Fault;
use crate::rules::Denial;

/// What the client is told.
#[derive(Debug)]
pub struct Told {
    /// 400 to 599.
    pub status: StatusCode,
    /// `{status, message, data}`.
    pub body: Value,
    /// A word for logs and metrics.
    pub code: String,
}

/// Characters of a message, and of a cause in the log.
const ECHOED: usize = 300;

/// The denial of a rule, in its own words.
pub(super) fn denied(denial: &Denial) -> Told {
    let status = StatusCode::from_u16(denial.status).unwrap_or(StatusCode::FORBIDDEN);
    let mut data = Map::new();
    for field in &denial.fields {
        data.insert(
            field.field.clone(),
            json!({ "code": field.code, "message": field.message }),
        );
    }
    data.insert(
        "@rule".to_owned(),
        json!({ "code": denial.code, "message": denial.message }),
    );
    let message = if denial.message.is_empty() {
        "A rule refused the request."
    } else {
        &denial.message
    };
    Told {
        status,
        body: shape(status, message, &data.into()),
        code: denial.code.clone(),
    }
}

/// Fields that don't take their files, as PocketBase tells it. That it was the gateway
/// who said so is told only where PocketBase would not have.
pub(super) fn files(error: &FilesError, reason: &mut Value) {
    let FilesError::Faults { faults, .. } = error else {
        return;
    };
    if !error.is_untaken() {
        *reason = json!({});
    }
    for Fault { field, problem } in faults {
        reason[field] = problem.told();
    }
}

/// The refusal of a part, as PocketBase tells it. What the gateway can't do now is told
/// as of any request: to try again may help.
pub(super) fn part(index: usize, told: Told) -> Told {
    if told.status.is_server_error() {
        return told;
    }
    let reason = json!({
        "code": "batch_request_failed",
        "message": "Batch request failed.",
        "response": told.body,
    });
    let requests: Map<String, Value> = [(index.to_string(), reason)].into_iter().collect();
    let status = StatusCode::BAD_REQUEST;
    let data = json!({ "requests": requests });
    Told {
        status,
        body: shape(status, "Batch transaction failed.", &data),
        code: told.code,
    }
}

/// The refusal of a topic: told like that of any request, and of which topic it is.
pub(super) fn topic(topic: &str, mut told: Told) -> Told {
    if told.status.is_server_error() {
        return told;
    }
    let reason = json!({
        "code": told.code,
        "message": told.body.get("message"),
        "topic": topic,
    });
    if let Some(Value::Object(data)) = told.body.get_mut("data") {
        data.insert("subscriptions".to_owned(), reason);
    }
    told
}

/// A topic as it is told: a bounded text in which nothing ends a line.
pub(crate) fn harmless(topic: &str) -> String {
    let escape = |c: char| match c {
        ' '..='~' => c.to_string(),
        c => c.escape_default().to_string(),
    };
    cut(&topic.chars().take(ECHOED).map(escape).collect::<String>())
}

/// What of a topic is in the log: its options may be anybody's secrets.
pub(super) fn place(topic: &str) -> &str {
    topic.split_once('?').map_or(topic, |(place, _)| place)
}

/// How PocketBase tells that a batch has no parts, or too many.
pub(super) fn batch(error: &BatchError) -> Option<Told> {
    let problem = match error {
        BatchError::Empty => json!({
            "code": "validation_required",
            "message": "Cannot be blank.",
        }),
        BatchError::TooMany(most) => json!({
            "code": "validation_length_too_long",
            "message": format!("The length must be no more than {most}."),
            "params": { "max": most, "min": 0 },
        }),
        _ => return None,
    };
    let status = StatusCode::BAD_REQUEST;
    let data = json!({ "requests": problem });
    Some(Told {
        status,
        body: shape(status, "Invalid batch request data.", &data),
        code: "body_batch".to_owned(),
    })
}

/// PocketBase's own.
pub(super) fn shape(status: StatusCode, message: &str, data: &Value) -> Value {
    json!({ "status": status.as_u16(), "message": message, "data": data })
}

/// What is echoed of a request is a client's text: a bounded one.
#[must_use]
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(ECHOED) {
        Some((at, _)) => format!("{}…", text.split_at(at).0),
        None => text.to_owned(),
    }
}

/// An error's text as PocketBase would put it: a capital and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
