//! A query string, at every operation that takes one.
#![no_main]

use hapta_fuzz::assert_request_line;
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
        assert_request_line(&method, path, Some(query));
    }
});
