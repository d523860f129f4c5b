//! The official SDK with the client module that signs what it asks: in Node, and in a browser.

use hapta_tests::albums::take_batches;
use hapta_tests::{Browser, PocketBase, Stage, root};
use tokio::process::Command;

use super::{open, refused};
use crate::sdk::run;

const KEY: &str = "k7Qd9xZrT3mWv5Ye";

const BOTH: &str =
    "[sessions]\nmode = \"rolling\"\n[application]\nkeys = \"required\"\ndpop = \"required\"";

/// A gateway that takes nothing but what an application sends and a client signs.
async fn guarded() -> Stage {
    let pocketbase = PocketBase::start().await;
    take_batches(&pocketbase, 10).await;
    Stage::before(pocketbase, |gateway| {
        let gateway = open(gateway, BOTH);
        gateway.environment(|own| own.app_keys = Some(format!("web:{KEY}")))
    })
    .await
}

/// A runner that finds no test is content, so that the number counts.
#[track_caller]
fn ran(report: &str, least: u32) {
    let tests = report
        .lines()
        .find_map(|line| line.strip_prefix("ℹ tests "));
    let tests = tests.expect("node's summary").parse::<u32>();
    assert!(tests.expect("a number") >= least, "{report}");
}

#[tokio::test]
async fn the_sdk_signs_what_it_asks_in_node() {
    let stage = guarded().await;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec", "signed.mjs"])
        .env("APP_KEY", KEY);
    let address = stage.gateway.address().to_string();
    let folder = root().join("tests/sdk");
    ran(&run("the gateway", &address, &folder, node).await, 10);
    assert_eq!(refused(&stage.gateway, "proof_replayed").await, Some(1.0));
}

#[tokio::test]
async fn the_sdk_signs_what_it_asks_in_a_browser_with_a_key_that_nobody_can_read() {
    let stage = guarded().await;
    let api = format!("http://{}", stage.gateway.address());
    let variables = [("API_URL", api.as_str()), ("APP_KEY", KEY)];
    ran(&Browser::run("signed.test.mjs", &variables).await, 5);
    assert_eq!(refused(&stage.gateway, "proof_invalid").await, Some(0.0));
}
