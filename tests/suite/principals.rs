//! Who is asking: tokens, and what a bad one gets.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use hapta_tests::demo::{ALICE, POST_OF_ALICE, record, records};
use hapta_tests::{RecordingProxy, Stage, eventually, pocketbase_version};
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_that_is_none_is_401_and_never_a_guest() {
    let stage = Stage::open().await;
    let tokens = forgeries(stage.log_in("alice").await.token());
    let target = records("posts");
    for (what, token) in &tokens {
        // To PocketBase itself such a caller is a guest.
        assert_eq!(
            stage.direct().get(&target).token(token).await.status,
            200,
            "{what}"
        );
    }
    for (what, token) in tokens {
        let refused = stage.guest().get(&target).token(&token).await;
        // A claim to be a superuser is refused for what it claims.
        let status = if what == "a superuser" { 403 } else { 401 };
        assert_eq!(refused.status, status, "{what}: {refused:?}");
        refused.refused(status);
    }
}

#[tokio::test]
async fn a_token_that_has_expired_is_401() {
    let stage = Stage::open().await;
    let superuser = stage.pocketbase.superuser().await;
    let impersonate = format!("/api/collections/users/impersonate/{ALICE}");
    let short = superuser
        .post(&impersonate)
        .json(&json!({ "duration": 1 }))
        .await
        .expect(200);
    let alice = stage
        .guest()
        .with_token(short["token"].as_str().expect("a token"));
    if pocketbase_version() < (0, 29) {
        // Such a token can't be refreshed there, so PocketBase vouches for nobody.
        alice.get(&records("posts")).await.refused(401);
        return;
    }
    alice.get(&records("posts")).await.expect(200);
    let refused =
        async || Some(alice.get(&records("posts")).await).filter(|reply| reply.status != 200);
    eventually("the token expires, cached or not", refused)
        .await
        .refused(401);
    stage
        .direct()
        .get(&records("posts"))
        .token(alice.token())
        .await
        .expect(200);
}

#[tokio::test]
async fn a_token_dies_with_the_password() {
    let stage = Stage::with(|gateway| {
        gateway
            .open("users")
            .open("posts")
            .also("[sessions]\nverified_for = \"200ms\"")
    })
    .await;
    let alice = stage.log_in("alice").await;
    alice.get(&records("posts")).await.expect(200);
    let password = json!({ "oldPassword": "1234567890", "password": "0987654321", "passwordConfirm": "0987654321" });
    alice
        .patch(&record("users", ALICE))
        .json(&password)
        .await
        .expect(200);
    let refused =
        async || Some(alice.get(&records("posts")).await).filter(|reply| reply.status != 200);
    eventually("the cached identity runs out", refused)
        .await
        .refused(401);
}

#[tokio::test]
async fn a_token_with_and_without_bearer_is_the_same() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let refresh = "/api/collections/users/auth-refresh";
    for token in [
        alice.token().to_owned(),
        format!("Bearer {}", alice.token()),
    ] {
        let refreshed = stage.guest().post(refresh).token(&token).await.expect(200);
        assert_eq!(refreshed["record"]["id"], ALICE);
    }
}

#[tokio::test]
async fn a_stale_token_does_not_stop_a_login() {
    let stage = Stage::open().await;
    let client = stage.guest().with_token("stale");
    client
        .authenticate("users", "alice@example.com")
        .await
        .expect(200);
    client
        .get("/api/collections/users/auth-methods")
        .await
        .expect(200);
    client.get("/api/health").await.expect(200);
    // PocketBase gets none of it, and none of the gateway's own either.
    let login = stage.proxy.arrived("/users/auth-with-password").await;
    assert_eq!(login.header("Authorization"), None);
}

#[tokio::test]
async fn a_refresh_wants_a_token() {
    let stage = Stage::open().await;
    stage
        .guest()
        .post("/api/collections/users/auth-refresh")
        .await
        .refused(401);
}

#[tokio::test]
async fn a_good_token_is_verified_once_in_a_while() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    for _ in 0..10 {
        alice.get(&record("posts", POST_OF_ALICE)).await.expect(200);
    }
    let verified = verifications(&stage.proxy);
    // Twice where a period of the memory ends among them.
    assert!([1, 2].contains(&verified), "{verified} times");
}

#[tokio::test]
async fn a_refused_token_is_refused_from_memory() {
    let stage = Stage::open().await;
    let good = stage.log_in("alice").await.token().to_owned();
    let (rest, signature) = good.rsplit_once('.').expect("three parts");
    let bad = stage
        .guest()
        .with_token(format!("{rest}.{}", flip(signature)));
    for _ in 0..10 {
        bad.get(&records("posts")).await.refused(401);
    }
    let verified = verifications(&stage.proxy);
    assert!([1, 2].contains(&verified), "{verified} times");
}

#[tokio::test]
async fn what_a_token_shows_by_itself_costs_pocketbase_nothing() {
    let stage = Stage::open().await;
    stage
        .guest()
        .with_token("garbage")
        .get(&records("posts"))
        .await
        .refused(401);
    assert_eq!(verifications(&stage.proxy), 0);
}

#[tokio::test]
async fn many_requests_with_a_new_token_verify_it_once() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let held = stage.proxy.hold("/users/auth-refresh");
    let target = record("posts", POST_OF_ALICE);
    let asking: Vec<_> = (0..10)
        .map(|_| tokio::spawn(alice.get(&target).into_future()))
        .collect();
    stage.proxy.arrived("/users/auth-refresh").await;
    // Guests pass meanwhile; by then all ten are in.
    for _ in 0..10 {
        stage.guest().get(&target).await.expect(200);
    }
    drop(held);
    for reply in join_all(asking).await {
        reply.expect("no panic").expect(200);
    }
    assert_eq!(verifications(&stage.proxy), 1);
}

#[tokio::test]
async fn nobody_is_anybody_while_pocketbase_is_away() {
    let mut stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    stage.pocketbase.stop().await;
    alice.get(&records("posts")).await.refused(503);
    stage.pocketbase.start_again().await;
    let back =
        async || Some(alice.get(&records("posts")).await).filter(|reply| reply.status == 200);
    eventually(
        "PocketBase is back: its absence is not remembered as a refusal",
        back,
    )
    .await;
}

#[tokio::test]
async fn the_client_s_own_token_goes_upstream() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    alice.get(&record("posts", POST_OF_ALICE)).await.expect(200);
    let view = stage.proxy.arrived(POST_OF_ALICE).await;
    let sent = view.header("Authorization").expect("a token");
    assert_eq!(sent.strip_prefix("Bearer ").unwrap_or(sent), alice.token());
}

fn verifications(proxy: &RecordingProxy) -> usize {
    proxy
        .seen()
        .iter()
        .filter(|seen| seen.target.contains("/users/auth-refresh"))
        .count()
}

/// What somebody may try, made of a good token.
fn forgeries(good: &str) -> Vec<(&'static str, String)> {
    let mut parts = good.split('.');
    let [head, claims, signature] = [(); 3].map(|()| parts.next().expect("three parts"));
    let headed = |algorithm| encode(&json!({ "alg": algorithm, "typ": "JWT" }));
    let claiming = |key, value| format!("{head}.{}.{signature}", with(claims, key, &value));
    let superusers = json!("pbc_3142635823");
    let posts = json!("pbc_1125843985");
    vec![
        ("garbage", "garbage".to_owned()),
        ("empty parts", "..".to_owned()),
        ("no signature", format!("{head}.{claims}.")),
        ("algorithm none", format!("{}.{claims}.", headed("none"))),
        (
            "another algorithm",
            format!("{}.{claims}.{signature}", headed("HS512")),
        ),
        (
            "a flipped bit",
            format!("{head}.{claims}.{}", flip(signature)),
        ),
        ("another record", claiming("id", json!("bob000000000000"))),
        ("a superuser", claiming("collectionId", superusers)),
        ("no auth collection", claiming("collectionId", posts)),
        ("another type", claiming("type", json!("file"))),
        ("expired", claiming("exp", json!(1_700_000_000))),
        (
            "too long",
            format!("{head}.{claims}.{}", signature.repeat(400)),
        ),
    ]
}

fn encode(part: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part.to_string())
}

/// The claims with one of them changed; the signature no longer fits, as with any forgery.
fn with(claims: &str, key: &str, value: &Value) -> String {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let mut claims: Value = serde_json::from_slice(&claims).expect("JSON");
    claims[key] = value.clone();
    encode(&claims)
}

fn flip(signature: &str) -> String {
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64");
    bytes[0] ^= 1;
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
