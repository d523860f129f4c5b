//! `/sessions` of the listener for operators: who is logged in, and the end of that.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use serde_json::{Value, json};

use super::refuse;
use crate::gateway::Gateway;
use crate::principal::SessionId;
use crate::sessions::{Listed, Which};

/// Sessions that are told at once, those that were used last.
const MOST: usize = 1_000;

/// The routes, to be guarded.
pub(super) fn router<S: Clone + Send + Sync + 'static>(gateway: Arc<Gateway>) -> Router<S> {
    Router::new()
        .route("/sessions", get(list).delete(end_some))
        .route("/sessions/{id}", delete(end_one))
        .with_state(gateway)
}

/// `GET /sessions`, or of one user with `?user=COLLECTION/ID`.
async fn list(State(gateway): State<Arc<Gateway>>, RawQuery(query): RawQuery) -> Response {
    let which = match asked(&gateway, query.as_deref()) {
        Some(which @ Which::Of { .. }) => which,
        None if query.is_none() => Which::All,
        Some(_) | None => return misread(),
    };
    let Some(listed) = gateway.sessions.list(&which) else {
        return no_sessions();
    };
    let items: Vec<Value> = listed.iter().take(MOST).map(told).collect();
    json_of(
        StatusCode::OK,
        &json!({ "total": listed.len(), "items": items }),
    )
}

/// `DELETE /sessions?user=COLLECTION/ID`, or `DELETE /sessions?all`.
async fn end_some(State(gateway): State<Arc<Gateway>>, RawQuery(query): RawQuery) -> Response {
    match asked(&gateway, query.as_deref()) {
        Some(which) => end(&gateway, &which).await,
        // Nobody means all of them by leaving something out.
        None => misread(),
    }
}

async fn end_one(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>) -> Response {
    match SessionId::parse(&id) {
        Some(id) => end(&gateway, &Which::One(id)).await,
        None => refuse(StatusCode::BAD_REQUEST, "A session has 32 digits."),
    }
}

async fn end(gateway: &Gateway, which: &Which) -> Response {
    match gateway.sessions.end(which).await {
        Ok(Some(0)) if matches!(which, Which::One(_)) => {
            refuse(StatusCode::NOT_FOUND, "There is no such session.")
        }
        Ok(Some(ended)) => json_of(StatusCode::OK, &json!({ "ended": ended })),
        Ok(None) => no_sessions(),
        Err(error) => {
            tracing::error!(%error, "sessions are ended, but not in the database yet");
            let problem = "The sessions are ended, but this is not written yet: see the log.";
            refuse(StatusCode::SERVICE_UNAVAILABLE, problem)
        }
    }
}

/// Which sessions a query means: `user=COLLECTION/ID` or `all`, and nothing beside.
fn asked(gateway: &Gateway, query: Option<&str>) -> Option<Which> {
    let mut pairs = form_urlencoded::parse(query?.as_bytes());
    let (key, value) = pairs.next()?;
    if pairs.next().is_some() {
        return None;
    }
    match (&*key, value.split_once('/')) {
        ("all", None) if value.is_empty() => Some(Which::All),
        ("user", Some((collection, record))) if !record.is_empty() => {
            let schema = gateway.upstream.schema();
            // The name that it has now; logins know the one that it had.
            let known = schema.by_name(collection);
            let collection = known.map_or(collection, |known| known.id.as_str());
            Some(Which::Of {
                collection: collection.to_owned(),
                record: record.to_owned(),
            })
        }
        _ => None,
    }
}

fn told(listed: &Listed) -> Value {
    json!({
        "id": listed.id.to_string(),
        "user": format!("{}/{}", listed.collection, listed.record),
        "createdMs": listed.created_ms,
        "lastUsedMs": listed.used_ms,
        "expiresMs": listed.expires_ms,
        "address": listed.address.to_string(),
        "userAgent": listed.user_agent,
    })
}

fn misread() -> Response {
    let problem = "Say which: ?user=COLLECTION/ID or ?all, and nothing beside.";
    refuse(StatusCode::BAD_REQUEST, problem)
}

fn no_sessions() -> Response {
    let problem = "Clients hold PocketBase's tokens: sessions.mode is not \"rolling\".";
    refuse(StatusCode::NOT_FOUND, problem)
}

fn json_of(status: StatusCode, body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, body.to_string()).into_response()
}
