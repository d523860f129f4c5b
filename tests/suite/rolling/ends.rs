//! Ends of sessions: by whoever is logged in, by operators, by PocketBase.

use std::path::Path;

use hapta_tests::demo::{ALICE, BOB, record, records};
use hapta_tests::{Client, Ended, Program, Setup, TestGateway, eventually};
use serde_json::{Value, json};

use super::{LOGOUT, REFRESH, SESSIONS, refreshed, stage, with};
use crate::commands::HAPTA;

/// The ids that somebody is told of his sessions.
async fn own(client: &Client) -> Vec<Value> {
    let listed = client.get(SESSIONS).await.expect(200);
    listed["items"].as_array().expect("a list").clone()
}

#[track_caller]
fn id(session: &Value) -> &str {
    session["id"].as_str().expect("an id")
}

async fn is_over(client: &Client) {
    for reply in [
        client.get(&records("posts")).await,
        client.post(REFRESH).await,
    ] {
        assert_eq!(reply.code(401), "session_ended");
    }
}

#[tokio::test]
async fn whoever_logs_out_is_out_at_once_and_nobody_else_is() {
    let stage = stage().await;
    let (one, other) = (
        stage.guest().log_in("alice").await,
        stage.guest().log_in("alice").await,
    );
    let newer = refreshed(&one).await;
    newer.post(LOGOUT).await.expect(204);
    is_over(&newer).await;
    is_over(&one).await;
    newer.post(LOGOUT).await.refused(401);
    other.get(&records("posts")).await.expect(200);
    stage.guest().post(LOGOUT).await.refused(401);
    let ended = "hapta_sessions_ended_total{why=\"logged_out\"}";
    assert_eq!(stage.gateway.metric(ended).await, Some(1.0));
}

#[tokio::test]
async fn people_see_their_own_sessions_and_nobody_elses() {
    let stage = stage().await;
    let login = stage.guest().authenticate("users", "alice@example.com");
    let login = login
        .header("User-Agent", "the browser of alice")
        .await
        .expect(200);
    let alice = stage
        .guest()
        .with_token(login["token"].as_str().expect("a token"));
    let (second, bob) = (
        stage.guest().log_in("alice").await,
        stage.guest().log_in("bob").await,
    );
    let sessions = own(&alice).await;
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    let current: Vec<_> = sessions
        .iter()
        .filter(|one| one["current"] == true)
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["userAgent"], "the browser of alice");
    assert_eq!(current[0]["address"], "127.0.0.1");
    let keys: Vec<&String> = current[0].as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "address",
            "created",
            "current",
            "expires",
            "id",
            "lastUsed",
            "userAgent"
        ]
    );
    let of_bob = own(&bob).await;
    assert_eq!(of_bob.len(), 1);
    assert!(sessions.iter().all(|one| one["id"] != of_bob[0]["id"]));
    // Whose it is can't be found out by ending it either.
    for (client, id) in [
        (&bob, id(current[0])),
        (&alice, id(&of_bob[0])),
        (&alice, &"0".repeat(32)),
    ] {
        let reply = client.delete(&format!("{SESSIONS}/{id}")).await;
        assert_eq!(reply.code(404), "unknown_session");
    }
    alice.get(&records("posts")).await.expect(200);
    bob.get(&records("posts")).await.expect(200);
    // One of one's own, from another.
    second
        .delete(&format!("{SESSIONS}/{}", id(current[0])))
        .await
        .expect(204);
    is_over(&alice).await;
    assert_eq!(own(&second).await.len(), 1);
    for path in ["/api/hapta/sessions/x", "/api/hapta/sessions?x=1"] {
        second.delete(path).await.refused(400);
    }
    stage.guest().get(SESSIONS).await.refused(401);
}

#[tokio::test]
async fn all_of_ones_own_end_together() {
    let stage = stage().await;
    let (one, two) = (
        stage.guest().log_in("alice").await,
        stage.guest().log_in("alice").await,
    );
    let bob = stage.guest().log_in("bob").await;
    one.delete(SESSIONS).await.expect(204);
    is_over(&one).await;
    is_over(&two).await;
    bob.get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn an_operator_sees_and_ends_sessions() {
    let stage = stage().await;
    let operator = stage.gateway.operator();
    let (alice, bob) = (
        stage.guest().log_in("alice").await,
        stage.guest().log_in("bob").await,
    );
    let listed = operator.get("/sessions").await.expect(200);
    assert_eq!(listed["total"], 2);
    assert!(!listed.to_string().contains(alice.token()));
    let of_alice = format!("/sessions?user=users/{ALICE}");
    let listed = operator.get(&of_alice).await.expect(200);
    assert_eq!(listed["items"][0]["user"], format!("users/{ALICE}"));
    assert_eq!(listed["total"], 1);
    // Nobody ends anything by leaving something out, or without the key.
    for wrong in [
        "/sessions",
        "/sessions?",
        "/sessions?user=users",
        "/sessions?all=1",
        "/sessions?all&user=users/x",
    ] {
        operator.delete(wrong).await.expect(400);
    }
    let anybody = Client::new(stage.gateway.admin_address());
    anybody.delete("/sessions?all").await.expect(401);
    anybody.get("/sessions").await.expect(401);
    let one = format!(
        "/sessions/{}",
        listed["items"][0]["id"].as_str().expect("an id")
    );
    assert_eq!(operator.delete(&one).await.expect(200)["ended"], 1);
    operator.delete(&one).await.expect(404);
    is_over(&alice).await;
    let again = stage.guest().log_in("alice").await;
    assert_eq!(operator.delete(&of_alice).await.expect(200)["ended"], 1);
    is_over(&again).await;
    bob.get(&records("posts")).await.expect(200);
    assert_eq!(
        operator.delete("/sessions?all").await.expect(200)["ended"],
        1
    );
    is_over(&bob).await;
}

/// Runs `hapta sessions` for the gateway with this state folder.
pub(super) async fn command(state: &Path, arguments: &[&str]) -> Ended {
    let anywhere = "127.0.0.1:9".parse().expect("an address");
    let program = Program::new(HAPTA, Setup::before(anywhere));
    let program = arguments
        .iter()
        .fold(program, |program, argument| program.argument(*argument));
    let program = program.argument("--state").argument(state.as_os_str());
    program.run("sessions").await
}

async fn done(gateway: &TestGateway, arguments: &[&str]) -> String {
    let ended = command(&gateway.folder().join("hapta_state"), arguments).await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    ended.output
}

#[tokio::test]
async fn commands_end_sessions_before_they_return() {
    let stage = stage().await;
    let (alice, bob) = (
        stage.guest().log_in("alice").await,
        stage.guest().log_in("bob").await,
    );
    let listed = done(&stage.gateway, &["list"]).await;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let listed = done(
        &stage.gateway,
        &["list", "--user", &format!("users/{ALICE}")],
    )
    .await;
    assert_eq!(listed.lines().count(), 1, "{listed}");
    let session = listed.split(' ').next().expect("an id");
    let said = done(&stage.gateway, &["end", session]).await;
    assert!(said.contains("1 ended: in effect"), "{said}");
    is_over(&alice).await;
    bob.get(&records("posts")).await.expect(200);
    done(&stage.gateway, &["end-user", &format!("users/{BOB}")]).await;
    is_over(&bob).await;
    let (alice, bob) = (
        stage.guest().log_in("alice").await,
        stage.guest().log_in("bob").await,
    );
    done(&stage.gateway, &["end-all"]).await;
    is_over(&alice).await;
    is_over(&bob).await;
    let absent = command(
        &stage.gateway.folder().join("hapta_state"),
        &["end", session],
    )
    .await;
    assert_eq!(absent.status, Some(1), "{}", absent.output);
    let ended = "hapta_sessions_ended_total{why=\"operator\"}";
    assert_eq!(stage.gateway.metric(ended).await, Some(4.0));
}

#[tokio::test]
async fn a_new_key_signs_and_the_old_one_still_verifies() {
    let stage = stage().await;
    let alice = stage.guest().log_in("alice").await;
    let head = |client: &Client| client.token().split('.').next().expect("a head").to_owned();
    done(&stage.gateway, &["rotate"]).await;
    alice.get(&records("posts")).await.expect(200);
    let newer = refreshed(&alice).await;
    assert_ne!(head(&alice), head(&newer));
    assert_eq!(head(&newer), head(&stage.guest().log_in("bob").await));
    newer.get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn a_new_password_ends_every_session_of_its_account() {
    let stage = stage().await;
    let (one, two) = (
        stage.guest().log_in("alice").await,
        stage.guest().log_in("alice").await,
    );
    two.get(&records("posts")).await.expect(200);
    let password = json!({ "oldPassword": "1234567890", "password": "0987654321", "passwordConfirm": "0987654321" });
    one.patch(&record("users", ALICE))
        .json(&password)
        .await
        .expect(200);
    is_over(&one).await;
    is_over(&two).await;
    let ended = "hapta_sessions_ended_total{why=\"refused\"}";
    assert_eq!(stage.gateway.metric(ended).await, Some(2.0));
}

#[tokio::test]
async fn an_account_that_is_deleted_takes_its_sessions_along() {
    let stage = stage().await;
    let bob = stage.guest().log_in("bob").await;
    bob.get(&records("posts")).await.expect(200);
    let superuser = stage.pocketbase.superuser().await;
    superuser.delete(&record("users", BOB)).await.expect(204);
    let refused =
        async || Some(bob.get(&records("posts")).await).filter(|reply| reply.status != 200);
    let reply = eventually("what is known of the token runs out", refused).await;
    assert_eq!(reply.code(401), "session_ended");
}

#[tokio::test]
async fn another_name_of_the_collection_ends_no_session() {
    let stage = stage().await;
    let alice = stage.guest().log_in("alice").await;
    alice.get(&records("posts")).await.expect(200);
    let superuser = stage.pocketbase.superuser().await;
    let renamed = superuser.patch("/api/collections/users");
    renamed.json(&json!({ "name": "people" })).await.expect(200);
    let asked = || {
        let seen = stage.proxy.seen().into_iter();
        seen.filter(|seen| seen.target.ends_with("/auth-refresh"))
            .count()
    };
    let before = asked();
    let asked_again = async || {
        alice.get(&records("posts")).await.expect(200);
        (asked() > before).then_some(())
    };
    eventually("PocketBase is asked about the token again", asked_again).await;
    alice.get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn pocketbase_being_away_ends_nothing() {
    let mut stage = stage().await;
    let alice = stage.guest().log_in("alice").await;
    stage.pocketbase.stop().await;
    let away =
        async || Some(alice.get(&records("posts")).await).filter(|reply| reply.status != 200);
    eventually("PocketBase is away", away).await.refused(503);
    stage.pocketbase.start_again().await;
    let back =
        async || Some(alice.get(&records("posts")).await).filter(|reply| reply.status == 200);
    eventually("PocketBase is back", back).await;
}

#[tokio::test]
async fn of_one_person_the_newest_logins_stay_and_of_all_there_is_a_bound() {
    let stage = with("[sessions.rolling]\nper_user = 2\nmost = 3").await;
    let first = stage.guest().log_in("alice").await;
    let second = stage.guest().log_in("alice").await;
    first.get(&records("posts")).await.expect(200);
    // The one that was used longest ago gives way.
    let third = stage.guest().log_in("alice").await;
    is_over(&second).await;
    first.get(&records("posts")).await.expect(200);
    stage.guest().log_in("bob").await;
    let full = stage
        .guest()
        .authenticate("users", "carol@example.com")
        .await;
    assert_eq!(full.code(503), "sessions_full");
    third.post(LOGOUT).await.expect(204);
    stage
        .guest()
        .log_in("carol")
        .await
        .get(&records("posts"))
        .await
        .expect(200);
}
