//! Clients sign what they ask: a proof is of one request, by one key, once.

use std::future::IntoFuture;

use futures_util::future::join_all;
use hapta_tests::demo::{ALICE, records};
use hapta_tests::{Call, Client, Prover, Stage};
use serde_json::{Value, json};

use super::{open, refused};

const OPTIONAL: &str = "[application]\ndpop = \"optional\"";

const LOGIN: &str = "/api/collections/users/auth-with-password";

/// A call with a proof that says something else than a good one does.
fn changed(client: &Client, prover: &Prover, name: &str, value: &Value) -> Call {
    let url = format!("http://{}{}", client.address(), records("posts"));
    let mut claims = prover.claims("GET", &url, Some(client.token()));
    claims[name] = value.clone();
    client
        .get(&records("posts"))
        .header("DPoP", &prover.sign(&claims))
}

#[tokio::test]
async fn a_proof_must_be_of_its_request() {
    let stage = Stage::with(|gateway| open(gateway, OPTIONAL)).await;
    let (alice, prover) = (stage.log_in("alice").await, Prover::new(1));
    let good = alice.get(&records("posts"));
    prover.prove(&alice, good).await.expect(200);
    stage.proxy.take();
    let elsewhere = format!("http://evil.example{}", records("posts"));
    let here = format!("http://{}", stage.gateway.address());
    let cases = [
        ("htm", json!("POST")),
        ("htu", json!(elsewhere)),
        ("htu", json!(format!("{here}{}", records("comments")))),
        ("htu", json!(format!("{here}{}/", records("posts")))),
        ("ath", json!("AAAA")),
        ("ath", Value::Null),
        ("jti", json!("")),
        ("iat", json!("now")),
    ];
    let count = cases.len();
    for (name, value) in cases {
        let reply = changed(&alice, &prover, name, &value).await;
        assert_eq!(reply.code(401), "proof_invalid", "{name} {value}");
        let challenge = reply.header("www-authenticate").expect("a challenge");
        assert_eq!(
            challenge,
            "DPoP error=\"invalid_dpop_proof\", algs=\"ES256 EdDSA\""
        );
    }
    for bad in ["", "a.b.c", "none", &prover.sign(&json!({}))] {
        let reply = alice.get(&records("posts")).header("DPoP", bad).await;
        assert_eq!(reply.code(401), "proof_invalid", "{bad}");
    }
    assert_eq!(stage.proxy.take().len(), 0);
    #[expect(clippy::cast_precision_loss, reason = "it is small")]
    let expected = Some((count + 4) as f64);
    assert_eq!(refused(&stage.gateway, "proof_invalid").await, expected);
    // A query is not a part of it, and what was sent on has nothing of it.
    let call = alice.get(&format!("{}?page=1", records("posts")));
    let bare = format!("{here}{}", records("posts"));
    let claims = prover.claims("GET", &bare, Some(alice.token()));
    call.header("DPoP", &prover.sign(&claims)).await.expect(200);
    for seen in stage.proxy.take() {
        assert!(
            !format!("{seen:?}").to_lowercase().contains("dpop"),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn a_proof_is_good_once_however_many_come_at_the_same_time() {
    let stage = Stage::with(|gateway| open(gateway, OPTIONAL)).await;
    let alice = stage.log_in("alice").await;
    for (client, seed) in [(alice, 2), (stage.guest(), 9)] {
        let (prover, ask) = (Prover::new(seed), || client.get(&records("posts")));
        let proof = prover.proof_of(&client, &ask());
        let calls = (0..8).map(|_| ask().header("DPoP", &proof).into_future());
        let replies = join_all(calls).await;
        let good = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(good, 1);
        for reply in replies.iter().filter(|reply| reply.status != 200) {
            assert_eq!(reply.code(401), "proof_replayed");
        }
    }
    let gateway = &stage.gateway;
    assert_eq!(gateway.metric("hapta_proofs").await, Some(2.0));
    assert_eq!(
        gateway.metric("hapta_proofs_replayed_total").await,
        Some(14.0)
    );
}

#[tokio::test]
async fn a_client_whose_clock_is_wrong_is_told_the_time() {
    let stage = Stage::with(|gateway| open(gateway, OPTIONAL)).await;
    let (alice, prover) = (stage.log_in("alice").await, Prover::new(3));
    let claims = prover.claims("GET", "", None);
    let now = claims["iat"].as_u64().expect("seconds");
    for wrong in [now - 90, now + 90, 0] {
        let reply = changed(&alice, &prover, "iat", &json!(wrong)).await;
        assert_eq!(reply.code(401), "proof_time");
        let told = reply.json()["data"]["@gateway"]["now"].as_u64();
        assert!(told.expect("seconds").abs_diff(now) < 30);
    }
}

#[tokio::test]
async fn a_token_that_is_announced_as_bound_is_nothing_without_a_proof() {
    let stage = Stage::with(|gateway| open(gateway, OPTIONAL)).await;
    let alice = stage.log_in("alice").await;
    let bound = stage.guest().with_token(format!("DPoP {}", alice.token()));
    let me = format!("/api/collections/users/records/{ALICE}");
    assert_eq!(bound.get(&me).await.code(401), "token_header");
    let prover = Prover::new(4);
    prover.prove(&bound, bound.get(&me)).await.expect(200);
    // Where proofs mean nothing, so does what announces one.
    let other = Stage::with(|gateway| open(gateway, "")).await;
    let alice = other.log_in("alice").await;
    let bound = other.guest().with_token(format!("DPoP {}", alice.token()));
    let call = prover.prove(&bound, bound.get(&me));
    assert_eq!(call.await.code(401), "token_header");
    let call = alice.get(&me).header("DPoP", "not even a proof");
    call.await.expect(200);
}

#[tokio::test]
async fn one_client_fills_its_own_room_and_no_other() {
    let settings = format!("{OPTIONAL}\nproofs = 1000");
    let stage = Stage::with(|gateway| open(gateway, &settings)).await;
    let (alice, bob) = (stage.log_in("alice").await, stage.log_in("bob").await);
    let (prover, other) = (Prover::new(5), Prover::new(6));
    let health = || alice.get(&records("posts"));
    for _ in 0..15 {
        prover.prove(&alice, health()).await.expect(200);
    }
    let reply = prover.prove(&alice, health()).await;
    assert_eq!(reply.code(429), "proofs_of_client");
    other
        .prove(&bob, bob.get(&records("posts")))
        .await
        .expect(200);
}

#[tokio::test]
async fn where_proofs_are_required_nobody_logs_in_without() {
    let settings = "[sessions]\nmode = \"rolling\"\n[application]\ndpop = \"required\"";
    let stage = Stage::with(|gateway| open(gateway, settings)).await;
    stage.proxy.take();
    let (guest, prover) = (stage.guest(), Prover::new(7));
    let refresh = guest.with_token(stage.log_in("alice").await.token());
    for call in [
        guest.authenticate("users", "alice@example.com"),
        refresh.post("/api/collections/users/auth-refresh"),
        guest
            .post("/api/collections/users/auth-with-otp")
            .json(&json!({ "otpId": "x", "password": "y" })),
    ] {
        let reply = call.await;
        assert_eq!(reply.code(401), "proof_missing");
        assert_eq!(
            reply.header("www-authenticate"),
            Some("DPoP algs=\"ES256 EdDSA\"")
        );
    }
    assert_eq!(stage.proxy.take().len(), 0);
    let login = guest.authenticate("users", "alice@example.com");
    prover.prove(&guest, login).await.expect(200);
    assert!(stage.proxy.take().iter().any(|seen| seen.target == LOGIN));
    guest.get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn a_public_address_is_the_only_one_that_a_proof_may_be_of() {
    let settings = format!("{OPTIONAL}\n[server]\npublic_url = \"https://api.example\"");
    let stage = Stage::with(|gateway| open(gateway, &settings)).await;
    let (guest, prover) = (stage.guest(), Prover::new(8));
    let at = async |place: &str| {
        let url = format!("{place}{}", records("posts"));
        let proof = prover.sign(&prover.claims("GET", &url, None));
        guest.get(&records("posts")).header("DPoP", &proof).await
    };
    at("https://api.example").await.expect(200);
    at("HTTPS://API.example:443").await.expect(200);
    for other in [
        format!("http://{}", guest.address()),
        "http://api.example".to_owned(),
    ] {
        assert_eq!(at(&other).await.code(401), "proof_invalid", "{other}");
    }
}
