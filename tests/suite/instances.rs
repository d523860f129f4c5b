//! Whose memory a call has: its own, one made ahead, or, where the operator wants it, another call's.

use std::collections::BTreeMap;

use hapta_tests::demo::records;
use hapta_tests::{Stage, eventually};
use serde_json::{Value, json};
use toml::Table;

#[tokio::test]
async fn no_call_meets_what_another_left_behind() {
    let stage = keeping(&json!({})).await;
    for _ in 0..20 {
        assert_eq!(kept(&stage).await, "1");
    }
}

#[tokio::test]
async fn an_instance_made_ahead_serves_one_call_and_is_gone() {
    // It has been called before, about nothing; and by no other request.
    let stage = keeping(&json!({ "ahead": 4 })).await;
    let waiting = async || {
        let count = stage.gateway.metric(WAITING).await;
        count.filter(|count| *count >= 4.0)
    };
    eventually("four wait", waiting).await;
    let mut seen = BTreeMap::<String, u32>::new();
    for _ in 0..50 {
        *seen.entry(kept(&stage).await).or_default() += 1;
        let bounded = stage.gateway.metric(WAITING).await.expect("a gauge");
        assert!(bounded <= 4.0, "{bounded}");
    }
    assert!(seen.contains_key("2"), "none was made ahead: {seen:?}");
    assert!(
        seen.keys()
            .all(|calls| ["1", "2"].contains(&calls.as_str())),
        "{seen:?}"
    );
}

#[tokio::test]
async fn where_the_operator_wants_it_an_instance_is_used_again_so_many_times() {
    let stage = keeping(&json!({ "isolation": "reuse", "reuse_calls": 3 })).await;
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(kept(&stage).await);
    }
    assert_eq!(seen, ["1", "2", "3", "1", "2", "3", "1"]);
}

#[tokio::test]
async fn an_instance_that_faulted_is_not_used_again() {
    let stage = keeping(&json!({ "isolation": "reuse" })).await;
    assert_eq!(kept(&stage).await, "1");
    assert_eq!(kept(&stage).await, "2");
    let trapped = stage.guest().get(&records("posts")).header("x-trap", "1");
    trapped.await.refused(500);
    assert_eq!(kept(&stage).await, "1");
}

#[tokio::test]
async fn a_rule_that_fails_when_it_is_warmed_goes_without() {
    let stage = Stage::with(|gateway| {
        let entry = json!({ "ahead": 2, "settings": { "in": "before" } });
        let entry = Table::try_from(entry).expect("an entry that TOML can say");
        gateway
            .rule_entry("trap", "trap", entry)
            .judged("posts", &["trap"])
    })
    .await;
    let metric = "hapta_rule_instances_waiting{rule=\"trap\"}";
    let waiting = async || {
        let count = stage.gateway.metric(metric).await;
        count.filter(|count| *count >= 2.0)
    };
    eventually("two wait", waiting).await;
    let refused = stage.guest().get(&records("posts")).await.refused(500);
    assert_eq!(refused["data"]["@gateway"]["code"], "rule_trap");
}

#[tokio::test]
async fn settings_of_instances_have_bounds() {
    let pocketbase = hapta_tests::PocketBase::start().await;
    for (entry, said) in [
        (json!({ "ahead": 33 }), "at most 32"),
        (json!({ "reuse_calls": 3 }), "isolation = \"reuse\""),
        (
            json!({ "isolation": "reuse", "reuse_calls": 0 }),
            "more than nothing",
        ),
    ] {
        let setup = hapta_tests::Setup::before(pocketbase.address());
        let entry = Table::try_from(entry).expect("an entry that TOML can say");
        let setup = setup.rule_entry("keeper", "keeper", entry);
        let error = setup.judged("posts", &["keeper"]).try_start().await;
        let error = error.expect_err("it does not start");
        assert!(error.contains(said), "{error}");
    }
}

const WAITING: &str = "hapta_rule_instances_waiting{rule=\"keeper\"}";

async fn keeping(entry: &Value) -> Stage {
    Stage::with(|gateway| {
        let entry = Table::try_from(entry).expect("an entry that TOML can say");
        gateway
            .rule_entry("keeper", "keeper", entry)
            .judged("posts", &["keeper"])
    })
    .await
}

/// How often its instance was called, as the rule says.
async fn kept(stage: &Stage) -> String {
    let refused = stage.guest().get(&records("posts")).await.refused(418);
    refused["message"].as_str().expect("a number").to_owned()
}
