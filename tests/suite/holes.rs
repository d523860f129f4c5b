//! The security holes of the gateway that this one follows, in their order: none of them is here.
//!
//! Each test bears the number and the name of the hole that it is about; what is tested in
//! more depth elsewhere is here once more, as that hole would be tried.

mod inputs;
mod surroundings;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hapta_tests::demo::{ALICE, BOB, POST_OF_ALICE, POST_OF_BOB, record, records};
use hapta_tests::{ADMIN_KEY, Client, Reply, Stage};
use http::Method;
use ring::hmac;
use serde_json::{Value, json};

/// Keys that others sign with: a default of the original, an empty one, a password.
const KEYS: [&str; 4] = ["secret", "", "JWT_SECRET", "1234567890"];

#[tokio::test]
async fn hole_1_a_signature_is_checked_before_anything_is_done() {
    for mode in ["passthrough", "rolling"] {
        let stage = stage(mode).await;
        for forged in forged(&claims(ALICE, "_pb_users_auth_")) {
            let alice = stage.guest().with_token(forged);
            let change = json!({ "title": "x" });
            for reply in [
                alice.get(&records("posts")).await,
                alice.post(&records("posts")).json(&change).await,
                alice
                    .patch(&record("posts", POST_OF_ALICE))
                    .json(&change)
                    .await,
                alice.delete(&record("posts", POST_OF_ALICE)).await,
                alice.post("/api/collections/users/auth-refresh").await,
            ] {
                reply.refused(401);
            }
        }
        assert_eq!(beyond_refreshes(&stage), Vec::<String>::new(), "{mode}");
        let post = stage.direct().get(&record("posts", POST_OF_ALICE)).await;
        assert_ne!(post.expect(200)["title"], "x");
    }
}

#[tokio::test]
async fn hole_2_the_admin_key_is_no_token_and_no_token_is_no_admin_key() {
    let stage = stage("rolling").await;
    for token in [ADMIN_KEY.to_owned(), format!("Bearer {ADMIN_KEY}")] {
        let reply = stage.guest().get(&records("posts")).token(&token).await;
        reply.refused(401);
    }
    // Elsewhere each time: after ten such requests nobody is told why.
    for (target, last) in [("/status", 2), ("/metrics", 3), ("/sessions", 4)] {
        let operator = Client::new(stage.gateway.admin_address()).from([127, 0, 0, last]);
        operator.get(target).await.refused(401);
        for wrong in ["", "undefined", "null", "Bearer ", "Bearer undefined"] {
            operator.get(target).token(wrong).await.refused(401);
        }
    }
}

#[tokio::test]
async fn hole_3_a_forged_token_of_a_superuser_changes_nothing() {
    for mode in ["passthrough", "rolling"] {
        let stage = Stage::with(|gateway| {
            open(gateway).also(&format!(
                "[sessions]\nmode = \"{mode}\"\n[superusers]\nroutes = \"on\"\njudged = false"
            ))
        })
        .await;
        for forged in forged(&claims("admin0000000000", "pbc_3142635823")) {
            let superuser = stage.guest().with_token(forged);
            for reply in [
                superuser.get("/api/collections").await,
                superuser.get("/api/settings").await,
                superuser.delete(&record("users", BOB)).await,
                superuser
                    .patch(&record("users", BOB))
                    .json(&json!({ "name": "x" }))
                    .await,
                superuser.get(&records("users")).await,
                superuser.post("/deepsearch").json(&json!({})).await,
                superuser.delete("/auth/delete").await,
            ] {
                assert!([401, 403, 404].contains(&reply.status), "{mode} {reply:?}");
            }
        }
        let bob = stage.direct().get(&record("users", BOB)).await.expect(200);
        assert_eq!(bob["name"], "bob", "{mode}");
    }
}

#[tokio::test]
async fn hole_4_nobody_is_given_rights_by_a_token_for_guests() {
    let stage = stage("rolling").await;
    let guest = stage.guest();
    for path in [
        "/auth/get-basic-auth-token",
        "/api/auth/get-basic-auth-token",
    ] {
        guest.get(path).await.refused(404);
    }
    let rights = json!({
        "isBasicToken": true, "permissions": ["read", "write", "delete"], "exp": 4_000_000_000_u64,
        "id": ALICE, "collectionId": "_pb_users_auth_", "type": "auth",
    });
    for forged in forged(&rights) {
        let reply = guest
            .delete(&record("posts", POST_OF_ALICE))
            .token(&forged)
            .await;
        reply.refused(401);
    }
    // What is asked to be deleted is what is deleted, and not somebody's account.
    let alice = guest.log_in("alice").await;
    alice
        .delete(&record("posts", POST_OF_ALICE))
        .await
        .expect(204);
    let direct = stage.direct();
    direct
        .get(&record("posts", POST_OF_ALICE))
        .await
        .refused(404);
    direct.get(&record("users", ALICE)).await.expect(200);
}

#[tokio::test]
async fn hole_5_every_method_is_guarded_and_no_path_is_public_by_accident() {
    let stage = stage("rolling").await;
    let forged = forged(&claims(ALICE, "_pb_users_auth_")).remove(0);
    let client = stage.guest().with_token(forged);
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY"];
    let targets = [
        records("posts"),
        record("posts", POST_OF_ALICE),
        format!("{}/public", records("posts")),
        "/public".to_owned(),
    ];
    for method in methods {
        for target in &targets {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let reply = client.call(method.clone(), target).await;
            assert!(
                (400..500).contains(&reply.status),
                "{method} {target}: {reply:?}"
            );
        }
    }
    assert_eq!(beyond_refreshes(&stage), Vec::<String>::new());
}

#[tokio::test]
async fn hole_6_nobody_asks_as_the_superuser_that_the_gateway_is() {
    let stage = stage("rolling").await;
    let own = stage.pocketbase.superuser().await;
    let bob = stage.guest().log_in("bob").await;
    stage.proxy.take();
    bob.get(&records("posts")).await.expect(200);
    let asked = stage.proxy.arrived(&records("posts")).await;
    let login = asked.header("Authorization").expect("asked as somebody");
    let claims = claims_of(login);
    assert_eq!(claims["id"], BOB);
    assert_ne!(
        claims["collectionId"],
        claims_of(own.token())["collectionId"]
    );
    // A locked collection, a hidden field, and what leads there.
    for target in [
        records("_superusers"),
        records("_externalAuths"),
        format!("{}?filter=moderation~%22a%22", records("posts")),
        format!("{}?filter=author.tokenKey~%22a%22", records("posts")),
        format!("{}?sort=author.password", records("posts")),
        format!("{}?expand=_externalAuths_via_recordRef", records("users")),
        format!(
            "{}?filter=@collection._superusers.email~%22a%22",
            records("posts")
        ),
    ] {
        let reply = bob.get(&target).await;
        assert!(
            [400, 403, 404].contains(&reply.status),
            "{target}: {reply:?}"
        );
    }
}

#[tokio::test]
async fn hole_18_where_no_rule_says_yes_nobody_is_let_pass() {
    use hapta_tests::{PocketBase, Setup};

    let pocketbase = PocketBase::start().await;
    let before = || Setup::before(pocketbase.address());
    // Nobody named: no start.
    let nobody = before().also("[collections.posts]").try_start().await;
    assert!(nobody.is_err_and(|error| error.contains("posts")));
    let missing = before().judged("posts", &["none"]).try_start().await;
    assert!(missing.is_err_and(|error| error.contains("none")));
    // One that fails says no, of reads as of writes.
    let gateway = before().rule("trap").judged("posts", &["trap"]).start();
    let gateway = gateway.await;
    gateway.client().get(&records("posts")).await.refused(500);
    // And is told who asks by nobody but the gateway.
    let gateway = before().rule("probe").judged("posts", &["probe"]).start();
    let gateway = gateway.await;
    let seen = gateway
        .client()
        .get(&record("posts", POST_OF_BOB))
        .header("X-User-Id", ALICE)
        .await;
    assert_eq!(seen.probed()["principal"], Value::Null);
}

/// The demo's collections under PocketBase's own rules.
fn open(gateway: hapta_tests::Setup) -> hapta_tests::Setup {
    gateway.open("users").open("posts").open("comments")
}

async fn stage(mode: &str) -> Stage {
    Stage::with(|gateway| open(gateway).also(&format!("[sessions]\nmode = \"{mode}\""))).await
}

/// What reached PocketBase beside the questions whose a token is, and the gateway's own.
fn beyond_refreshes(stage: &Stage) -> Vec<String> {
    let seen = stage.proxy.seen().into_iter().map(|seen| seen.target);
    let seen = seen.filter(|target| target.contains("/records") && !target.contains("_superusers"));
    seen.collect()
}

fn claims(id: &str, collection: &str) -> Value {
    json!({
        "collectionId": collection, "exp": 4_000_000_000_u64, "id": id, "refreshable": true, "type": "auth",
    })
}

/// Tokens with these claims that somebody else made.
fn forged(claims: &Value) -> Vec<String> {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let head = json!({ "alg": "HS256", "typ": "JWT", "kid": "1" });
    let mut forged = Vec::new();
    for head in [head, json!({ "alg": "HS256", "typ": "JWT" })] {
        let signed = format!("{}.{}", encode(&head), encode(claims));
        for key in KEYS {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
            let code = hmac::sign(&key, signed.as_bytes());
            forged.push(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(code)));
        }
    }
    let head = json!({ "alg": "none", "typ": "JWT" });
    forged.push(format!("{}.{}.", encode(&head), encode(claims)));
    forged
}

/// What a token says, whoever made it.
fn claims_of(token: &str) -> Value {
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64");
    serde_json::from_slice(&claims).expect("JSON")
}

/// Asserts that a reply is a refusal that gives nothing of this away.
#[track_caller]
fn tells_nothing_of(reply: &Reply, words: &[&str]) {
    assert!(reply.status >= 400, "{reply:?}");
    let text = reply.text();
    for word in words {
        assert!(!text.contains(word), "{word} in {text}");
    }
}
