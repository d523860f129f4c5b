//! The listener for operators: health, readiness, status, metrics, sessions.
//!
//! Health and readiness tell nothing but yes or no, so anybody who reaches the
//! listener may ask; the rest wants `HAPTA_ADMIN_KEY`.

mod attempts;
mod sessions;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::attempts::Attempts;
use crate::gateway::Gateway;
use crate::secret::Key;
use crate::telemetry::{SecurityEvent, SecurityKind};

#[derive(Clone)]
struct Admin {
    gateway: Arc<Gateway>,
    /// None: no key is set, so nobody has it.
    key: Option<Arc<Key>>,
    attempts: Arc<Attempts>,
    /// Cancelled when the end begins: requests under way are the last.
    draining: CancellationToken,
}

/// The routes of the admin listener, which outlive that for clients: whoever asks while requests
/// under way end is told so.
pub fn router(gateway: Arc<Gateway>, key: Option<&str>, draining: CancellationToken) -> Router {
    let admin = Admin {
        gateway,
        key: key.and_then(Key::new).map(Arc::new),
        attempts: Arc::default(),
        draining,
    };
    let guarded = Router::new()
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .route("/compat", get(compat))
        .merge(sessions::router(Arc::clone(&admin.gateway)))
        .layer(middleware::from_fn_with_state(admin.clone(), guard));
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .merge(guarded)
        .with_state(admin)
}

impl Admin {
    /// Tells of somebody who has not the key.
    fn report(&self, code: &str, address: Option<IpAddr>) {
        let log = &self.gateway.log;
        log.report(SecurityEvent {
            address: address.and_then(|address| log.veil().address(address)),
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
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = peer.map(|ConnectInfo(peer)| peer.ip().to_canonical());
    let now = Instant::now();
    // The right key passes whatever others at its address send: it can't be guessed.
    let given = given(&headers);
    if let (Some(key), Some(given)) = (&admin.key, given)
        && key.opens(given.as_bytes())
    {
        return next.run(request).await;
    }
    let kept_out = address.and_then(|address| admin.attempts.kept_out(address, now));
    if let Some(left) = kept_out {
        admin.gateway.metrics.edge.keys_limited.inc();
        let retry = (left.as_secs() + 1).to_string();
        let refused = refuse(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests without the right key came from this address.",
        );
        return ([(header::RETRY_AFTER, retry)], refused).into_response();
    }
    match &admin.key {
        Some(_) => {
            let code = if given.is_some() { "wrong" } else { "missing" };
            admin.report(code, address);
            if let Some(address) = address {
                admin.attempts.note(address, now);
            }
            refuse(
                StatusCode::UNAUTHORIZED,
                "Send HAPTA_ADMIN_KEY as \"Authorization: Bearer KEY\".",
            )
        }
        None => refuse(
            StatusCode::FORBIDDEN,
            "HAPTA_ADMIN_KEY is not set, so nothing opens this.",
        ),
    }
}

/// The key that was sent.
fn given(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ').unwrap_or((value, ""));
    let given = if scheme.eq_ignore_ascii_case("bearer") {
        key
    } else {
        value
    };
    (!given.is_empty()).then_some(given)
}

async fn ready(State(admin): State<Admin>) -> Response {
    if admin.draining.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    match admin.gateway.upstream.health().await {
        // Whoever is degraded serves all the same: what routes requests must keep it.
        Ok(()) => match admin.gateway.degraded() {
            Some(_) => {
                "degraded: the files can't be served, so the last good generation is; see /status\n"
                    .into_response()
            }
            None => "ready\n".into_response(),
        },
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "PocketBase is away\n").into_response()
        }
    }
}

async fn status(State(admin): State<Admin>) -> Response {
    let report = admin.gateway.report();
    let mut body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pocketbase": pocketbase(&admin.gateway),
        "lastReloadFailure": admin.gateway.reload_failure(),
    });
    if let (Value::Object(body), Ok(Value::Object(report))) =
        (&mut body, serde_json::to_value(report))
    {
        body.extend(report);
    }
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
