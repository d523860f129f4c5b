//! A batch: its parts are refused, or write one record each and have one spelling.
#![no_main]

use hapta_fuzz::assert_batch;
use hapta_fuzz::exchange::batch::file_key;
use hapta_fuzz::exchange::json::{Bounds, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(body) = parse(bytes, Bounds::default()) {
        assert_batch(&body);
    }
    if let Ok(name) = std::str::from_utf8(bytes)
        && let Ok((index, key)) = file_key(name)
    {
        let spellings = [
            format!("requests.{index}.{key}"),
            format!("requests[{index}].{key}"),
        ];
        assert!(spellings.iter().any(|spelling| spelling == name), "{name}");
    }
});
