//! The official SDK, in every way that it knows.

use tokio::process::Command;

use super::{Entrance, everywhere};
use crate::sdk::run;

#[tokio::test]
async fn the_sdk_logs_in_in_every_way() {
    everywhere(async |at| {
        let provider = at.provider().await;
        at.offer(|ways| ways.provider(provider).one_time_passwords())
            .await;
        play(at, "every way").await;
    })
    .await;
}

#[tokio::test]
async fn the_sdk_logs_in_by_two_ways() {
    everywhere(async |at| {
        at.offer(|ways| ways.one_time_passwords().second_factor(""))
            .await;
        play(at, "a second factor").await;
    })
    .await;
}

/// Runs those of `tests/sdk/logins.mjs` that are described so.
async fn play(at: &Entrance, described: &str) {
    let mut node = Command::new("node");
    node.args([
        "--test",
        "--test-reporter=spec",
        "--test-name-pattern",
        described,
        "logins.mjs",
    ])
    .env("MAILS", at.mailbox().await.url());
    let address = at.guest().address().to_string();
    let report = run(
        described,
        &address,
        &hapta_tests::root().join("tests/sdk"),
        node,
    )
    .await;
    let passed = report.lines().find_map(|line| line.strip_prefix("ℹ pass "));
    let passed: u32 = passed.expect("node's summary").parse().expect("a number");
    assert!(passed >= 2, "{report}");
}
