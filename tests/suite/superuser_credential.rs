//! Which calls carry the gateway's own credential.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hapta_tests::demo::{ALICE, POST_OF_ALICE, POST_OF_BOB, record, records};
use hapta_tests::{Seen, Setup, Stage};
use serde_json::{Value, json};

/// The start-up's questions: the collections, whether PocketBase believes the forwarding
/// header, and where its mails lead.
const AT_START: [&str; 3] = [
    "GET /api/collections",
    "GET /api/health",
    "GET /api/settings",
];

#[tokio::test]
async fn only_the_schema_and_the_start_up_checks_carry_it() {
    let stage = Stage::open().await;
    use_everything(&stage).await;
    for seen in as_superuser(&stage) {
        assert!(AT_START.contains(&path(&seen).as_str()), "{}", seen.line());
    }
    let asked = |path: &str| {
        let as_superuser = as_superuser(&stage).into_iter();
        as_superuser
            .filter(|seen| seen.target.starts_with(path))
            .count()
    };
    assert!(
        asked("/api/health") <= 1,
        "a client's health request is a guest's"
    );
    assert_eq!(
        asked("/api/settings"),
        1,
        "what the application is set to is asked for once"
    );
}

#[tokio::test]
async fn a_rule_that_asks_for_the_stored_record_adds_that_and_nothing_more() {
    let ownership = |gateway: Setup| {
        let gateway = gateway.rule("ownership");
        ["users", "posts", "comments"]
            .into_iter()
            .fold(gateway, |gateway, name| {
                gateway.judged(name, &["ownership"])
            })
    };
    let stage = Stage::with(ownership).await;
    use_everything(&stage).await;
    // Asked so that anybody but a superuser is refused, not answered as a guest would be.
    let stored = [
        ("posts", POST_OF_ALICE),
        ("posts", POST_OF_BOB),
        ("users", ALICE),
    ];
    let mut asked = 0;
    for seen in as_superuser(&stage) {
        let is_stored = stored.iter().any(|(collection, id)| {
            path(&seen) == format!("GET {}", records(collection))
                && filter(&seen) == format!("@request.auth.collectionName='_superusers'&&id='{id}'")
        });
        asked += usize::from(is_stored);
        assert!(
            is_stored || AT_START.contains(&path(&seen).as_str()),
            "{}",
            seen.line()
        );
    }
    assert!(asked > 0, "the rule asks for what is stored");
}

/// Every operation there is, allowed and refused, by a guest and by alice.
async fn use_everything(stage: &Stage) {
    let guest = stage.guest();
    let alice = guest.log_in("alice").await;
    for client in [&guest, &alice] {
        client.get("/api/health").await;
        client.get("/api/collections/users/auth-methods").await;
        client.post("/api/collections/users/auth-refresh").await;
        client.get(&records("posts")).await;
        client
            .get(&format!(
                "{}?expand=author,comments_via_post",
                record("posts", POST_OF_ALICE)
            ))
            .await;
        client
            .get(&format!("/api/files/posts/{POST_OF_ALICE}/cover.png"))
            .await;
        client
            .post(&records("posts"))
            .json(&json!({ "title": "New", "author": ALICE }))
            .await;
        client
            .patch(&record("posts", POST_OF_ALICE))
            .json(&json!({ "title": "Renamed" }))
            .await;
        client
            .patch(&record("posts", POST_OF_BOB))
            .json(&json!({ "title": "Renamed" }))
            .await;
        client
            .patch(&record("users", ALICE))
            .json(&json!({ "bio": "Hello." }))
            .await;
        client.delete(&record("posts", POST_OF_BOB)).await;
        client
            .get("/api/collections/posts/records?nonsense=1")
            .await;
        client.get("/api/settings").await;
    }
}

fn as_superuser(stage: &Stage) -> Vec<Seen> {
    let seen: Vec<_> = stage
        .proxy
        .seen()
        .into_iter()
        .filter(is_superuser)
        .collect();
    assert!(!seen.is_empty(), "the schema at least is read with it");
    seen
}

fn is_superuser(seen: &Seen) -> bool {
    let claims = seen
        .header("Authorization")
        .and_then(|token| token.split('.').nth(1))
        .map(|claims| {
            let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64");
            serde_json::from_slice::<Value>(&claims).expect("JSON")
        });
    claims.is_some_and(|claims| claims["collectionId"] == "pbc_3142635823")
}

fn path(seen: &Seen) -> String {
    seen.line().split('?').next().unwrap_or_default().to_owned()
}

/// Without spaces.
fn filter(seen: &Seen) -> String {
    let query = seen.target.split_once('?').map_or("", |(_, query)| query);
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let filter = pairs.find(|(key, _)| key == "filter");
    filter.map_or_else(String::new, |(_, filter)| filter.replace(' ', ""))
}
