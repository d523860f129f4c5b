//! Headers that every answer has, whatever it is: about origins, and about TLS.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::config::Server;
use crate::gateway::Gateway;
use crate::pipeline;

/// How long a browser may remember what it was allowed.
const PREFLIGHT_AGE: Duration = Duration::from_hours(24);

/// What only a page of some origin has a use for.
const TO_ORIGINS: [HeaderName; 5] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

/// What a page of another origin may read of an answer's headers.
const EXPOSED: [HeaderName; 5] = [
    HeaderName::from_static(pipeline::REQUEST_ID),
    header::RETRY_AFTER,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("dpop-nonce"),
];

/// What browsers of which origins may ask.
pub(super) fn cors(server: &Server) -> CorsLayer {
    let origin = match &server.origins {
        None => AllowOrigin::any(),
        Some(origins) => AllowOrigin::list(origins.clone()),
    };
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
        Method::PUT,
    ];
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods(methods)
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(PREFLIGHT_AGE)
}

/// Answers about origins as PocketBase does: a preflight in its status, nothing
/// to whoever names no origin, and to every cache that the answer depends on it. Tells browsers
/// to come by TLS alone, where they can.
pub(super) async fn complete(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
    next: Next,
) -> Response<Body> {
    let is_preflight = request.method() == Method::OPTIONS;
    let has_origin = request.headers().contains_key(header::ORIGIN);
    let mut response = next.run(request).await;
    if is_preflight && response.status() == StatusCode::OK {
        gateway.metrics.preflights.inc();
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    let headers = response.headers_mut();
    if !has_origin {
        for name in TO_ORIGINS {
            headers.remove(name);
        }
    }
    let varies = headers.get_all(header::VARY).iter().any(|names| {
        let names = names.to_str().unwrap_or_default();
        names
            .split(',')
            .any(|name| name.trim().eq_ignore_ascii_case("origin"))
    });
    if !varies {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(hsts) = &gateway.server.hsts {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    response
}
