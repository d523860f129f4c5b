//! The same imports for a target that knows nothing of WASI.

use wasip2::cli::{environment, stderr, stdout};
use wasip2::clocks::wall_clock;
use wasip2::filesystem::preopens;
use wasip2::io::streams::OutputStream;
use wasip2::random::insecure_seed::insecure_seed;

pub(crate) fn now() -> u64 {
    let now = wall_clock::now();
    now.seconds * 1_000 + u64::from(now.nanoseconds / 1_000_000)
}

/// Mixed with a count, as hash maps do, since the seed stays.
pub(crate) fn random() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (low, high) = insecure_seed();
    (low ^ high.rotate_left(32)).wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn print(line: &str) {
    write(&stdout::get_stdout(), line);
}

pub(crate) fn print_error(line: &str) {
    write(&stderr::get_stderr(), line);
}

pub(crate) fn arguments() -> usize {
    environment::get_arguments().len()
}

pub(crate) fn environment() -> usize {
    environment::get_environment().len()
}

pub(crate) fn files() -> bool {
    !preopens::get_directories().is_empty()
}

fn write(output: &OutputStream, line: &str) {
    let _ = output.blocking_write_and_flush(format!("{line}\n").as_bytes());
}
