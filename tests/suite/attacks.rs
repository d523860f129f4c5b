//! A gateway under attack: tokens that are no good, floods, and headers that lie.
//!
//! Everything is tried in rolling mode, where tokens are the gateway's own; what PocketBase's
//! own tokens meet is in `principals`. What evades limits is tried in `rates`.

use std::fs;
use std::future::IntoFuture;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use hapta_tests::demo::{BOB, POST_OF_ALICE, record, records};
use hapta_tests::{Client, Setup, Stage, eventually};
use proptest::prelude::prop;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const REFRESH: &str = "/api/collections/users/auth-refresh";

#[tokio::test]
async fn a_token_with_another_algorithm_or_key_is_refused() {
    let stage = rolling("").await;
    let alice = stage.guest().log_in("alice").await;
    let [head, claims, code] = parts(alice.token());
    let kid = decoded(&head)["kid"].clone();
    let heads = [
        json!({ "alg": "none", "typ": "JWT", "kid": kid }),
        json!({ "alg": "None", "typ": "JWT", "kid": kid }),
        json!({ "alg": "HS512", "typ": "JWT", "kid": kid }),
        json!({ "alg": "RS256", "typ": "JWT", "kid": kid }),
        json!({ "alg": "ES256", "typ": "JWT", "kid": kid }),
        json!({ "alg": "HS256", "typ": "JWT" }),
        json!({ "alg": "HS256", "typ": "JWT", "kid": "other" }),
        json!({ "alg": "HS256", "typ": "JWT", "kid": "../../../dev/null" }),
        json!({ "alg": "HS256", "typ": "JWT", "kid": ["a"] }),
        json!({ "alg": "HS256", "typ": "JWT", "jwk": { "kty": "oct", "k": "" } }),
        json!({ "alg": "HS256", "typ": "JWT", "kid": kid, "jku": "http://127.0.0.1/" }),
    ];
    for head in heads {
        let head = encoded(&head);
        for code in [code.as_str(), ""] {
            refuses(&stage, &format!("{head}.{claims}.{code}")).await;
        }
        for key in ["", "secret", kid.as_str().unwrap_or_default()] {
            let signed = format!("{head}.{claims}");
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
            let made = ring::hmac::sign(&key, signed.as_bytes());
            let made = BASE64_URL_SAFE_NO_PAD.encode(made);
            refuses(&stage, &format!("{signed}.{made}")).await;
        }
    }
    alice.get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn a_token_says_of_nobody_else_that_it_is_his() {
    let stage = rolling("").await;
    let alice = stage.guest().log_in("alice").await;
    let [head, claims, code] = parts(alice.token());
    let mut said = decoded(&claims);
    for (key, value) in [
        ("id", json!(BOB)),
        ("collectionId", json!("pbc_3142635823")),
        ("collectionId", json!("_pb_users_auth_2")),
        ("type", json!("file")),
        ("type", json!("superuser")),
        ("exp", json!(4_102_444_800_u64)),
        ("seq", json!(99)),
        ("sid", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("iat", json!(0)),
        ("refreshable", json!(false)),
        ("superuser", json!(true)),
    ] {
        let before = said[key].take();
        said[key] = value;
        refuses(&stage, &format!("{head}.{}.{code}", encoded(&said))).await;
        said[key] = before;
    }
    alice.get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn a_token_of_which_anything_is_missing_changed_or_added_is_refused() {
    let stage = rolling("").await;
    let alice = stage.guest().log_in("alice").await;
    let good = alice.token().to_owned();
    // Each beginning of it, and each end.
    for at in (0..good.len()).step_by(7) {
        if at > 0 {
            refuses(&stage, &good[..at]).await;
            refuses(&stage, &good[at..]).await;
        }
    }
    for changed in [
        format!("{good}A"),
        format!("{good}="),
        format!("{good}.{good}"),
        good.replace('.', ".."),
        good.to_uppercase(),
    ] {
        refuses(&stage, &changed).await;
    }
    // One bit, anywhere: also where the base64 of the last byte has some to spare.
    let bits = prop::collection::vec((0..good.len(), 0..6_u32), 150);
    let bits = bits.new_tree(&mut TestRunner::default());
    let bits = bits.expect("places of bits").current();
    let mut flipped: Vec<_> = bits
        .into_iter()
        .map(|(at, bit)| flip(&good, at, bit))
        .collect();
    let last = good.len() - 1;
    flipped.extend((0..6).map(|bit| flip(&good, last, bit)));
    for token in flipped.into_iter().flatten() {
        refuses(&stage, &token).await;
    }
    alice.get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn a_token_that_was_rolled_and_comes_again_ends_the_session_of_thief_and_owner() {
    let stage = rolling("[sessions.rolling]\ngrace = \"1s\"\n").await;
    let stolen = stage.guest().log_in("alice").await;
    let rolled = stolen.post(REFRESH).await.expect(200);
    let owner = stage
        .guest()
        .with_token(rolled["token"].as_str().expect("a token"));
    // The first use of the new one ends the old one.
    owner.get(&records("posts")).await.expect(200);
    let refused = async || {
        let reply = stolen.get(&records("posts")).await;
        (reply.status != 200).then_some(reply)
    };
    // Once those are answered that were under way.
    eventually("the old token is good no more", refused)
        .await
        .refused(401);
    refuses(&stage, stolen.token()).await;
    refuses(&stage, owner.token()).await;
    let log = stage.gateway.folder().join("security.log");
    eventually("the theft is told", async || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.contains("token_reused").then_some(())
    })
    .await;
    let text = fs::read_to_string(&log).expect("reads the log");
    assert!(!text.contains(stolen.token()) && !text.contains(owner.token()));
    // Who knows the password is who he is.
    let again = stage.guest().log_in("alice").await;
    again.get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn nobody_chooses_the_session_that_somebody_else_will_have() {
    let stage = rolling("").await;
    let mallory = stage.guest().log_in("bob").await;
    // The victim logs in with the attacker's token already in hand.
    let login = stage
        .guest()
        .authenticate("users", "alice@example.com")
        .token(mallory.token())
        .header("Cookie", &format!("session={}", mallory.token()))
        .await
        .expect(200);
    let token = login["token"].as_str().expect("a token");
    let [_, claims, _] = parts(token);
    let [_, others, _] = parts(mallory.token());
    assert_ne!(decoded(&claims)["sid"], decoded(&others)["sid"]);
    let refreshed = mallory.post(REFRESH).await.expect(200);
    assert_eq!(refreshed["record"]["id"], BOB);
    let body = json!({ "identity": "alice@example.com", "password": "1234567890", "sid": "AAAAAAAAAAAAAAAAAAAAAA" });
    let login = "/api/collections/users/auth-with-password";
    stage.guest().post(login).json(&body).await.refused(400);
}

#[tokio::test]
async fn a_token_that_has_expired_is_refused_however_good_pocketbase_s_is() {
    let stage = rolling("[sessions.rolling]\ntoken_for = \"10s\"\n").await;
    let alice = stage.guest().log_in("alice").await;
    alice.get(&records("posts")).await.expect(200);
    let refused = async || {
        let reply = alice.get(&records("posts")).await;
        (reply.status != 200).then_some(reply)
    };
    eventually("the token expires", refused).await.refused(401);
    // Not even for another one.
    alice.post(REFRESH).await.refused(401);
}

#[tokio::test]
async fn logins_beyond_the_limit_never_reach_pocketbase() {
    let limits = "[limits]\nmode = \"on\"\nauthenticate = { limit = 6, every = \"1m\" }\naccount = { limit = 100, every = \"1m\" }";
    let stage = rolling(limits).await;
    let guest = stage.guest();
    let logins = (0..40).map(|number| {
        // Whoever guesses tries many names, in many spellings.
        let name = ["alice", "ALICE", "bob", "carol"][number % 4];
        guest.authenticate("users", &format!("{name}{number}@example.com"))
    });
    let replies = join_all(logins.map(IntoFuture::into_future)).await;
    let refused = replies.iter().filter(|reply| reply.status == 429).count();
    let reached = logins_at(&stage);
    assert!(reached <= 6, "{reached} reached PocketBase");
    assert_eq!(refused + reached, 40);
    for reply in replies.iter().filter(|reply| reply.status == 429) {
        assert_eq!(reply.code(429), "limited");
        let after = reply.header("Retry-After").expect("when to come again");
        assert!(
            after
                .parse::<u64>()
                .is_ok_and(|seconds| (1..=60).contains(&seconds))
        );
    }
}

#[tokio::test]
async fn guesses_at_one_account_are_few_wherever_they_come_from() {
    let limits = "[limits]\nmode = \"on\"\nauthenticate = { limit = 100, every = \"1m\" }\naccount = { limit = 4, every = \"1m\" }";
    let stage = rolling(limits).await;
    let spellings = [
        "alice@example.com",
        "ALICE@example.com",
        "Alice@Example.Com",
        "alice@EXAMPLE.com",
    ];
    let mut limited = 0;
    for number in 0..12_u8 {
        let client = stage.guest().from([127, 0, 1, number + 1]);
        let collection = ["users", "_pb_users_auth_"][usize::from(number) % 2];
        let body =
            json!({ "identity": spellings[usize::from(number) % 4], "password": "wrong-password" });
        let login = format!("/api/collections/{collection}/auth-with-password");
        let reply = client.post(&login).json(&body).await;
        assert!([400, 429].contains(&reply.status), "{reply:?}");
        limited += usize::from(reply.status == 429);
    }
    assert!(limited >= 8, "{limited} of 12 were refused");
    assert!(logins_at(&stage) <= 4);
    // Others log in meanwhile.
    stage.guest().log_in("bob").await;
}

#[tokio::test]
async fn who_sends_slowly_is_counted_from_the_first_byte() {
    let limits = "[limits]\nmode = \"on\"\nauthenticate = { limit = 3, every = \"1m\" }";
    let stage = rolling(limits).await;
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(stage.gateway.address())
            .await
            .expect("connects");
        let head = "POST /api/collections/users/auth-with-password HTTP/1.1\r\nHost: x\r\n\
             Content-Type: application/json\r\nContent-Length: 200\r\n\r\n{";
        stream.write_all(head.as_bytes()).await.expect("sends");
        slow.push(stream);
    }
    let limited = async || {
        let reply = stage
            .guest()
            .authenticate("users", "nobody@example.com")
            .await;
        (reply.status == 429).then_some(())
    };
    eventually("the slow ones have used the limit up", limited).await;
    drop(slow);
}

#[tokio::test]
async fn tokens_that_are_no_good_stop_reaching_pocketbase() {
    let limits = "[limits]\nmode = \"on\"\nbad_token = { limit = 5, every = \"1m\" }";
    let stage = Stage::with(|gateway| open(gateway).also(limits)).await;
    let alice = stage.direct().log_in("alice").await;
    let [head, claims, _] = parts(alice.token());
    let target = record("posts", POST_OF_ALICE);
    let mut refused = 0;
    for number in 0..40_u8 {
        let forged = BASE64_URL_SAFE_NO_PAD.encode([number; 32]);
        let token = format!("{head}.{claims}.{forged}");
        let reply = stage.guest().get(&target).token(&token).await;
        assert!([401, 429].contains(&reply.status), "{reply:?}");
        refused += usize::from(reply.status == 429);
    }
    assert!(refused >= 30, "{refused} of 40 were refused unheard");
    let asked = stage.proxy.seen();
    let asked = asked
        .iter()
        .filter(|seen| seen.target.ends_with("/users/auth-refresh"));
    assert!(asked.count() <= 5);
    // At another address somebody else goes on.
    let other = stage.guest().from([127, 0, 0, 9]).with_token(alice.token());
    other.get(&target).await.expect(200);
}

#[tokio::test]
async fn a_flood_from_one_address_is_refused_while_others_are_served() {
    let limits = "[limits]\nmode = \"on\"\nview = { limit = 20, every = \"10s\", max_uses = 10, ban_for = \"1m\" }";
    let stage = rolling(limits).await;
    let target = record("posts", POST_OF_ALICE);
    let flood = stage.guest().from([127, 0, 0, 7]);
    let mut codes = Vec::new();
    for _ in 0..60 {
        let reply = flood.get(&target).await;
        if reply.status == 429 {
            codes.push(reply.code(429));
        }
    }
    assert_eq!(codes.first().map(String::as_str), Some("limited"));
    assert_eq!(codes.last().map(String::as_str), Some("banned"));
    // Banned is banned, whatever is asked.
    assert_eq!(flood.get(&records("users")).await.code(429), "banned");
    stage.guest().get(&target).await.expect(200);
    let alice = stage.guest().log_in("alice").await;
    alice.get(&target).await.expect(200);
    // Who is known is not meant, even there.
    let beside = alice.from([127, 0, 0, 7]);
    beside.get(&target).await.expect(200);
}

#[tokio::test]
async fn a_new_token_is_no_new_limit() {
    let limits = "[limits]\nmode = \"on\"\nview = { limit = 4, every = \"1m\" }\n[sessions.rolling]\ngrace = \"1s\"";
    let stage = rolling(limits).await;
    let mut alice = stage.guest().log_in("alice").await;
    let target = record("posts", POST_OF_ALICE);
    let mut passed = 0;
    for number in 0..10_u8 {
        let client = alice.from([127, 0, 2, number + 1]);
        passed += usize::from(client.get(&target).await.status == 200);
        let rolled = client.post(REFRESH).await;
        if rolled.status == 200 {
            let rolled = rolled.json();
            alice = stage
                .guest()
                .with_token(rolled["token"].as_str().expect("a token"));
        }
    }
    assert!(passed <= 4, "{passed} of 10 passed");
    // Nor is a second login.
    let again = stage.guest().log_in("alice").await;
    again.get(&target).await.refused(429);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_connects_and_says_nothing_is_let_go() {
    let stage =
        rolling("[server]\nheader_timeout = \"300ms\"\nconnections_per_address = 20\n").await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        let stream = TcpStream::connect(stage.gateway.address()).await;
        silent.push(stream.expect("connects"));
    }
    // Whoever comes from elsewhere is served meanwhile.
    let other = stage.guest().from([127, 0, 0, 8]);
    other.get(&records("posts")).await.expect(200);
    let gone = async || {
        let open = stage.gateway.metric("hapta_connections").await?;
        (open <= 2.0).then_some(())
    };
    eventually("silent connections are closed", gone).await;
    tokio::time::timeout(Duration::from_secs(5), stage.guest().get("/api/health"))
        .await
        .expect("in time")
        .expect(200);
}

#[tokio::test]
async fn who_has_a_network_of_ipv6_has_one_limit() {
    let edge = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[limits]\nmode = \"on\"\nauthenticate = { limit = 4, every = \"1m\" }";
    let stage = rolling(edge).await;
    let from = |address: String, name: String| {
        let login = stage.guest().authenticate("users", &name);
        login.header("X-Forwarded-For", &address)
    };
    let mut passed = 0;
    for number in 0..12 {
        let address = format!("2001:db8:1:2:{number:x}:{number:x}:0:{number:x}");
        let reply = from(address, format!("nobody{number}@example.com")).await;
        passed += usize::from(reply.status != 429);
    }
    assert_eq!(passed, 4 - 2, "half of a limit may be used at once");
    // The next network is somebody else.
    let other = from("2001:db8:1:3::1".to_owned(), "alice@example.com".to_owned());
    other.await.expect(200);
}

#[tokio::test]
async fn pocketbase_s_token_leaves_by_no_second_place() {
    let hook = "onRecordAuthRequest((e) => { e.meta = { again: e.token }; e.next() })";
    let stage = Stage::with_files(&[("pb_hooks/copy.pb.js", hook)], |gateway| {
        open(gateway).also("[sessions]\nmode = \"rolling\"")
    })
    .await;
    let direct = stage
        .direct()
        .authenticate("users", "alice@example.com")
        .await
        .expect(200);
    assert_eq!(
        direct["meta"]["again"], direct["token"],
        "the hook copies it"
    );
    let reply = stage
        .guest()
        .authenticate("users", "alice@example.com")
        .await;
    assert_eq!(reply.code(502), "upstream_shape");
}

/// The demo's collections under PocketBase's own rules.
fn open(gateway: Setup) -> Setup {
    gateway.open("users").open("posts").open("comments")
}

/// A stage with rolling sessions and these settings beside.
async fn rolling(more: &str) -> Stage {
    let own = "[sessions]\nmode = \"rolling\"\n[log]\nsecurity = \"security.log\"\n";
    Stage::with(|gateway| open(gateway).also(own).also(more)).await
}

/// Asserts that a token is nobody's, to read and to write.
async fn refuses(stage: &Stage, token: &str) {
    let client: Client = stage.guest().with_token(token);
    for reply in [
        client.get(&records("posts")).await,
        client.post(REFRESH).await,
        client.delete(&record("posts", POST_OF_ALICE)).await,
    ] {
        assert_eq!(reply.status, 401, "{token}: {reply:?}");
        reply.refused(401);
    }
}

/// How many logins have reached PocketBase.
fn logins_at(stage: &Stage) -> usize {
    let seen = stage.proxy.seen();
    seen.iter()
        .filter(|seen| {
            seen.target.contains("/users/auth-with-password")
                || seen.target.contains("/_pb_users_auth_/auth-with-password")
        })
        .count()
}

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().expect("three parts")
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decoded(part: &str) -> Value {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The token with one bit of one letter of its base64 changed; none at a dot.
fn flip(token: &str, at: usize, bit: u32) -> Option<String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = token.as_bytes().to_vec();
    let place = LETTERS.iter().position(|letter| *letter == bytes[at])?;
    bytes[at] = LETTERS[place ^ (1 << bit)];
    String::from_utf8(bytes).ok()
}
