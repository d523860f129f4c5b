//! Which calls carry the gateway's own credential.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hapta_tests::demo::{ALICE, POST_OF_ALICE, POST_OF_BOB, record, records};
use hapta_tests::live::{Listener, QUIET};
use hapta_tests::{PocketBase, Seen, Setup, Stage, eventually};
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

#[tokio::test]
async fn watching_takes_it_for_the_accounts_of_those_who_listen_and_nothing_more() {
    let stage = Stage::open().await;
    let users = id_of(&stage, "users").await;
    let guest = Listener::to(&stage.guest(), &["posts/*"]).await;
    write(&stage).await;
    assert!(listens(&stage).is_empty(), "a guest has no account");
    let mut alice = Listener::to(&stage.log_in("alice").await, &["posts/*", "users/*"]).await;
    let accounts = [vec![format!("{users}/*")]];
    assert_eq!(listens(&stage), accounts);
    let _bob = Listener::to(&stage.log_in("bob").await, &["comments/*"]).await;
    write(&stage).await;
    assert_eq!(listens(&stage), accounts, "one is for all");
    drop(guest);
    // A connection that takes the place of another is no other.
    stage.proxy.cut();
    alice.resync().await;
    let again = async || (listens(&stage).len() == 2).then_some(());
    eventually("accounts are watched again", again).await;
    assert_eq!(listens(&stage)[1..], accounts);
}

#[tokio::test]
async fn a_feed_takes_it_for_the_collections_that_are_watched_too() {
    let pocketbase = PocketBase::start().await;
    let feed = |gateway: Setup| {
        let gateway = gateway.open("users").open("posts").open("comments");
        gateway.also("[live]\nmode = \"feed\"")
    };
    let stage = Stage::before(pocketbase, feed).await;
    let (users, posts) = (id_of(&stage, "users").await, id_of(&stage, "posts").await);
    let _guest = Listener::to(&stage.guest(), &["posts/*"]).await;
    let _one = Listener::to(&stage.guest(), &["POSTS/abc"]).await;
    let watched = vec![format!("{posts}/*")];
    assert_eq!(listens(&stage), std::slice::from_ref(&watched));
    let _alice = Listener::to(&stage.log_in("alice").await, &["posts/*"]).await;
    write(&stage).await;
    let accounts = vec![format!("{users}/*")];
    assert_eq!(listens(&stage), [watched, accounts]);
}

/// What the gateway itself listens to, by each question in turn; it asks nothing else beside the start-up's.
#[track_caller]
fn listens(stage: &Stage) -> Vec<Vec<String>> {
    let seen = stage.proxy.seen();
    let opened = seen.iter().filter(|seen| path(seen) == "GET /api/realtime");
    for seen in opened {
        assert_eq!(seen.header("Authorization"), None);
    }
    let mut listens = Vec::new();
    for seen in as_superuser(stage) {
        if seen.line() == "POST /api/realtime" {
            let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
            let topics = body["subscriptions"].clone();
            listens.push(serde_json::from_value(topics).expect("a list of topics"));
        } else {
            assert!(AT_START.contains(&path(&seen).as_str()), "{}", seen.line());
        }
    }
    listens
}

/// Writes past the gateway, fast enough that what comes is to be looked up.
async fn write(stage: &Stage) {
    let superuser = stage.pocketbase.superuser().await;
    let post = json!({ "title": "New", "author": ALICE, "status": "published" });
    let made = superuser
        .post(&records("posts"))
        .json(&post)
        .await
        .expect(200);
    let target = record("posts", made["id"].as_str().expect("an id"));
    for round in 0..5 {
        let title = json!({ "title": round.to_string() });
        superuser.patch(&target).json(&title).await.expect(200);
    }
    superuser.delete(&target).await.expect(204);
    let bio = json!({ "bio": "Hello." });
    superuser
        .patch(&record("users", ALICE))
        .json(&bio)
        .await
        .expect(200);
    tokio::time::sleep(QUIET).await;
}

async fn id_of(stage: &Stage, collection: &str) -> String {
    let superuser = stage.pocketbase.superuser().await;
    let call = superuser.get(&format!("/api/collections/{collection}"));
    call.await.expect(200)["id"]
        .as_str()
        .expect("an id")
        .to_owned()
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
