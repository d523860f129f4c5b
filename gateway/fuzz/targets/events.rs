//! An event stream: however it is cut, the same is told of it.
#![no_main]

use hapta_fuzz::assert_events;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| assert_events(bytes));
