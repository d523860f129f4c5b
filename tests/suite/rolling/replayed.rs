//! What is shown again: a token that was replaced ends its whole session.

use std::fs;

use hapta_tests::demo::{ALICE, records};
use hapta_tests::{Client, Stage, eventually};
use serde_json::Value;

use super::{REFRESH, claims, refreshed, with};

const SHORT: &str = "[sessions.rolling]\ngrace = \"1s\"\n[log]\nsecurity = \"security.log\"";

/// Waits until a token is dead, by showing it to nobody.
async fn grace_is_over() {
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
}

/// The security events of a kind.
fn events(stage: &Stage, kind: &str) -> Vec<Value> {
    let file = stage.gateway.folder().join("security.log");
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter(|line| line["event"] == kind).collect()
}

async fn told(stage: &Stage, kind: &str) -> Value {
    let what = format!("the event {kind}");
    let events = eventually(&what, async || {
        Some(events(stage, kind)).filter(|all| !all.is_empty())
    });
    let mut events = events.await;
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[tokio::test]
async fn a_stolen_token_shown_late_ends_the_whole_session() {
    let stage = with(SHORT).await;
    let stolen = stage.guest().log_in("alice").await;
    let other = stage.guest().log_in("alice").await;
    let newest = refreshed(&stolen).await;
    newest.get(&records("posts")).await.expect(200);
    grace_is_over().await;
    let replayed = stolen.get(&records("posts")).await;
    assert_eq!(replayed.code(401), "session_ended");
    // Nobody knows which of the two was the thief.
    for client in [&newest, &stolen] {
        assert_eq!(
            client.get(&records("posts")).await.code(401),
            "session_ended"
        );
        assert_eq!(client.post(REFRESH).await.code(401), "session_ended");
    }
    // Another login of the same person has nothing to do with it.
    other.get(&records("posts")).await.expect(200);
    let event = told(&stage, "token_reused").await;
    assert_eq!(event["operation.collection"], "users");
    assert!(!event.to_string().contains(stolen.token()), "{event}");
    let ended = "hapta_sessions_ended_total{why=\"reused\"}";
    assert_eq!(stage.gateway.metric(ended).await, Some(1.0));
}

#[tokio::test]
async fn a_thief_who_refreshes_first_is_found_out_by_whom_he_robbed() {
    let stage = with(SHORT).await;
    let alice = stage.guest().log_in("alice").await;
    let thief = refreshed(&alice).await;
    thief.get(&records("posts")).await.expect(200);
    grace_is_over().await;
    assert_eq!(alice.post(REFRESH).await.code(401), "session_ended");
    assert_eq!(
        thief.get(&records("posts")).await.code(401),
        "session_ended"
    );
    told(&stage, "token_reused").await;
}

#[tokio::test]
async fn parallel_refreshes_get_one_successor() {
    let stage = with(SHORT).await;
    let alice = stage.guest().log_in("alice").await;
    let refreshing = (0..12).map(|_| refreshed(&alice));
    let refreshed: Vec<Client> = futures_util::future::join_all(refreshing).await;
    let first = refreshed[0].token();
    assert!(refreshed.iter().all(|one| one.token() == first));
    refreshed[3].get(&records("posts")).await.expect(200);
    assert_eq!(
        stage.gateway.metric("hapta_sessions_rolled_total").await,
        Some(1.0)
    );
}

#[tokio::test]
async fn a_login_never_takes_a_session_over() {
    let stage = with(SHORT).await;
    let mallory = stage.guest().log_in("bob").await;
    // A session that was put into somebody's browser before he logs in.
    let login = mallory
        .authenticate("users", "alice@example.com")
        .await
        .expect(200);
    let own = login["token"].as_str().expect("a token");
    assert_eq!(login["record"]["id"], ALICE);
    assert_ne!(claims(own)["sid"], claims(mallory.token())["sid"]);
    let twice = stage.guest().log_in("alice").await;
    assert_ne!(claims(own)["sid"], claims(twice.token())["sid"]);
    let bob = mallory.post(REFRESH).await.expect(200);
    assert_ne!(bob["record"]["id"], ALICE);
}

#[tokio::test]
async fn a_session_that_is_bound_goes_nowhere_else() {
    let bound = "[sessions.rolling]\nbind = [\"address\", \"user_agent\"]\n[log]\nsecurity = \"security.log\"";
    let stage = with(bound).await;
    let login = stage.guest().authenticate("users", "alice@example.com");
    let login = login.header("User-Agent", "one").await.expect(200);
    let alice = stage
        .guest()
        .with_token(login["token"].as_str().expect("a token"));
    let posts = records("posts");
    alice
        .get(&posts)
        .header("User-Agent", "one")
        .await
        .expect(200);
    for call in [
        alice.get(&posts).header("User-Agent", "two"),
        alice.get(&posts),
        alice
            .from([127, 0, 0, 2])
            .get(&posts)
            .header("User-Agent", "one"),
        alice
            .from([127, 0, 0, 2])
            .post(REFRESH)
            .header("User-Agent", "one"),
    ] {
        assert_eq!(call.await.code(401), "session_elsewhere");
    }
    // It costs its owner nothing.
    alice
        .get(&posts)
        .header("User-Agent", "one")
        .await
        .expect(200);
    let events = eventually("four events", async || {
        Some(events(&stage, "session_elsewhere")).filter(|all| all.len() == 4)
    });
    events.await;
}
