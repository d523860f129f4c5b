//! A proof of a client, by what it says: refused, or of the request that it came with.
#![no_main]

use hapta_fuzz::assert_proof;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (header, claims) = text.split_once('\n').unwrap_or(("", text));
    assert_proof(header, claims);
});
