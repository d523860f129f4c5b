//! Rules that fail at night: they refuse, they alarm, and where that is asked for,
//! several known users bring back what was in force before.

use hapta_tests::demo::{POST_OF_ALICE, record};
use hapta_tests::{Client, Setup, Stage, eventually, rules};
use serde_json::json;
use toml::Table;

use super::{answers, generation, hapta, in_force, judging, status};

const GO_BACK: &str = "[rules]\nalarm_faults = 4\n[rules.go_back]\nfaults = 6\nprincipals = 3";

/// A rule that allows, then one in its place that traps when it is told to.
async fn failing(more: &str) -> Stage {
    let settings = json!({ "settings": { "when_header": "x-misbehave" } });
    let stage = Stage::with(|gateway: Setup| {
        let entry = Table::try_from(settings).expect("an entry");
        let gateway = gateway.rule_entry("verdict", "endless_loop", entry);
        gateway.judged("posts", &["verdict"]).also(more)
    })
    .await;
    stage.gateway.replace_rule("verdict", &rules::bytes("trap"));
    in_force(&stage.gateway, 2).await;
    stage
}

async fn fail(client: &Client, times: usize) {
    for _ in 0..times {
        let call = client.get(&record("posts", POST_OF_ALICE));
        call.header("x-misbehave", "1").await.refused(500);
    }
}

#[tokio::test]
async fn a_generation_that_fails_refuses_and_alarms() {
    let stage = failing("[rules]\nalarm_faults = 4").await;
    fail(&stage.guest(), 3).await;
    assert!(status(&stage.gateway).await["alarm"].is_null());
    assert_eq!(hapta(&stage.gateway, &["status"]).await.status, Some(0));
    fail(&stage.guest(), 1).await;
    assert_eq!(status(&stage.gateway).await["alarm"]["faults"], 4);
    let metric = async || {
        let alarm = stage.gateway.metric("hapta_generation_alarm").await;
        (alarm == Some(1.0)).then_some(())
    };
    eventually("the metric tells it", metric).await;
    let said = async || {
        let said = hapta(&stage.gateway, &["status"]).await;
        (said.status == Some(1)).then_some(said.output)
    };
    let said = eventually("the command tells it", said).await;
    assert!(said.contains("alarm"), "{said}");
    // It goes on refusing, whoever asks, and nothing comes back by itself.
    for name in ["alice", "bob", "carol"] {
        fail(&stage.log_in(name).await, 10).await;
    }
    assert_eq!(generation(&stage.gateway).await, 2);
    let back = hapta(&stage.gateway, &["rules", "rollback"]).await;
    assert_eq!(back.status, Some(0), "{}", back.output);
    assert!(status(&stage.gateway).await["alarm"].is_null());
    let listed = hapta(&stage.gateway, &["rules", "history"]).await;
    assert!(
        listed.output.contains("failed too often"),
        "{}",
        listed.output
    );
}

#[tokio::test]
async fn one_user_or_guests_alone_never_bring_the_generation_before_back() {
    let stage = failing(GO_BACK).await;
    fail(&stage.guest(), 20).await;
    fail(&stage.log_in("alice").await, 20).await;
    fail(&stage.log_in("bob").await, 20).await;
    fail(&stage.guest(), 20).await;
    let alarm = async || (!status(&stage.gateway).await["alarm"].is_null()).then_some(());
    eventually("it alarms", alarm).await;
    settled(&stage).await;
    assert_eq!(generation(&stage.gateway).await, 2);
    assert!(status(&stage.gateway).await["pinned"].is_null());
}

#[tokio::test]
async fn several_users_bring_the_generation_before_back_where_that_is_asked_for() {
    let stage = failing(GO_BACK).await;
    for name in ["alice", "bob", "carol"] {
        fail(&stage.log_in(name).await, 2).await;
    }
    in_force(&stage.gateway, 1).await;
    let now = status(&stage.gateway).await;
    assert_eq!(now["pinned"], 1);
    assert!(now["alarm"].is_null());
    // The generation that failed is not gone back to from a later one.
    stage
        .gateway
        .replace_rule("verdict", &rules::bytes("noter"));
    let off = hapta(&stage.gateway, &["rules", "history"]).await;
    assert!(off.output.contains("failed too often"), "{}", off.output);
}

#[tokio::test]
async fn a_generation_that_failed_itself_is_not_gone_back_to() {
    let stage = failing(GO_BACK).await;
    let people = [
        stage.log_in("alice").await,
        stage.log_in("bob").await,
        stage.log_in("carol").await,
    ];
    fail(&people[0], 4).await;
    let marked = async || {
        let listed = hapta(&stage.gateway, &["rules", "history"]).await;
        listed.output.contains("failed too often").then_some(())
    };
    eventually("the second is known to fail", marked).await;
    // The third fails as well; the second is no better.
    stage.gateway.reconfigure(
        "when_header = \"x-misbehave\"",
        "when_header = \"x-misbehave\"\nin = \"before\"",
    );
    in_force(&stage.gateway, 3).await;
    for person in &people {
        fail(person, 2).await;
    }
    settled(&stage).await;
    assert_eq!(generation(&stage.gateway).await, 3);
    assert!(status(&stage.gateway).await["pinned"].is_null());
    let listed = hapta(&stage.gateway, &["rules", "history"]).await;
    let failed = listed.output.matches("failed too often").count();
    assert_eq!(failed, 2, "{}", listed.output);
}

/// Waits until the gateway has thought about all faults so far: of two commands, the
/// second is heard in a turn that began after them.
async fn settled(stage: &Stage) {
    for what in ["add", "remove"] {
        let heard = hapta(&stage.gateway, &["deny", what, "collection:nothing"]).await;
        assert_eq!(heard.status, Some(0), "{}", heard.output);
    }
}

#[tokio::test]
async fn a_denial_is_no_fault() {
    let stage =
        Stage::with(|gateway| judging("deny_all", gateway).also("[rules]\nalarm_faults = 1")).await;
    answers(&stage.gateway, 403).await;
    assert!(status(&stage.gateway).await["alarm"].is_null());
}
