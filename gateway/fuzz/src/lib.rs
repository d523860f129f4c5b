//! The gateway's vocabulary, compiled by itself for the fuzz targets.
//!
//! It names nothing that stands above it, so it needs neither wasmtime nor a
//! server: with a fuzzer's instrumentation that is seconds instead of minutes.

/// The gateway's sources, found where they are.
#[allow(dead_code, reason = "what the stations use is not used here")]
#[path = "../../src"]
mod source {
    pub mod exchange;
    pub mod filter;
    pub mod network;
    pub mod operation;
    pub mod principal;
    pub mod record;
    pub mod schema;
    pub mod surface;

    /// Of the way to PocketBase, what reads its event streams.
    #[path = "upstream/live"]
    pub(crate) mod live {
        pub(crate) mod frames;
        pub(crate) mod notice;
    }
}

pub use source::{exchange, filter, network, operation, principal, record, schema, surface};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exchange::Reached;
use exchange::batch::{self, RawPart};
use exchange::proof::{self, About, WINDOW};
use http::{HeaderName, Method};
use operation::{CollectionRef, LONGEST_TOPIC, Operation, Part, Topic};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use source::live::frames::{FrameError, Frames};
use source::live::notice::{self, Notice};
use surface::{Batch, Compat, Mode, PathPattern, Surface};

/// Asserts that the parts of a batch are refused, or are writes of one record that
/// have one spelling, and what PocketBase is sent of them has no second reading.
///
/// # Panics
///
/// When one has another.
pub fn assert_batch(body: &Value) {
    let bounds = Batch {
        headers: vec![HeaderName::from_static("x-tenant")],
        ..Batch::default()
    };
    let Ok(parts) = batch::parts(body.clone(), &bounds) else {
        return;
    };
    assert!((1..=bounds.parts).contains(&parts.len()));
    for part in parts {
        let Ok(raw) = RawPart::read(part, &bounds) else {
            continue;
        };
        assert!(raw.headers.keys().all(|name| bounds.headers.contains(name)));
        for mode in [Mode::Enforce, Mode::Observe] {
            let surface = Surface {
                mode,
                ..Surface::default()
            };
            if let Ok(part) = Part::parse(&raw.method, &raw.address, &surface) {
                assert_part(part, &surface);
            }
        }
    }
}

fn assert_part(part: Part, surface: &Surface) {
    let operation = part.operation;
    assert!(matches!(
        operation,
        Operation::Create { .. } | Operation::Update { .. } | Operation::Delete { .. }
    ));
    let name = operation.collection().map(CollectionRef::as_str);
    let line = operation.upstream_path_and_query(name.unwrap_or_default());
    let (path, query) = line.split_once('?').unwrap_or((&line, ""));
    // PocketBase decodes nothing in the path, and takes the query for fields.
    assert!(!path.contains('%'), "{line}");
    let keys = form_urlencoded::parse(query.as_bytes());
    let keys: Vec<_> = keys.map(|(key, _)| key.into_owned()).collect();
    assert!(keys.is_empty() || keys == ["expand"], "{line}");
    let method = operation.upstream_method();
    let again = Part::parse(method.as_str(), &line, surface);
    let again = again.map(|part| part.operation);
    assert_eq!(again, Ok(without_fields(operation)), "{line}");
}

/// Asserts that a topic is refused, or can't end a line of a stream and has one
/// spelling for PocketBase.
///
/// # Panics
///
/// When it has another.
pub fn assert_topic(text: &str) {
    let named = Compat {
        query: ["tenant".to_owned()].into(),
        headers: vec![HeaderName::from_static("x-tenant")],
        ..Compat::default()
    };
    for (mode, compat) in [
        (Mode::Enforce, Compat::default()),
        (Mode::Enforce, named),
        (Mode::Observe, Compat::default()),
    ] {
        let surface = Surface {
            compat,
            mode,
            ..Surface::default()
        };
        let Ok(topic) = Topic::parse(text, &surface) else {
            continue;
        };
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
        let Topic::Records { operation, .. } = topic else {
            continue;
        };
        let name = operation.collection().map(CollectionRef::as_str);
        let upstream = operation.upstream_topic(name.unwrap_or_default());
        let upstream = upstream.expect("a topic of records");
        assert!(upstream.bytes().all(|byte| byte.is_ascii_graphic()));
        // What is too long for PocketBase is refused once rules have narrowed it.
        if upstream.len() <= LONGEST_TOPIC {
            let again = Topic::parse(&upstream, &surface);
            let Ok(Topic::Records {
                operation: again, ..
            }) = again
            else {
                panic!("{upstream} reads as {again:?}");
            };
            assert_eq!(again, without_fields(operation), "{upstream}");
        }
    }
}

/// Asserts that a request line is refused or has one spelling, where little is
/// served and where everything that can be is.
///
/// # Panics
///
/// When it has another.
pub fn assert_request_line(method: &Method, path: &str, query: Option<&str>) {
    let everything = Surface {
        mode: Mode::Observe,
        dashboard: true,
        files: PathPattern::parse("/{path...}").into_iter().collect(),
        ..Surface::default()
    };
    for surface in [Surface::default(), everything] {
        if let Ok(asked) = Operation::parse(method, path, query, &surface) {
            assert_one_spelling(asked.operation, &surface);
        }
    }
}

/// What PocketBase is sent reads as the operation that it was written of.
fn assert_one_spelling(operation: Operation, surface: &Surface) {
    let name = operation.collection().map(CollectionRef::as_str);
    let line = operation.upstream_path_and_query(name.unwrap_or_default());
    assert!(line.bytes().all(|byte| byte.is_ascii_graphic()), "{line}");
    let (path, query) = match line.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (line.as_str(), None),
    };
    let is_beside = matches!(operation, Operation::Static(_) | Operation::Custom(_));
    let is_api = path == "/api" || path.starts_with("/api/");
    assert!(
        !matches!(operation, Operation::Static(_)) || !is_api,
        "{line}"
    );
    let is_dashboard = matches!(operation, Operation::Dashboard(_)) && path.starts_with("/_");
    assert!(
        is_beside || is_dashboard || path.starts_with("/api/"),
        "{line}"
    );
    let segments = path.strip_prefix('/').expect("a path");
    for segment in segments.strip_suffix('/').unwrap_or(segments).split('/') {
        if segments.is_empty() {
            break;
        }
        let decoded = percent_encoding::percent_decode_str(segment);
        let decoded = decoded.decode_utf8().expect("UTF-8");
        assert!(!["", ".", ".."].contains(&&*decoded), "{line}");
        assert!(!decoded.contains(['/', '\\', '%', '\0']), "{line}");
        assert!(decoded.is_ascii(), "{line}");
    }
    let pairs: Vec<_> = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
    for (at, (key, _)) in pairs.iter().enumerate() {
        assert!(
            pairs.iter().skip(at + 1).all(|(other, _)| other != key),
            "{line}"
        );
    }
    let method = operation.upstream_method();
    let again = Operation::parse(&method, path, query, surface);
    let again = again.map(|asked| asked.operation);
    assert_eq!(again, Ok(without_fields(operation)), "{line}");
}

/// What the client wants of the answer is never sent, and the first step of a
/// login goes on in the body.
fn without_fields(mut operation: Operation) -> Operation {
    match &mut operation {
        Operation::List { query, .. } => query.fields = None,
        Operation::Health { query }
        | Operation::View { query, .. }
        | Operation::Create { query, .. }
        | Operation::Update { query, .. }
        | Operation::Batch { query }
        | Operation::FileToken { query }
        | Operation::Impersonate { query, .. } => query.fields = None,
        Operation::Watch { query, .. } => query.fields = None,
        Operation::Auth(request) => {
            request.query.fields = None;
            request.mfa_id = None;
        }
        _ => {}
    }
    operation
}

/// Asserts that a proof which says this is refused, or is of the request that it came with. It
/// is signed with a key that everybody has, whatever it says of that.
///
/// # Panics
///
/// When it is of another.
pub fn assert_proof(header: &str, claims: &str) {
    const NOW: u64 = 1_800_000_000;
    let about = About {
        method: "POST",
        path: "/api/batch",
        reached: Reached {
            public: None,
            host: Some("a.example"),
        },
        token: None,
        now: NOW,
        since: 0,
    };
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) });
    let good = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk }).to_string();
    for header in [header, &good] {
        let signed = format!("{}.{}", text(header.as_bytes()), text(claims.as_bytes()));
        let signature = pair.sign(signed.as_bytes());
        let whole = format!("{signed}.{}", text(signature.as_ref()));
        let Ok(found) = proof::read(&whole, &about) else {
            continue;
        };
        let header: Value = serde_json::from_str(header).expect("JSON");
        assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("EdDSA")));
        assert!(header["jwk"].get("d").is_none() && header.get("crit").is_none());
        let claims: Value = serde_json::from_str(claims).expect("JSON");
        assert_eq!(claims["htm"], "POST");
        let address = claims["htu"].as_str().expect("an address");
        assert!(address.to_lowercase().contains("://a.example"), "{address}");
        assert!(address.contains("/api/batch"), "{address}");
        assert!(claims.get("ath").is_none_or(Value::is_null));
        let made = claims["iat"].as_u64().expect("seconds");
        assert!(made.abs_diff(NOW) <= WINDOW && found.until == made + WINDOW);
    }
    // As it comes, it is no proof.
    assert!(proof::read(header, &about).is_err());
}

/// The events of a stream, each its id, its name and its data, and how it ended.
type Told = (Vec<(String, String, Vec<u8>)>, Option<FrameError>);

/// Asserts that an event stream tells the same however it is cut, and that what
/// is taken of it keeps to its bounds.
///
/// # Panics
///
/// When it does not.
pub fn assert_events(stream: &[u8]) {
    let whole = events([stream]);
    // The first bytes say where it is cut.
    let mut rest = stream;
    let mut parts = Vec::new();
    for length in stream.iter().take(16) {
        let (part, after) = rest.split_at(usize::from(*length).min(rest.len()));
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    assert_eq!(events(parts), whole);
    assert_eq!(events(stream.chunks(1)), whole);
}

/// What is told of a stream that comes in these parts.
fn events<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Told {
    const BOUND: usize = 1024;
    let mut frames = Frames::new(BOUND);
    let mut told = Vec::new();
    for part in parts {
        frames.push(part);
        loop {
            let frame = match frames.take() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => return (told, Some(error)),
            };
            let size = frame.id.len() + frame.name.len() + frame.data.len();
            assert!(size < BOUND, "{size}");
            if let Ok(client_id) = notice::client_id(&frame) {
                assert_eq!(client_id.expose(), frame.id);
            }
            if let Ok(notice) = Notice::read(&frame, &frame.id) {
                assert_eq!(notice.topic, frame.name);
                assert!(notice.record["id"].is_string(), "{notice:?}");
            }
            told.push((frame.id, frame.name, frame.data.to_vec()));
        }
    }
    (told, None)
}
