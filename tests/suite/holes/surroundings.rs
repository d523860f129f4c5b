//! Holes 11 to 16: keys, floods, origins, what operators have, and what errors tell.

use std::fs;

use hapta_tests::demo::{ALICE, PASSWORD, POST_OF_ALICE, SUPERUSER, record, records};
use hapta_tests::{ADMIN_KEY, Client, PocketBase, Program, Setup, Stage};
use serde_json::json;

use super::{open, stage, tells_nothing_of};
use crate::commands::{HAPTA, refused};

#[tokio::test]
async fn hole_11_no_password_is_in_a_key_and_none_is_kept() {
    let stage = stage("rolling").await;
    let alice = stage.guest().log_in("alice").await;
    alice.get(&records("posts")).await.expect(200);
    let (signed, code) = alice.token().rsplit_once('.').expect("a token");
    for key in [PASSWORD.to_owned(), format!("secret{PASSWORD}")] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
        let made = ring::hmac::sign(&key, signed.as_bytes());
        assert_ne!(base64(made.as_ref()), code);
    }
    // Neither a password nor a token stands in anything that outlives the gateway.
    let direct = stage.direct().log_in("alice").await;
    let mut files = 0;
    for file in walk(stage.gateway.folder()) {
        if file.file_name().is_some_and(|name| name == "hapta.toml") {
            continue;
        }
        let bytes = fs::read(&file).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let (head, _) = direct.token().rsplit_once('.').expect("a token");
        let claims = head.split('.').nth(1).expect("claims");
        for secret in [PASSWORD, alice.token(), direct.token(), &claims[..24]] {
            assert!(!text.contains(secret), "{} has {secret}", file.display());
        }
        files += 1;
    }
    assert!(files > 0, "there is a state folder");
}

#[tokio::test]
async fn hole_12_keys_are_drawn_at_random_and_a_weak_secret_stops_the_start() {
    let pocketbase = PocketBase::start().await;
    let gateway =
        || open(Setup::before(pocketbase.address())).also("[sessions]\nmode = \"rolling\"");
    let (one, other) = (gateway().start().await, gateway().start().await);
    let alice = one.client().log_in("alice").await;
    alice.get(&records("posts")).await.expect(200);
    // Of two gateways none knows the tokens of the other.
    let stranger = other.client().with_token(alice.token());
    stranger.get(&records("posts")).await.refused(401);
    for weak in ["short", "change-me-change-me", "aaaaaaaaaaaaaaaaaaaaaaaa"] {
        let program = Program::new(HAPTA, gateway()).variable("HAPTA_ADMIN_KEY", weak);
        refused(&program.run("check").await, &["HAPTA_ADMIN_KEY"]);
    }
}

#[tokio::test]
async fn hole_13_what_one_client_may_take_has_a_bound() {
    let stage = Stage::with(|gateway| {
        open(gateway).also(
            "[server]\nmax_body = \"64KiB\"\n[live]\nstreams_per_address = 3\n[sessions]\nremembered = 10",
        )
    })
    .await;
    let alice = stage.log_in("alice").await;
    let large = json!({ "title": "x", "content": "y".repeat(70_000) });
    let reply = alice.post(&records("posts")).json(&large).await;
    assert_eq!(reply.code(413), "body_too_large");
    let broken = alice
        .post(&records("posts"))
        .body("application/json", "{\"title\":")
        .await;
    broken.refused(400);
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(alice.get("/api/realtime").stream().await);
    }
    let reply = alice.get("/api/realtime").await;
    assert_eq!(reply.code(429), "streams_of_address");
    // No page is larger than PocketBase's own, whatever is asked.
    let whole = format!("{}?perPage=9007199254740991", records("posts"));
    let reply = alice.get(&whole).await;
    assert!(
        reply.status == 400 || reply.json()["perPage"].as_u64() <= Some(1_000),
        "{reply:?}"
    );
}

#[tokio::test]
async fn hole_14_no_origin_is_given_credentials_and_others_are_turned_away() {
    let stage = Stage::with(|gateway| {
        open(gateway).also("[server]\norigins = [\"https://app.example.com\"]")
    })
    .await;
    let alice = stage.log_in("alice").await;
    let from = |origin: &str| alice.get(&records("posts")).header("Origin", origin);
    let own = from("https://app.example.com").await;
    own.expect(200);
    assert_eq!(
        own.header("Access-Control-Allow-Origin"),
        Some("https://app.example.com")
    );
    assert_eq!(own.header("Access-Control-Allow-Credentials"), None);
    for foreign in [
        "https://evil.example.com",
        "null",
        "https://app.example.com.evil.com",
    ] {
        let reply = from(foreign).await;
        assert_eq!(reply.code(403), "origin");
        assert_eq!(reply.header("Access-Control-Allow-Origin"), None);
        assert_eq!(reply.header("Access-Control-Allow-Credentials"), None);
        let stream = stage.guest().get("/api/realtime").header("Origin", foreign);
        assert_eq!(stream.await.code(403), "origin");
    }
}

#[tokio::test]
async fn hole_15_what_operators_have_is_had_by_nobody_else() {
    let stage = stage("rolling").await;
    let operator = Client::new(stage.gateway.admin_address());
    for target in ["/status", "/metrics", "/compat", "/sessions"] {
        operator.get(target).await.refused(401);
    }
    operator.delete("/sessions?all").await.refused(401);
    // And none of it is on the listener for clients, with the key or without.
    for target in [
        "/ws/cache-sync",
        "/status",
        "/metrics",
        "/sessions",
        "/compat",
    ] {
        let client = stage.guest();
        client.get(target).await.refused(404);
        let reply = client.get(target).token(ADMIN_KEY).await;
        assert!([401, 404].contains(&reply.status), "{reply:?}");
    }
}

#[tokio::test]
async fn hole_16_an_error_tells_nothing_of_what_is_behind() {
    let mut stage = stage("rolling").await;
    let alice = stage.guest().log_in("alice").await;
    let behind =
        [stage.pocketbase.address(), stage.proxy.address()].map(|address| address.to_string());
    stage.pocketbase.stop().await;
    let words = [
        behind[0].as_str(),
        behind[1].as_str(),
        SUPERUSER,
        "hyper",
        "tcp",
        "panicked",
        ".rs",
    ];
    for reply in [
        stage.guest().get(&record("posts", POST_OF_ALICE)).await,
        stage
            .guest()
            .authenticate("users", "alice@example.com")
            .await,
        alice.get(&record("users", ALICE)).await,
        alice.post("/api/collections/users/auth-refresh").await,
    ] {
        tells_nothing_of(&reply, &words);
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Every file below a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("reads a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}
