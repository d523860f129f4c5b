//! Blocks that are programs: their syntax, and those that can be run by themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hapta_tests::root;
use tokio::process::Command;

use super::blocks::{Block, all};

/// The kinds that are programs.
const KINDS: [&str; 5] = ["sh", "sh lines", "sh install", "js part", "js"];

/// Holds all of them, and says which are wrong.
pub(super) async fn hold() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path();
    fs::write(place.join("package.json"), "{\"type\": \"module\"}").expect("writes it");
    let client = root().join("gateway/clients/js/hapta-client.js");
    fs::copy(client, place.join("hapta-client.js")).expect("the client's module");
    let modules = root().join("tests/sdk/node_modules");
    std::os::unix::fs::symlink(modules, place.join("node_modules")).expect("a link");
    let mut wrong = Vec::new();
    let mut held = BTreeMap::new();
    for block in all() {
        if !KINDS.contains(&block.kind.as_str()) {
            continue;
        }
        if let Some(problem) = problem(&block, place).await {
            wrong.push(format!("{}: {problem}", block.place()));
        }
        *held.entry(block.kind).or_insert(0) += 1;
    }
    assert!(held.len() == KINDS.len(), "of some kinds none: {held:?}");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is wrong with a block. None: nothing.
async fn problem(block: &Block, place: &Path) -> Option<String> {
    let file = place.join("block.mjs");
    match block.kind.as_str() {
        "sh" | "sh lines" | "sh install" => said("bash", &["-n", "-c", &block.text], place).await,
        "js part" => {
            fs::write(&file, &block.text).expect("writes it");
            said("node", &["--check", "block.mjs"], place).await
        }
        "js" => {
            fs::write(&file, &block.text).expect("writes it");
            said("node", &["block.mjs"], place).await
        }
        other => unreachable!("{other} is no kind of program"),
    }
}

/// What a program says that fails.
async fn said(program: &str, arguments: &[&str], place: &Path) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(place)
        .output()
        .await
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}
