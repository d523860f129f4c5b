//! A request line: refused, or of one spelling.
#![no_main]

use hapta_fuzz::assert_one_spelling;
use hapta_fuzz::operation::Operation;
use http::Method;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &str| {
    let Some((method, target)) = line.split_once(' ') else {
        return;
    };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        return;
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    if let Ok(operation) = Operation::parse(&method, path, query) {
        assert_one_spelling(operation);
    }
});
