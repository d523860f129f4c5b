//! Where the gateway answers otherwise than PocketBase, for a reason.
//!
//! Each has a row in `gateway/docs/faithful.md`, and requests in `tests/fixtures/faithful` that say
//! what either side answers (or, where one request can't show it, a test below).

use std::collections::BTreeSet;
use std::fs;

use hapta_tests::{eventually, root};
use serde_json::json;

use super::corpus;
use super::scene::Scene;

/// Every exception, by the name that its row in the document has.
const EXCEPTIONS: [&str; 34] = [
    "refusal",
    "own-headers",
    "redirects",
    "dashboard-missing",
    "query-unknown",
    "query-doubtful",
    "page-number",
    "fields-excerpt",
    "sort-by-email",
    "sort-reserved",
    "expand-unknown",
    "expand-spelling",
    "expand-hidden",
    "path-spelling",
    "path-ascii",
    "route-unknown",
    "route-not-served",
    "body-type",
    "body-unwanted",
    "body-trailing",
    "body-unknown",
    "body-value",
    "modifiers",
    "one-key-a-field",
    "minus-zero",
    "login-keys",
    "file-parameters",
    "file-token",
    "file-caches",
    "oauth2-return",
    "hook-headers",
    "client-address",
    "answer-key",
    "schema-second",
];

/// Of these, the ones that a test below shows.
const WITH_A_TEST: [&str; 2] = ["own-headers", "schema-second"];

#[tokio::test]
async fn what_differs_differs_as_it_is_documented() {
    Scene::one().await.same("exceptions").await;
}

#[tokio::test]
async fn the_gateway_adds_what_is_documented() {
    let scene = Scene::one().await;
    let ask = |client: hapta_tests::Client| {
        client
            .get("/api/health")
            .header("Origin", "https://app.example.com")
    };
    let (direct, through) = (ask(scene.direct()).await, ask(scene.through()).await);
    for name in ["x-request-id", "access-control-expose-headers"] {
        assert_eq!(direct.header(name), None, "{name}");
        assert!(through.header(name).is_some(), "{name}");
    }
    let ask = |client: hapta_tests::Client| {
        client
            .call(http::Method::OPTIONS, "/api/health")
            .header("Origin", "https://app.example.com")
            .header("Access-Control-Request-Method", "PATCH")
    };
    let (direct, through) = (ask(scene.direct()).await, ask(scene.through()).await);
    let methods = "access-control-allow-methods";
    let names = |text: Option<&str>| -> BTreeSet<String> {
        text.expect("methods")
            .split(',')
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(
        names(through.header(methods)),
        names(direct.header(methods))
    );
    let age = "access-control-max-age";
    assert_eq!(
        (direct.header(age), through.header(age)),
        (None, Some("86400"))
    );
}

#[tokio::test]
async fn what_is_changed_past_the_gateway_is_known_in_a_moment() {
    let scene = Scene::one().await;
    let superuser = scene.direct().with_token(&scene.words()["root"]);
    let fresh = json!({ "name": "fresh", "type": "base", "listRule": "" });
    superuser
        .post("/api/collections")
        .json(&fresh)
        .await
        .expect(200);
    let target = "/api/collections/fresh/records";
    scene.direct().get(target).await.expect(200);
    eventually("the gateway knows it", async || {
        let reply = scene.through().get(target).await;
        assert!([200, 404].contains(&reply.status), "{reply:?}");
        (reply.status == 200).then_some(())
    })
    .await;
}

#[test]
fn every_exception_is_documented_and_shown() {
    let known = BTreeSet::from(EXCEPTIONS.map(str::to_owned));
    let path = root().join("gateway/docs/faithful.md");
    let page = fs::read_to_string(path).expect("the document");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeSet<_> = rows
        .filter_map(|row| row.split_once('`'))
        .map(|(id, _)| id.to_owned())
        .collect();
    assert_eq!(documented, known, "in the document, and in EXCEPTIONS");

    let mut shown = BTreeSet::from(WITH_A_TEST.map(str::to_owned));
    for ask in corpus::all() {
        shown.extend(ask.exception.map(|exception| exception.id));
    }
    assert_eq!(
        shown, known,
        "shown by requests or tests, and in EXCEPTIONS"
    );
}
