//! The SDKs for JavaScript and Python, pointed at the gateway unchanged.
//!
//! What they do is in `tests/sdk`; it is done with PocketBase itself and through the
//! gateway, so that what passes here is what the SDKs' users have.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hapta_tests::{PocketBase, Stage, root};
use tokio::process::Command;

use crate::faithful::transparent;

/// Node starts slowly on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The file of what only a gateway serves that serves everything.
const TRANSPARENT: &str = "transparent.test.mjs";

#[tokio::test]
async fn the_sdk_works_as_with_pocketbase() {
    let stage = Stage::open().await;
    javascript(
        "PocketBase",
        &stage.pocketbase.address().to_string(),
        |_| true,
    )
    .await;
    let gateway = stage.gateway.address().to_string();
    javascript("the gateway", &gateway, |file| file != TRANSPARENT).await;
}

#[tokio::test]
async fn the_sdk_works_where_everything_is_let_through() {
    let pocketbase = PocketBase::start().await;
    let gateway = transparent(&pocketbase).await;
    let address = gateway.client().address().to_string();
    javascript("the transparent gateway", &address, |_| true).await;
}

#[tokio::test]
async fn the_sdk_works_with_tokens_of_the_gateways_own() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.open("users").open("posts").open("comments");
        gateway.also("[sessions]\nmode = \"rolling\"")
    })
    .await;
    let gateway = stage.gateway.address().to_string();
    javascript("the gateway", &gateway, |file| file != TRANSPARENT).await;
}

#[tokio::test]
async fn the_sdk_for_python_works_as_with_pocketbase() {
    let pocketbase = PocketBase::start().await;
    let gateway = transparent(&pocketbase).await;
    let through = gateway.client().address();
    for (what, address) in [
        ("PocketBase", pocketbase.address()),
        ("the gateway", through),
    ] {
        python(what, &address.to_string()).await;
    }
}

/// Runs the tests in JavaScript, of the files that are to be.
async fn javascript(what: &str, address: &str, is_to_be: impl Fn(&str) -> bool) {
    let folder = root().join("tests/sdk");
    assert!(
        folder.join("node_modules/pocketbase").exists(),
        "the SDK is not installed: run `make setup`"
    );
    let files = std::fs::read_dir(&folder)
        .expect("tests/sdk")
        .map(|file| file.expect("a file").file_name());
    let files = files.filter(|name| {
        let name = name.to_string_lossy();
        name.ends_with(".test.mjs") && is_to_be(&name)
    });
    let mut node = Command::new("node");
    node.args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
        .args(files);
    let report = run(what, address, &folder, node).await;
    // A runner that finds no test is content.
    let tests = report
        .lines()
        .find_map(|line| line.strip_prefix("ℹ tests "))
        .expect("node's summary");
    assert!(tests.parse::<u32>().expect("a number") >= 15, "{report}");
}

/// Takes the tour in Python.
async fn python(what: &str, address: &str) {
    let installed = root().join(".build/python");
    assert!(
        installed.join("pocketbase").exists(),
        "the SDK for Python is not installed: run `make setup`"
    );
    let mut python = Command::new("python3");
    python
        .arg("tour.py")
        .env("PYTHONPATH", installed)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let report = run(what, address, &root().join("tests/sdk"), python).await;
    let steps = report.lines().find_map(|line| line.strip_suffix(" steps"));
    let steps = steps.expect("how many steps it took");
    assert!(steps.parse::<u32>().expect("a number") >= 14, "{report}");
}

/// Runs a command that is told whom to ask, and must succeed; what it wrote.
pub(crate) async fn run(what: &str, address: &str, folder: &Path, mut command: Command) -> String {
    let command = command
        .env("HAPTA_URL", format!("http://{address}"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, command)
        .await
        .expect("it ends")
        .expect("it starts");
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "the SDK against {what}:\n{report}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    report
}
