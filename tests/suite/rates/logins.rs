//! Logins, mails and tokens: what PocketBase is asked for them is the dearest it does.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use hapta_tests::demo::{ALICE, record, records};
use hapta_tests::{Client, Reply, Stage, eventually};
use serde_json::{Value, json};

use super::{each_hour, limited, reached, stage, told_to_wait};

/// Logs in with a password that is wrong, so that it costs the most.
async fn guess(client: &Client, collection: &str, identity: &str) -> Reply {
    let body = json!({ "identity": identity, "password": "wrong-password" });
    let target = format!("/api/collections/{collection}/auth-with-password");
    client.post(&target).json(&body).await
}

#[tokio::test]
async fn a_flood_of_logins_never_reaches_pocketbase() {
    let stage = stage("").await;
    stage.proxy.take();
    let collections = ["users", "USERS", "_pb_users_auth_"];
    let flood = (0..300).map(|number| {
        let (guest, collection) = (stage.guest(), collections[number % 3]);
        async move { guess(&guest, collection, &format!("{number}@example.com")).await }
    });
    let replies = join_all(flood).await;
    let asked = reached(&stage, "auth-with-password");
    // Ten at once; the time that it takes gives some more, and never more than twenty.
    assert!((10..=20).contains(&asked), "{asked} reached PocketBase");
    assert!(
        replies
            .iter()
            .all(|reply| [400, 429].contains(&reply.status))
    );
    // With a hundred refusals it was one too many.
    let refused = stage.guest().get(&records("posts")).await;
    assert_eq!(told_to_wait(&refused), "banned");
    let elsewhere = stage.guest().from([127, 0, 0, 2]).log_in("bob").await;
    elsewhere.get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn an_account_is_guessed_at_no_more_often_from_many_addresses() {
    let stage = stage(&each_hour("account", 6)).await;
    let spellings = [
        "alice@example.com",
        "ALICE@example.com",
        "Alice@Example.Com",
        " alice@example.com ",
    ];
    stage.proxy.take();
    let mut replies = Vec::new();
    for number in 0..12_u8 {
        let guest = stage.guest().from([127, 0, 2, number]);
        let spelling = spellings[usize::from(number) % spellings.len()];
        let collection = ["users", "Users", "_pb_users_auth_"][usize::from(number) % 3];
        replies.push(guess(&guest, collection, spelling).await);
    }
    assert_eq!(reached(&stage, "auth-with-password"), 3);
    for refused in &replies[3..] {
        assert_eq!(told_to_wait(refused), "limited");
        let policies = refused.header("ratelimit-policy").expect("limits");
        assert!(policies.contains("\"account\";q=6;w=3600"), "{policies}");
    }
    // Others are not meant, nor is anybody who is logged in.
    let last = stage.guest().from([127, 0, 2, 99]);
    last.authenticate("users", "bob@example.com")
        .await
        .expect(200);
    stage
        .log_in("alice")
        .await
        .get(&records("posts"))
        .await
        .expect(200);
}

#[tokio::test]
async fn mails_to_one_address_are_counted_wherever_they_are_asked_for() {
    let stage = stage(&each_hour("account", 4)).await;
    let ask = async |number: u8, email: &str| {
        let guest = stage.guest().from([127, 0, 3, number]);
        let target = "/api/collections/users/request-password-reset";
        guest.post(target).json(&json!({ "email": email })).await
    };
    for number in 0..2 {
        ask(number, "alice@example.com").await;
    }
    stage.proxy.take();
    assert_eq!(told_to_wait(&ask(3, "Alice@example.com").await), "limited");
    assert_eq!(reached(&stage, "request-password-reset"), 0);
    // They don't keep her from logging in.
    stage
        .guest()
        .authenticate("users", "alice@example.com")
        .await
        .expect(200);
}

#[tokio::test]
async fn forged_tokens_cost_pocketbase_little_and_keep_nobody_else_out() {
    for bad_token in ["refuse", "guest"] {
        let limits = each_hour("bad_token", 6);
        let sessions = format!("[sessions]\nbad_token = \"{bad_token}\"");
        let stage = Stage::with(|gateway| limited(gateway, &limits).also(&sessions)).await;
        let alice = stage.log_in("alice").await;
        alice.get(&records("posts")).await.expect(200);
        stage.proxy.take();
        // All at the same moment, half of them where a token is looked at beside.
        let forged = (0..40).map(|number| {
            let client = stage.guest().with_token(forged(alice.token(), number));
            async move { client.get(&records("posts")).await }
        });
        let replies = join_all(forged).await;
        let limited = replies.iter().filter(|reply| reply.status == 429);
        assert_eq!(
            limited
                .map(told_to_wait)
                .filter(|code| code == "limited")
                .count(),
            37
        );
        assert_eq!(reached(&stage, "auth-refresh"), 3, "{bad_token}");
        // Who is known goes on, and so do guests.
        alice.get(&records("posts")).await.expect(200);
        stage.guest().get(&records("posts")).await.expect(200);
        stage.guest().get("/api/health").await.expect(200);
    }
}

#[tokio::test]
async fn forged_tokens_of_superusers_cost_no_more_at_health() {
    let limits = each_hour("bad_token", 6);
    let stage = Stage::with(|gateway| {
        let gateway = limited(gateway, &limits);
        gateway.also("[superusers]\nroutes = \"on\"\njudged = false")
    })
    .await;
    let superuser = stage.superuser().await;
    stage.proxy.take();
    for number in 0..20 {
        let forged = stage.guest().with_token(forged(superuser.token(), number));
        forged.get("/api/health").await.expect(200);
    }
    assert_eq!(reached(&stage, "auth-refresh"), 3);
}

#[tokio::test]
async fn good_tokens_count_for_nothing_however_many_are_new_at_once() {
    let stage = stage(&each_hour("bad_token", 4)).await;
    let mut known = Vec::new();
    for _ in 0..5 {
        known.push(stage.direct().log_in("alice").await);
        known.push(stage.direct().log_in("bob").await);
    }
    let asks = known.iter().map(|known| {
        let client = stage.guest().with_token(known.token());
        async move { client.get(&records("posts")).await }
    });
    for reply in join_all(asks).await {
        reply.expect(200);
    }
}

#[tokio::test]
async fn a_session_that_has_ended_and_goes_on_asking_keeps_nobody_out() {
    let stage = Stage::with(|gateway| {
        let gateway = limited(gateway, &each_hour("bad_token", 2));
        gateway.also("[sessions]\nmode = \"rolling\"\nverified_for = \"50ms\"")
    })
    .await;
    let former = stage.guest().log_in("alice").await;
    let body = json!({
        "oldPassword": "1234567890", "password": "another-1234", "passwordConfirm": "another-1234",
    });
    let direct = stage.direct().log_in("alice").await;
    let target = record("users", ALICE);
    direct.patch(&target).json(&body).await.expect(200);
    let ended = async || (former.get(&records("posts")).await.status == 401).then_some(());
    eventually("her session has ended", ended).await;
    let topics = json!({ "clientId": "x", "subscriptions": [] });
    for _ in 0..10 {
        former.get(&records("posts")).await.refused(401);
        former.post("/api/realtime").json(&topics).await;
    }
    stage.guest().get(&records("posts")).await.expect(200);
    let bob = stage.guest().log_in("bob").await;
    bob.get(&records("posts")).await.expect(200);
    let metric = "hapta_limits_decisions_total{limit=\"bad_token\",outcome=\"limited\"}";
    assert_eq!(stage.gateway.metric(metric).await, Some(0.0));
}

#[tokio::test]
async fn an_old_token_is_no_attack() {
    let stage = stage(&each_hour("bad_token", 2)).await;
    let alice = stage.log_in("alice").await;
    for _ in 0..10 {
        let expired = changed(alice.token(), "exp", &json!(1_700_000_000));
        let refused = stage
            .guest()
            .with_token(expired)
            .get(&records("posts"))
            .await;
        assert_eq!(refused.code(401), "token_invalid");
        let garbage = stage
            .guest()
            .with_token("garbage")
            .get(&records("posts"))
            .await;
        assert_eq!(garbage.code(401), "token_invalid");
    }
    alice.get(&records("posts")).await.expect(200);
}

/// One of many tokens that look good and are not.
fn forged(good: &str, number: u64) -> String {
    changed(good, "exp", &json!(4_000_000_000_u64 + number))
}

fn changed(good: &str, key: &str, value: &Value) -> String {
    let mut parts = good.split('.');
    let [head, claims, signature] = [(); 3].map(|()| parts.next().expect("three parts"));
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let mut claims: Value = serde_json::from_slice(&claims).expect("JSON");
    claims[key] = value.clone();
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{head}.{claims}.{signature}")
}
