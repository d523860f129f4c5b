//! The official JavaScript SDK, pointed at the gateway unchanged.
//!
//! The tests are `tests/sdk/*.mjs`; each file runs against PocketBase itself and
//! against the gateway, so that what passes here is what the SDK's users have.

use std::process::Stdio;
use std::time::Duration;

use hapta_tests::{Stage, root};
use tokio::process::Command;

/// Node starts slowly on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn the_sdk_works_as_with_pocketbase() {
    let stage = Stage::open().await;
    run("PocketBase", &stage.pocketbase.address().to_string()).await;
    run("the gateway", &stage.gateway.address().to_string()).await;
}

async fn run(what: &str, address: &str) {
    let folder = root().join("tests/sdk");
    assert!(
        folder.join("node_modules/pocketbase").exists(),
        "the SDK is not installed: run `make setup`"
    );
    let files = std::fs::read_dir(&folder)
        .expect("tests/sdk")
        .map(|file| file.expect("a file").path());
    let files = files.filter(|path| path.to_string_lossy().ends_with(".test.mjs"));
    let node = Command::new("node")
        .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
        .args(files)
        .env("HAPTA_URL", format!("http://{address}"))
        .current_dir(&folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, node)
        .await
        .expect("node ends")
        .expect("node starts");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "the SDK against {what}:\n{report}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // A runner that finds no test is content.
    let tests = report
        .lines()
        .find_map(|line| line.strip_prefix("ℹ tests "))
        .expect("node's summary");
    assert!(tests.parse::<u32>().expect("a number") >= 15, "{report}");
}
