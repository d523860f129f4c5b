//! What the standard library makes of WASI.

use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// From the keys of a hash map: the library has no other way to ask for randomness.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(())
}

pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

pub(crate) fn print_error(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

pub(crate) fn arguments() -> usize {
    std::env::args().count()
}

pub(crate) fn environment() -> usize {
    std::env::vars().count()
}

pub(crate) fn files() -> bool {
    std::fs::read_dir("/").is_ok()
}
