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
    pub mod operation;
    pub mod principal;
    pub mod record;
    pub mod schema;
    pub mod surface;
}

pub use source::{exchange, filter, operation, principal, record, schema, surface};

use exchange::batch::{self, RawPart};
use http::{HeaderName, Method};
use operation::{CollectionRef, Operation, Part};
use serde_json::Value;
use surface::{Batch, Mode, PathPattern, Surface};

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
        Operation::Auth(request) => {
            request.query.fields = None;
            request.mfa_id = None;
        }
        _ => {}
    }
    operation
}
