//! The SDKs, unchanged.

use hapta_tests::live::Watching;
use hapta_tests::root;
use tokio::process::Command;

use crate::sdk::run;

scenes! { everywhere:
    the_sdk_for_javascript_watches,
    the_sdk_for_python_watches,
}

async fn the_sdk_for_javascript_watches(at: &Watching) {
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec", "live.mjs"]);
    let report = play(at, node).await;
    let passed = report.lines().find_map(|line| line.strip_prefix("ℹ pass "));
    let passed: u32 = passed.expect("node's summary").parse().expect("a number");
    assert!(passed >= 13, "{report}");
}

async fn the_sdk_for_python_watches(at: &Watching) {
    let mut python = Command::new("python3");
    python
        .arg("live.py")
        .env("PYTHONPATH", root().join(".build/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let report = play(at, python).await;
    assert!(report.contains("2 steps"), "{report}");
}

async fn play(at: &Watching, command: Command) -> String {
    let address = at.guest().address().to_string();
    run("what watches", &address, &root().join("tests/sdk"), command).await
}
