//! Every way to log in leads to a token of the gateway's own.

use hapta_tests::demo::{ALICE, BOB, PASSWORD, records};
use hapta_tests::{Client, Mailbox, PocketBase, RecordingProxy, Setup, Stage, WaysIn};
use serde_json::{Value, json};

use super::{LOGOUT, REFRESH, claims, rolling, token, with};

/// Asserts that a token is one of the gateway's, of that record, and good.
async fn is_own(stage: &Stage, token: &str, id: &str) -> Client {
    assert!(claims(token)["sid"].is_string(), "{}", claims(token));
    assert_eq!(claims(token)["id"], id);
    let client = stage.guest().with_token(token);
    client.get(&records("posts")).await.expect(200);
    client
}

#[tokio::test]
async fn a_mail_and_a_second_step_end_in_a_session() {
    let stage = with("").await;
    let mailbox = Mailbox::start().await;
    let ways = WaysIn::of(stage.gateway.address()).mails(&mailbox);
    let ways = ways.one_time_passwords().second_factor("");
    ways.put_into(&stage.pocketbase).await;
    let login = json!({ "identity": "bob@example.com", "password": PASSWORD });
    let first = stage
        .guest()
        .post("/api/collections/users/auth-with-password")
        .json(&login);
    let first = first.await.expect(401);
    assert!(first["token"].is_null());
    let asked = stage.guest().post("/api/collections/users/request-otp");
    let asked = asked
        .json(&json!({ "email": "bob@example.com" }))
        .await
        .expect(200);
    let mail = mailbox.mail_to("bob@example.com").await;
    let second = json!({ "otpId": asked["otpId"], "password": mail.one_time_password(), "mfaId": first["mfaId"] });
    let second = stage
        .guest()
        .post("/api/collections/users/auth-with-otp")
        .json(&second)
        .await;
    is_own(&stage, &token(&second), BOB).await;
    assert_eq!(
        stage.gateway.metric("hapta_sessions_made_total").await,
        Some(1.0)
    );
}

#[tokio::test]
async fn superusers_have_sessions_too_and_impersonate_by_them() {
    let stage = with("[superusers]\nroutes = \"on\"").await;
    let login = stage
        .guest()
        .authenticate("_superusers", hapta_tests::demo::SUPERUSER)
        .await;
    let superuser = stage.guest().with_token(token(&login));
    superuser.get("/api/settings").await.expect(200);
    let impersonate = format!("/api/collections/users/impersonate/{ALICE}");
    let answer = superuser
        .post(&impersonate)
        .json(&json!({ "duration": 600 }))
        .await;
    let own = token(&answer);
    let alice = is_own(&stage, &own, ALICE).await;
    let claimed = claims(&own);
    assert_eq!(claimed["refreshable"], false);
    let life = claimed["exp"].as_u64().expect("a time") - claimed["iat"].as_u64().expect("a time");
    assert!((590..=601).contains(&life), "{life}");
    // As PocketBase has it: the same again.
    assert_eq!(token(&alice.post(REFRESH).await), own);
    alice.post(LOGOUT).await.expect(204);
    superuser.get("/api/settings").await.expect(200);
    // A user's token makes nobody a superuser.
    let alice = stage.guest().log_in("alice").await;
    alice.get("/api/settings").await.refused(403);
}

#[tokio::test]
async fn what_is_sent_along_with_a_login_counts_for_nothing() {
    let stage = with("").await;
    for stale in ["stale", "Basic YWxpY2U6eA==", "a b c", ""] {
        let client = stage.guest().with_token(stale);
        let login = client.authenticate("users", "alice@example.com").await;
        is_own(&stage, &token(&login), ALICE).await;
    }
}

#[tokio::test]
async fn what_rules_refuse_begins_no_session_and_they_see_no_token() {
    let stage = Stage::with(|gateway| {
        let gateway = rolling(gateway).rule("after_denier");
        gateway.judged("users", &["after_denier"])
    })
    .await;
    let login = stage
        .guest()
        .authenticate("users", "alice@example.com")
        .await;
    assert!(
        login.status >= 400 && !login.text().contains("token"),
        "{login:?}"
    );
    assert_eq!(
        stage.gateway.metric("hapta_sessions_made_total").await,
        Some(0.0)
    );
}

#[tokio::test]
async fn tokens_live_as_long_as_the_operator_says_and_pocketbases_is_renewed_under_them() {
    let pocketbase = PocketBase::start().await;
    let superuser = pocketbase.superuser().await;
    let short = json!({ "authToken": { "duration": 10 } });
    superuser
        .patch("/api/collections/users")
        .json(&short)
        .await
        .expect(200);
    let proxy = RecordingProxy::before(pocketbase.address()).await;
    let setup = rolling(Setup::before(proxy.address()))
        .also("[sessions.rolling]\ntoken_for = \"1h\"\nsession_for = \"2h\"");
    let stage = Stage {
        gateway: setup.start().await,
        proxy,
        pocketbase,
    };
    let alice = stage.guest().log_in("alice").await;
    let claimed = claims(alice.token());
    let life = |claimed: &Value| {
        claimed["exp"].as_u64().expect("a time") - claimed["iat"].as_u64().expect("a time")
    };
    assert!((3_599..=3_601).contains(&life(&claimed)), "{claimed}");
    let begun = tokio::time::Instant::now();
    let inner = || super::tokens_seen(&stage.proxy);
    alice.get(&records("posts")).await.expect(200);
    let first = inner().pop().expect("a token");
    while begun.elapsed() < std::time::Duration::from_secs(12) {
        alice.get(&records("posts")).await.expect(200);
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    // What PocketBase gave at the login has expired by now.
    stage
        .direct()
        .post(REFRESH)
        .token(&first)
        .await
        .refused(401);
    assert_ne!(inner().pop().expect("a token"), first);
}
