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
}

pub use source::{exchange, filter, operation, principal, record, schema};

use operation::{CollectionRef, Operation};

/// Asserts that what PocketBase is sent reads as the operation that it was written of.
///
/// # Panics
///
/// When it does not, or when it has a spelling that PocketBase folds.
pub fn assert_one_spelling(operation: Operation) {
    let name = operation.collection().map(CollectionRef::as_str);
    let line = operation.upstream_path_and_query(name.unwrap_or_default());
    assert!(line.bytes().all(|byte| byte.is_ascii_graphic()), "{line}");
    let (path, query) = match line.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (line.as_str(), None),
    };
    let segments = path.strip_prefix("/api/").expect("a path of PocketBase");
    for segment in segments.split('/') {
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
    let again = Operation::parse(&method, path, query);
    assert_eq!(again, Ok(without_fields(operation)), "{line}");
}

/// What the client wants of the answer is never sent.
fn without_fields(mut operation: Operation) -> Operation {
    match &mut operation {
        Operation::List { query, .. } => query.fields = None,
        Operation::View { query, .. }
        | Operation::Create { query, .. }
        | Operation::Update { query, .. }
        | Operation::AuthMethods { query, .. }
        | Operation::AuthWithPassword { query, .. }
        | Operation::AuthRefresh { query, .. } => query.fields = None,
        _ => {}
    }
    operation
}
