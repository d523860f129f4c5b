//! The listener for operators: health, readiness, status, metrics.
//!
//! Health and readiness tell nothing but yes or no, so anybody who reaches the
//! listener may ask; the rest wants `HAPTA_ADMIN_KEY`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ring::{hmac, rand};
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::telemetry::{SecurityEvent, SecurityKind};

#[derive(Clone)]
struct Admin {
    gateway: Arc<Gateway>,
    /// None: no key is set, so nobody has it.
    key: Option<Arc<Key>>,
}

/// The key, as a code of it: two codes are compared in constant time.
struct Key {
    secret: hmac::Key,
    code: hmac::Tag,
}

/// The routes of the admin listener.
pub fn router(gateway: Arc<Gateway>, key: Option<&str>) -> Router {
    let admin = Admin {
        gateway,
        key: key.and_then(Key::new).map(Arc::new),
    };
    let guarded = Router::new()
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .route("/compat", get(compat))
        .layer(middleware::from_fn_with_state(admin.clone(), guard));
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .merge(guarded)
        .with_state(admin)
}

impl Key {
    fn new(key: &str) -> Option<Self> {
        // Without randomness there is no safe comparison, so the key opens nothing.
        let secret = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new()).ok()?;
        let code = hmac::sign(&secret, key.as_bytes());
        Some(Self { secret, code })
    }

    fn opens(&self, given: &str) -> bool {
        hmac::verify(&self.secret, given.as_bytes(), self.code.as_ref()).is_ok()
    }
}

impl Admin {
    /// Tells of somebody who has not the key.
    fn report(&self, code: &str, request: &Request) {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let log = &self.gateway.log;
        log.report(SecurityEvent {
            address: peer
                .and_then(|ConnectInfo(peer)| log.veil().address(peer.ip().to_canonical())),
            status: Some(StatusCode::UNAUTHORIZED.as_u16()),
            code: Some(code.to_owned()),
            ..SecurityEvent::now(SecurityKind::AdminKey)
        });
    }
}

async fn guard(
    State(admin): State<Admin>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .map(|value| match value.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key,
            _ => value,
        });
    match (&admin.key, given) {
        (Some(key), Some(given)) if key.opens(given) => next.run(request).await,
        (Some(_), given) => {
            let code = if given.is_some() { "wrong" } else { "missing" };
            admin.report(code, &request);
            refuse(
                StatusCode::UNAUTHORIZED,
                "Send HAPTA_ADMIN_KEY as \"Authorization: Bearer KEY\".",
            )
        }
        (None, _) => refuse(
            StatusCode::FORBIDDEN,
            "HAPTA_ADMIN_KEY is not set, so nothing opens this.",
        ),
    }
}

async fn ready(State(admin): State<Admin>) -> Response {
    match admin.gateway.upstream.health().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "PocketBase is away\n").into_response()
        }
    }
}

async fn status(State(admin): State<Admin>) -> Response {
    let in_force = admin.gateway.in_force();
    let rules: Vec<Value> = in_force
        .generation
        .rules()
        .map(|rule| json!({ "name": rule.name, "digest": rule.digest }))
        .collect();
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pocketbase": pocketbase(&admin.gateway),
        "generation": in_force.generation.number,
        "digest": in_force.generation.digest,
        "rules": rules,
        "lastReloadFailure": admin.gateway.reload_failure(),
    });
    (
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

/// Which PocketBase stands behind, and why it is not spoken to, if so.
fn pocketbase(gateway: &Gateway) -> Value {
    match gateway.upstream.version() {
        Some(Ok(version)) => json!({
            "version": version.release.map(|release| release.to_string()),
            "tested": version.is_tested,
        }),
        Some(Err(unsupported)) => json!({ "refused": unsupported.to_string() }),
        None => Value::Null,
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], admin.gateway.metrics_text()).into_response()
}

/// What was let in by observing, as a configuration.
async fn compat(State(admin): State<Admin>) -> Response {
    let kind = "text/plain; charset=utf-8";
    (
        [(header::CONTENT_TYPE, kind)],
        admin.gateway.observed.compat(),
    )
        .into_response()
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let body = json!({ "status": status.as_u16(), "message": message, "data": {} });
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn only_the_key_opens() {
        let key = Key::new("0123456789abcdef").unwrap();
        assert!(key.opens("0123456789abcdef"));
        for wrong in [
            "",
            "0123456789abcdeg",
            "0123456789abcdef ",
            "0123456789abcde",
        ] {
            assert!(!key.opens(wrong), "{wrong:?}");
        }
    }
}
