//! The headers that nobody can let in by name.

use http::HeaderName;

/// Headers that the gateway writes itself, or that say who asks.
const OURS: [&str; 14] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "host",
    "connection",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "forwarded",
];

/// Prefixes of headers that tell PocketBase the client's address.
const FORWARDING: [&str; 6] = [
    "x-forwarded-",
    "x-real-ip",
    "cf-",
    "fly-",
    "true-client-ip",
    "sec-websocket-",
];

/// Whether a header is the gateway's own to write, or to keep.
#[must_use]
pub fn is_ours(name: &HeaderName) -> bool {
    let name = name.as_str();
    OURS.contains(&name) || FORWARDING.iter().any(|prefix| name.starts_with(prefix))
}
