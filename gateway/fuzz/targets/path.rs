//! A request line: refused, or of one spelling.
#![no_main]

use hapta_fuzz::assert_request_line;
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
    assert_request_line(&method, path, query);
});
