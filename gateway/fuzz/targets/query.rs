//! A query string, at every operation that takes one.
#![no_main]

use hapta_fuzz::assert_one_spelling;
use hapta_fuzz::operation::Operation;
use http::Method;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| {
    for (method, path) in [
        (Method::GET, "/api/collections/posts/records"),
        (Method::GET, "/api/collections/posts/records/a"),
        (Method::POST, "/api/collections/posts/records"),
        (Method::POST, "/api/collections/users/auth-with-password"),
        (Method::GET, "/api/collections/users/auth-methods"),
        (Method::GET, "/api/files/posts/a/b.png"),
        (Method::GET, "/api/settings"),
    ] {
        if let Ok(operation) = Operation::parse(&method, path, Some(query)) {
            assert_one_spelling(operation);
        }
    }
});
