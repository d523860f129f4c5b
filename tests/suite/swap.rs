//! A rule's file changes under a running gateway.
//!
//! In which ways files change, and what is noticed of it, is in [`watcher`](crate::watcher).

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hapta_tests::demo::{POST_OF_ALICE, record};
use hapta_tests::{Setup, Stage, TestGateway, eventually, rules};
use serde_json::json;
use toml::Table;

#[tokio::test]
async fn a_new_file_changes_the_verdict_without_a_restart() {
    let stage = Stage::with(allowing).await;
    answers(&stage, 200).await;
    stage
        .gateway
        .replace_rule("verdict", &rules::bytes("deny_all"));
    answers(&stage, 403).await;
    stage
        .gateway
        .replace_rule("verdict", &rules::bytes("allow_all"));
    answers(&stage, 200).await;
}

#[tokio::test]
async fn a_bad_file_leaves_the_last_good_rules_in_force() {
    let stage = Stage::with(denying).await;
    stage
        .gateway
        .replace_rule("verdict", b"\0asm, but no more of it");
    told(&stage.gateway).await;
    answers(&stage, 403).await;
    // A rule that is fine but for its imports is as bad.
    stage
        .gateway
        .replace_rule("verdict", &rules::bytes("imports_sockets"));
    told(&stage.gateway).await;
    answers(&stage, 403).await;
    stage
        .gateway
        .replace_rule("verdict", &rules::bytes("allow_all"));
    answers(&stage, 200).await;
}

#[tokio::test]
async fn a_file_that_vanishes_leaves_the_last_good_rules_in_force() {
    let stage = Stage::with(denying).await;
    fs::remove_file(stage.gateway.rule_file("verdict")).expect("deletes the rule");
    told(&stage.gateway).await;
    answers(&stage, 403).await;
}

#[tokio::test]
async fn a_dropped_in_rule_that_vanishes_does_not_loosen_the_gateway() {
    let both = |gateway: Setup| {
        let gateway = gateway.dropped_in("allow_all").dropped_in("deny_all");
        gateway.judged_by_folder("posts")
    };
    let stage = Stage::with(both).await;
    answers(&stage, 403).await;
    let denier = stage.gateway.folder().join("rules/deny_all.wasm");
    fs::remove_file(denier).expect("deletes the rule");
    told_of(&stage.gateway, "deny_all").await;
    answers(&stage, 403).await;
}

#[tokio::test]
async fn a_request_in_flight_finishes_under_the_rules_it_began_with() {
    let stage = Stage::with(allowing).await;
    let target = record("posts", POST_OF_ALICE);
    let held = stage.proxy.hold(&target);
    let in_flight = tokio::spawn(stage.guest().get(&target).into_future());
    stage.proxy.arrived(&target).await;
    stage
        .gateway
        .replace_rule("verdict", &rules::bytes("after_denier"));
    answers(&stage, 403).await;
    drop(held);
    in_flight.await.expect("no panic").expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_for_a_swap() {
    let stage = Stage::with(allowing).await;
    let (done, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = async {
        let client = stage.guest();
        while !done.load(Ordering::Relaxed) {
            client
                .get("/api/collections/posts/records?perPage=1")
                .await
                .expect(200);
            asked.fetch_add(1, Ordering::Relaxed);
        }
    };
    let swaps = async {
        for round in 0..10 {
            let built = if round % 2 == 0 { "noter" } else { "allow_all" };
            let before = asked.load(Ordering::Relaxed);
            stage.gateway.replace_rule("verdict", &rules::bytes(built));
            eventually("requests go on", async || {
                (asked.load(Ordering::Relaxed) > before + 10).then_some(())
            })
            .await;
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(load, swaps);
}

#[tokio::test]
async fn a_rule_that_is_dropped_into_the_folder_judges_what_it_is_for() {
    let stage =
        Stage::with(|gateway| gateway.dropped_in("allow_all").judged_by_folder("posts")).await;
    answers(&stage, 200).await;
    fs::write(
        stage.gateway.folder().join("rules/deny_all.wasm"),
        rules::bytes("deny_all"),
    )
    .expect("writes the rule");
    answers(&stage, 403).await;
}

#[tokio::test]
async fn settings_are_the_entry_s_own() {
    let title =
        |title: &str| Table::try_from(json!({ "settings": { "title": title } })).expect("settings");
    let two = |gateway: Setup| {
        let gateway = gateway
            .rule_entry("first", "editor", title("one"))
            .rule_entry("second", "editor", title("two"));
        gateway
            .judged("posts", &["first", "second"])
            .judged("comments", &["second", "first"])
    };
    let stage = Stage::with(two).await;
    let alice = stage.log_in("alice").await;
    let updated = alice
        .patch(&record("posts", POST_OF_ALICE))
        .json(&json!({ "title": "three" }))
        .await
        .expect(200);
    assert_eq!(updated["title"], "two", "the last rule has the last word");
}

#[tokio::test]
async fn a_change_of_the_configuration_takes_effect_without_a_restart() {
    let editing = |gateway: Setup| {
        let settings = json!({ "title": "as configured" });
        gateway
            .rule_with("editor", &settings)
            .judged("posts", &["editor"])
    };
    let stage = Stage::with(editing).await;
    let alice = stage.log_in("alice").await;
    let title = async || {
        let updated = alice
            .patch(&record("posts", POST_OF_ALICE))
            .json(&json!({ "title": "x" }))
            .await;
        updated.expect(200)["title"].clone()
    };
    assert_eq!(title().await, "as configured");
    stage.gateway.reconfigure("as configured", "as changed");
    let changed = async || (title().await == "as changed").then_some(());
    eventually("the new settings are in force", changed).await;
    // What can't be loaded changes nothing.
    stage
        .gateway
        .reconfigure("[rules]", "[rules]\nnonsense = 1");
    let refused = async || {
        stage
            .gateway
            .rejected()
            .await
            .filter(|problem| problem.contains("nonsense"))
    };
    eventually("the operator is told of the unknown key", refused).await;
    assert_eq!(title().await, "as changed");
}

fn allowing(gateway: Setup) -> Setup {
    gateway
        .rule_entry("verdict", "allow_all", Table::new())
        .judged("posts", &["verdict"])
}

fn denying(gateway: Setup) -> Setup {
    gateway
        .rule_entry("verdict", "deny_all", Table::new())
        .judged("posts", &["verdict"])
}

/// Waits until a list of posts is answered like this.
async fn answers(stage: &Stage, status: u16) {
    let list = "/api/collections/posts/records?perPage=1";
    let answer = async || (stage.guest().get(list).await.status == status).then_some(());
    eventually(&format!("posts are answered with {status}"), answer).await;
}

/// Waits until the gateway tells its operator that the new set was not taken.
async fn told(gateway: &TestGateway) {
    told_of(gateway, "verdict").await;
}

/// The same, of a rule by another name.
async fn told_of(gateway: &TestGateway, rule: &str) {
    let problem = async || {
        gateway
            .rejected()
            .await
            .filter(|problem| problem.contains(rule))
    };
    eventually("the operator is told of the bad rule", problem).await;
}
