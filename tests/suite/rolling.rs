//! Sessions of the gateway's own: PocketBase's tokens stay behind it, and a stolen token ends its session.

/// Ends: by whoever is logged in, by operators, by PocketBase.
mod ends;
/// What else says who asks: file tokens and event streams.
mod followed;
/// What must not pass for a token.
mod forged;
/// Across a restart, and in the database.
mod kept;
/// What is shown again.
mod replayed;
/// Every way to log in leads to a token of the gateway's own.
mod ways;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hapta_tests::demo::{ALICE, POST_OF_ALICE, record, records};
use hapta_tests::{Client, RecordingProxy, Reply, Setup, Stage};
use serde_json::{Value, json};

/// What turns them on.
const ROLLING: &str = "[sessions]\nmode = \"rolling\"\nverified_for = \"200ms\"";

const REFRESH: &str = "/api/collections/users/auth-refresh";
const LOGOUT: &str = "/api/hapta/logout";
const SESSIONS: &str = "/api/hapta/sessions";

/// The demo's collections under PocketBase's own rules alone.
async fn stage() -> Stage {
    with("").await
}

/// The same with more settings.
async fn with(more: &str) -> Stage {
    Stage::with(|gateway| rolling(gateway).also(more)).await
}

fn rolling(gateway: Setup) -> Setup {
    gateway
        .open("users")
        .open("posts")
        .open("comments")
        .also(ROLLING)
}

/// The token of an answer.
#[track_caller]
fn token(reply: &Reply) -> String {
    let answer = reply.expect(200);
    answer["token"].as_str().expect("a token").to_owned()
}

/// Refreshes: the same client with the newer token.
async fn refreshed(client: &Client) -> Client {
    client.with_token(token(&client.post(REFRESH).await))
}

/// What a token claims.
fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).expect("claims");
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    serde_json::from_slice(&claims).expect("JSON")
}

/// Whose requests PocketBase has seen: the tokens that came with them.
fn tokens_seen(proxy: &RecordingProxy) -> Vec<String> {
    let seen = proxy.seen().into_iter();
    let tokens = seen.filter_map(|seen| {
        let value = seen.headers.get("authorization")?;
        Some(value.to_str().expect("text").to_owned())
    });
    tokens.collect()
}

#[tokio::test]
async fn a_token_is_the_gateways_own_and_pocketbases_never_leaves_it() {
    let stage = stage().await;
    let login = stage
        .guest()
        .authenticate("users", "alice@example.com")
        .await;
    let own = token(&login);
    let (head, claims) = (own.split('.').next().expect("a head"), claims(&own));
    let head = BASE64_URL_SAFE_NO_PAD.decode(head).expect("base64url");
    let head: Value = serde_json::from_slice(&head).expect("JSON");
    assert_eq!(
        (&head["alg"], &head["typ"]),
        (&json!("HS256"), &json!("JWT"))
    );
    assert_eq!(claims["id"], ALICE);
    assert_eq!(claims["collectionId"], "_pb_users_auth_");
    assert_eq!(
        (&claims["type"], &claims["refreshable"]),
        (&json!("auth"), &json!(true))
    );
    assert_eq!(login.json()["record"]["id"], ALICE);

    let alice = stage.guest().with_token(&own);
    alice.get(&record("posts", POST_OF_ALICE)).await.expect(200);
    let title = json!({ "title": "by alice" });
    alice
        .patch(&record("posts", POST_OF_ALICE))
        .json(&title)
        .await
        .expect(200);
    let inner = tokens_seen(&stage.proxy);
    assert!(!inner.is_empty() && !inner.contains(&own));
    for reply in [&login, &alice.post(REFRESH).await] {
        assert!(
            inner.iter().all(|inner| !reply.text().contains(inner)),
            "{reply:?}"
        );
    }
    // Neither is good in the place of the other.
    let direct = stage.direct().post(REFRESH).token(&own).await;
    direct.refused(401);
    for inner in inner {
        let foreign = stage.guest().get(&records("posts")).token(&inner).await;
        assert_eq!(foreign.code(401), "token_invalid");
    }
}

#[tokio::test]
async fn each_refresh_rolls_the_token_and_the_old_one_lives_on_until_the_new_is_used() {
    let stage = with("[sessions.rolling]\ngrace = \"1s\"").await;
    let first = stage.guest().log_in("alice").await;
    let second = refreshed(&first).await;
    assert_ne!(first.token(), second.token());
    assert_eq!(claims(first.token())["sid"], claims(second.token())["sid"]);
    // The answer may have got lost: the same successor again, as often as it is asked for.
    let again = refreshed(&first).await;
    assert_eq!(again.token(), second.token());
    first.get(&records("posts")).await.expect(200);
    second.get(&records("posts")).await.expect(200);
    // For requests that were under way.
    first.get(&records("posts")).await.expect(200);
    assert_eq!(refreshed(&first).await.token(), second.token());
    assert_eq!(
        stage.gateway.metric("hapta_sessions_rolled_total").await,
        Some(1.0)
    );
    assert_eq!(
        stage.gateway.metric("hapta_sessions_repeated_total").await,
        Some(2.0)
    );
    assert_eq!(stage.gateway.metric("hapta_sessions").await, Some(1.0));
}

#[tokio::test]
async fn a_login_whose_token_nobody_wants_begins_no_session() {
    let stage = stage().await;
    let login = json!({ "identity": "alice@example.com", "password": "1234567890" });
    let login_as = async |fields: &str| {
        let path = format!("/api/collections/users/auth-with-password?fields={fields}");
        stage.guest().post(&path).json(&login).await.expect(200)
    };
    let answer = login_as("record").await;
    assert_eq!(answer["record"]["id"], ALICE);
    assert_eq!(answer.get("token"), None);
    assert_eq!(stage.gateway.metric("hapta_sessions").await, Some(0.0));
    assert!(login_as("token").await["token"].is_string());
    assert_eq!(stage.gateway.metric("hapta_sessions").await, Some(1.0));
}

#[tokio::test]
async fn passing_tokens_through_knows_no_sessions() {
    let stage = Stage::open().await;
    let alice = stage.guest().log_in("alice").await;
    for reply in [
        alice.post(LOGOUT).await,
        alice.get(SESSIONS).await,
        alice.delete(SESSIONS).await,
    ] {
        assert_eq!(reply.code(404), "unknown_route");
    }
    let operator = stage.gateway.operator();
    operator.get("/sessions").await.expect(404);
    operator.delete("/sessions?all").await.expect(404);
    // A token of another gateway's own is nobody's.
    let other = self::stage().await;
    let own = other.guest().log_in("alice").await;
    let foreign = alice.get(&records("posts")).token(own.token()).await;
    assert_eq!(foreign.code(401), "token_invalid");
    assert!(
        !stage
            .gateway
            .folder()
            .join("hapta_state/sessions.db")
            .exists()
    );
}
