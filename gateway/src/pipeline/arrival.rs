//! What is known of a request before anything of it is asked: whose it is, and by which names it
//! is followed.
//!
//! What proxies write is read here and goes no further: rules and PocketBase see no header by which
//! a client could say that it comes for another. Two names that the gateway gives stand among the
//! headers instead: the id of the request, and its place in a trace.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{REQUEST_ID, Request};
use crate::error::Error;
use crate::exchange::forwarded::Proxies;
use crate::exchange::traceparent::{TRACEPARENT, Traceparent, is_request_id, request_id};
use crate::surface::is_forwarding;

/// A request's names.
pub(super) struct Arrival {
    /// Unique among the gateway's requests since its start, unless a proxy chose it.
    pub(super) id: String,
    /// Of the trace that it is a part of.
    pub(super) trace: String,
}

/// Belongs to [`TRACEPARENT`], and is written by nobody who is trusted.
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Takes in what proxies say. Whose request it is can't always be told: then it is nobody's, and
/// has the proxy's address.
pub(super) fn arrive(proxies: &Proxies, request: &mut Request) -> (Arrival, Result<(), Error>) {
    let peer = request.address;
    let headers = &mut request.headers;
    let client = proxies.client(peer, headers);
    notice(proxies, peer, headers);
    let id = id(proxies, peer, headers);
    let place = Traceparent::continued(headers);
    strip(headers);
    for (name, value) in [
        (HeaderName::from_static(REQUEST_ID), id.clone()),
        (TRACEPARENT, place.to_string()),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    let told = match client {
        Ok(client) => {
            request.address = client;
            Ok(())
        }
        Err(error) => Err(error.into()),
    };
    let trace = place.trace_id();
    (Arrival { id, trace }, told)
}

/// Tells once that a neighbour writes like a proxy and is not trusted like one: then all who come
/// through it are one client to every limit.
fn notice(proxies: &Proxies, peer: IpAddr, headers: &HeaderMap) {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    if IS_TOLD.load(Ordering::Relaxed) || !is_unnamed_proxy(proxies, peer, headers) {
        return;
    }
    if !IS_TOLD.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            %peer,
            header = %proxies.header,
            "a proxy seems to be there that is not trusted; name it in server.trusted_proxies, else all who come through it count as one client"
        );
    }
}

fn is_unnamed_proxy(proxies: &Proxies, peer: IpAddr, headers: &HeaderMap) -> bool {
    let is_near = match peer.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    };
    is_near && !proxies.has(peer) && headers.contains_key(&proxies.header)
}

/// The id that a trusted proxy gave, or a new one.
fn id(proxies: &Proxies, peer: IpAddr, headers: &HeaderMap) -> String {
    let mut given = headers.get_all(REQUEST_ID).iter();
    let first = given.next().and_then(|value| value.to_str().ok());
    let one = first.filter(|id| given.next().is_none() && is_request_id(id));
    match one.filter(|_| proxies.has(peer)) {
        Some(id) => id.to_owned(),
        None => request_id(),
    }
}

fn strip(headers: &mut HeaderMap) {
    let stripped: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_forwarding(name) || *name == TRACESTATE)
        .cloned()
        .collect();
    for name in stripped {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::{Method, header};
    use http_body_util::{BodyExt, Empty};

    use super::*;

    fn request(peer: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        });
        Request {
            method: Method::GET,
            path: "/".to_owned(),
            query: None,
            headers: headers.collect(),
            address: peer.parse().unwrap(),
            body: Empty::new().map_err(|never| match never {}).boxed_unsync(),
        }
    }

    fn proxies() -> Proxies {
        Proxies {
            trusted: vec!["10.0.0.0/8".parse().unwrap()],
            header: HeaderName::from_static("x-forwarded-for"),
        }
    }

    const SENT: [(&str, &str); 7] = [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Real-IP", "6.6.6.6"),
        ("CF-Connecting-IP", "6.6.6.6"),
        ("X-Request-ID", "from-before"),
        ("Tracestate", "a=b"),
        (
            "Traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("User-Agent", "a browser"),
    ];

    #[test]
    fn what_proxies_say_is_believed_of_those_that_are_trusted_and_goes_no_further() {
        for (peer, address, id) in [
            ("10.1.1.1", "203.0.113.9", Some("from-before")),
            ("203.0.113.50", "203.0.113.50", None),
        ] {
            let mut request = request(peer, &SENT);
            let (arrival, told) = arrive(&proxies(), &mut request);
            told.unwrap();
            assert_eq!(request.address, address.parse::<IpAddr>().unwrap());
            assert_eq!(arrival.id == "from-before", id.is_some(), "{}", arrival.id);
            assert_eq!(arrival.trace, "0af7651916cd43dd8448eb211c80319c");
            let mut left: Vec<_> = request.headers.keys().map(HeaderName::as_str).collect();
            left.sort_unstable();
            assert_eq!(left, ["traceparent", "user-agent", REQUEST_ID]);
            assert_eq!(request.headers[REQUEST_ID], arrival.id.as_str());
            let place = request.headers[TRACEPARENT].to_str().unwrap();
            assert!(place.contains(&arrival.trace) && !place.contains("b7ad6b7169203331"));
        }
    }

    #[test]
    fn whose_request_can_not_be_told_is_the_proxy_s_and_refused() {
        let sent = [("X-Forwarded-For", "nonsense"), ("Host", "a.example")];
        let mut request = request("10.1.1.1", &sent);
        let (_, told) = arrive(&proxies(), &mut request);
        assert!(matches!(told, Err(Error::Forwarded(_))));
        assert_eq!(request.address, "10.1.1.1".parse::<IpAddr>().unwrap());
        assert!(request.headers.contains_key(header::HOST));
        assert!(!request.headers.contains_key("x-forwarded-for"));
    }

    #[test]
    fn a_neighbour_that_writes_like_a_proxy_and_is_not_named_is_noticed() {
        for (peer, sent, expected) in [
            ("192.168.1.1", &SENT[..], true),
            ("127.0.0.1", &SENT[..], true),
            ("::ffff:127.0.0.1", &SENT[..], true),
            ("fd00::1", &SENT[..], true),
            ("127.0.0.1", &SENT[3..], false),
            ("10.1.1.1", &SENT[..], false),
            ("203.0.113.50", &SENT[..], false),
        ] {
            let request = request(peer, sent);
            let found = is_unnamed_proxy(&proxies(), request.address, &request.headers);
            assert_eq!(found, expected, "{peer}");
        }
    }

    #[test]
    fn an_id_that_is_none_or_two_is_not_kept() {
        for sent in [
            vec![("X-Request-ID", "a b")],
            vec![("X-Request-ID", "a"), ("X-Request-ID", "b")],
        ] {
            let mut request = request("10.1.1.1", &sent);
            let (arrival, _) = arrive(&proxies(), &mut request);
            assert_eq!(arrival.id.len(), 16, "{}", arrival.id);
            assert_eq!(request.headers.get_all(REQUEST_ID).iter().count(), 1);
        }
    }
}
