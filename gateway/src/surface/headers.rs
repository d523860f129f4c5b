//! The headers that nobody can let in by name.

use http::HeaderName;

/// Headers that the gateway writes itself, or that say who asks.
const OURS: [&str; 19] = [
    "authorization",
    "dpop",
    "x-hapta-key",
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
    "traceparent",
    "tracestate",
    "x-request-id",
    "x-http-method-override",
];

/// Prefixes of headers that nobody may have a use for behind the gateway.
const NOT_OURS: [&str; 1] = ["sec-websocket-"];

/// Headers by which proxies tell whose request it is and what was asked of them. To let one
/// through is to let its sender say so.
const FORWARDING: [&str; 19] = [
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "forwarded-for",
    "proxy-client-ip",
    "true-client-ip",
    "wl-proxy-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-host",
    "x-nf-client-connection-ip",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-url",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-ip",
    "x-rewrite-url",
];

/// Families of such headers, by how they begin.
const FORWARDING_FAMILIES: [&str; 8] = [
    "cf-",
    "fly-",
    "x-appengine-",
    "x-azure-",
    "x-forwarded",
    "x-originating-",
    "x-remote-addr",
    "x-vercel-",
];

/// The same, by how they end.
const FORWARDING_ENDS: [&str; 2] = ["-connecting-ip", "-client-ip"];

/// Whether a header is the gateway's own to write, or to keep.
#[must_use]
pub fn is_ours(name: &HeaderName) -> bool {
    let text = name.as_str();
    OURS.contains(&text)
        || NOT_OURS.iter().any(|prefix| text.starts_with(prefix))
        || is_forwarding(name)
}

/// Whether a header is one by which proxies tell of the client.
#[must_use]
pub fn is_forwarding(name: &HeaderName) -> bool {
    let text = name.as_str();
    FORWARDING.contains(&text)
        || FORWARDING_FAMILIES
            .iter()
            .any(|family| text.starts_with(family))
        || FORWARDING_ENDS.iter().any(|end| text.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_of_the_client_is_known_by_name_and_by_family() {
        for (name, expected) in [
            ("X-Forwarded-For", true),
            ("x-forwarded-client-cert", true),
            ("Forwarded", true),
            ("X-Real-IP", true),
            ("CF-Connecting-IP", true),
            ("cf-ipcountry", true),
            ("Fly-Client-IP", true),
            ("True-Client-IP", true),
            ("X-Client-IP", true),
            ("X-Cluster-Client-IP", true),
            ("X-Original-URL", true),
            ("X-Azure-ClientIP", true),
            ("X-Forwarded", true),
            ("Forwarded-For", true),
            ("X-Originating-IP", true),
            ("X-Vercel-Forwarded-For", true),
            ("X-NF-Client-Connection-IP", true),
            ("DO-Connecting-IP", true),
            ("Incap-Client-IP", true),
            ("X-Tenant", false),
            ("X-Realm", false),
            ("Accept-Language", false),
            ("User-Agent", false),
        ] {
            let name = HeaderName::try_from(name).unwrap();
            assert_eq!(is_forwarding(&name), expected, "{name}");
            assert!(!expected || is_ours(&name), "{name}");
        }
    }
}
