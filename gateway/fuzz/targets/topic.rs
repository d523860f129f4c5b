//! A topic of a subscription: refused, or in one spelling that can't end a line.
#![no_main]

use hapta_fuzz::assert_topic;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    assert_topic(text);
    // Most texts are no JSON and have no escapes: these get further.
    let escaped: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    assert_topic(&format!("posts/*?options={escaped}"));
});
