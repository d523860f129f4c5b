//! What the example `ownership` does in `before`, as a waPC guest does it: all it needs to know comes
//! with the call, its settings too.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wapc_guest::{CallResult, register_function};

#[derive(Deserialize)]
struct Request {
    operation: String,
    collection: String,
    record_id: Option<String>,
    principal: Option<Value>,
    body: Option<Value>,
    settings: Settings,
}

#[derive(Deserialize)]
struct Settings {
    users: String,
    protected: Vec<String>,
}

#[derive(Serialize)]
struct Verdict {
    accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Called by the host once in each instance.
#[allow(unsafe_code, reason = "the host finds it by its name")]
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("before", before);
}

fn before(payload: &[u8]) -> CallResult {
    let request: Request = serde_json::from_slice(payload)?;
    let verdict = match refusal(&request) {
        None => Verdict {
            accepted: true,
            message: None,
        },
        Some(message) => Verdict {
            accepted: false,
            message: Some(message),
        },
    };
    Ok(serde_json::to_vec(&verdict)?)
}

fn refusal(request: &Request) -> Option<String> {
    if request.operation != "update" || request.collection != request.settings.users {
        return Some("This is for updates of users.".to_owned());
    }
    let principal = request.principal.as_ref();
    let text = |key: &str| principal.and_then(|record| record.get(key)?.as_str());
    let user = text("id").filter(|_| text("collectionName") == Some(&request.settings.users));
    if user.is_none() || request.record_id.as_deref() != user {
        return Some("This is not yours.".to_owned());
    }
    let body = request.body.as_ref().and_then(Value::as_object)?;
    let is_protected = |field: &&String| body.contains_key(*field);
    let field = request.settings.protected.iter().find(is_protected)?;
    Some(format!("{field} is not yours to change."))
}
