//! The official SDK, with files and batches.

use hapta_tests::albums::Albums;
use tokio::process::Command;

use crate::sdk::run;

#[tokio::test]
async fn the_sdk_uploads() {
    Albums::everywhere(async |at| play(at, "uploads", 11).await).await;
}

#[tokio::test]
async fn the_sdk_sends_batches() {
    Albums::everywhere(async |at| play(at, "batches", 5).await).await;
}

/// Runs those of `tests/sdk/uploads.mjs` that are described so, of which there are so many.
async fn play(at: &Albums, described: &str, tests: u32) {
    let mut node = Command::new("node");
    node.args([
        "--test",
        "--test-reporter=spec",
        "--test-name-pattern",
        described,
        "uploads.mjs",
    ]);
    let address = at.guest().address().to_string();
    let folder = hapta_tests::root().join("tests/sdk");
    let report = run(described, &address, &folder, node).await;
    let passed = report.lines().find_map(|line| line.strip_prefix("ℹ pass "));
    let passed: u32 = passed.expect("node's summary").parse().expect("a number");
    assert!(passed >= tests, "{report}");
}
