//! What must not pass for a token: none of it makes anybody somebody, or reaches PocketBase.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hapta_tests::demo::{ALICE, BOB, records};
use serde_json::{Value, json};

use super::{REFRESH, claims, stage};

fn encode(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A claim changed under the signature that was.
fn claiming(token: &str, key: &str, value: Value) -> String {
    let mut claimed = claims(token);
    claimed[key] = value;
    let parts: Vec<&str> = token.split('.').collect();
    format!("{}.{}.{}", parts[0], encode(&claimed), parts[2])
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn nothing_but_what_was_signed_here_is_a_token() {
    let stage = stage().await;
    let (alice, bob) = (
        stage.guest().log_in("alice").await,
        stage.guest().log_in("bob").await,
    );
    let good = alice.token();
    let parts: Vec<&str> = good.split('.').collect();
    let of_bob: Vec<&str> = bob.token().split('.').collect();
    let (none, zeros) = (
        encode(&json!({ "alg": "none", "typ": "JWT" })),
        "A".repeat(43),
    );
    let mut forgeries = vec![
        ("alg none", format!("{none}.{}.", parts[1])),
        (
            "alg none, signed",
            format!("{none}.{}.{}", parts[1], parts[2]),
        ),
        (
            "alg HS512",
            format!(
                "{}.{}.{}",
                encode(&json!({ "alg": "HS512" })),
                parts[1],
                parts[2]
            ),
        ),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("zeros", format!("{}.{}.{zeros}", parts[0], parts[1])),
        ("cut", good[..good.len() - 1].to_owned()),
        ("without a head", format!("{}.{}", parts[1], parts[2])),
        ("longer", format!("{good}A")),
        ("padded", format!("{good}=")),
        ("twice", format!("{good}.{}", parts[2])),
        (
            "bob's signature",
            format!("{}.{}.{}", parts[0], parts[1], of_bob[2]),
        ),
        (
            "bob's claims",
            format!("{}.{}.{}", parts[0], of_bob[1], parts[2]),
        ),
        ("a hundred dots", ".".repeat(100)),
        ("far too long", format!("{good}{}", "A".repeat(3_000))),
    ];
    for (key, value) in [
        ("id", json!(BOB)),
        ("collectionId", json!("pbc_3142635823")),
        ("type", json!("file")),
        ("exp", json!(9_999_999_999_u64)),
        ("iat", json!(0)),
        ("seq", json!(1)),
        ("sid", claims(bob.token())["sid"].clone()),
        ("superuser", json!(true)),
    ] {
        forgeries.push((key, claiming(good, key, value)));
    }
    stage.proxy.take();
    for (what, forged) in &forgeries {
        for reply in [
            stage.guest().get(&records("posts")).token(forged).await,
            stage.guest().post(REFRESH).token(forged).await,
        ] {
            assert_eq!(reply.code(401), "token_invalid", "{what}");
        }
    }
    assert!(stage.proxy.seen().is_empty(), "{:?}", stage.proxy.seen());
    alice.get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn every_bit_counts() {
    let stage = stage().await;
    let alice = stage.guest().log_in("alice").await;
    let good = alice.token().as_bytes().to_vec();
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 1 << (at % 7);
        let Ok(flipped) = String::from_utf8(flipped) else {
            continue;
        };
        if !flipped.bytes().all(|byte| byte.is_ascii_graphic()) {
            continue;
        }
        let reply = stage.guest().get(&records("posts")).token(&flipped).await;
        reply.refused(401);
    }
    assert_eq!(alice.post(REFRESH).await.expect(200)["record"]["id"], ALICE);
}

#[tokio::test]
async fn a_token_of_another_gateway_is_none() {
    let (one, other) = (stage().await, stage().await);
    let alice = one.guest().log_in("alice").await;
    let foreign = other
        .guest()
        .get(&records("posts"))
        .token(alice.token())
        .await;
    assert_eq!(foreign.code(401), "token_invalid");
}
