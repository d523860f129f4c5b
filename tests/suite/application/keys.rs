//! Applications have keys: who has none can't do what needs one.

use std::fs;

use hapta_tests::demo::{ALICE, POST_OF_ALICE, record, records};
use hapta_tests::{Client, Setup, Stage, eventually};
use serde_json::{Value, json};

use super::{lines, open, refused};

const KEY: &str = "k7Qd9xZrT3mWv5Ye";
const NEWER: &str = "Lw8Rb2NcXf6Hj1Us";

const REQUIRED: &str = "[application]\nkeys = \"required\"";

/// With a key each for two applications.
fn keyed(gateway: Setup, settings: &str) -> Setup {
    let keys = format!("web:{KEY},phone:{NEWER}");
    open(gateway, settings).environment(|own| own.app_keys = Some(keys))
}

fn post() -> Value {
    json!({ "title": "From an application", "author": ALICE, "status": "draft" })
}

#[tokio::test]
async fn who_has_no_key_of_an_application_can_do_nothing() {
    let stage = Stage::with(|gateway| keyed(gateway, REQUIRED)).await;
    let alice = stage.log_in("alice").await;
    stage.proxy.take();
    let batch =
        json!({ "requests": [{ "method": "POST", "url": records("posts"), "body": post() }] });
    let calls = |client: &Client| {
        [
            client.get(&records("posts")),
            client.post(&records("posts")).json(&post()),
            client.delete(&record("posts", POST_OF_ALICE)),
            client.post("/api/batch").json(&batch),
            client.authenticate("users", "alice@example.com"),
            client.post("/api/collections/users/auth-refresh"),
            client.post("/api/files/token"),
            client
                .post("/api/realtime")
                .json(&json!({ "clientId": "x" })),
        ]
    };
    for wrong in [
        "",
        "wrong",
        &KEY[1..],
        &format!("web:{KEY}"),
        &KEY.to_lowercase(),
    ] {
        for call in calls(&alice) {
            let reply = call.header("X-Hapta-Key", wrong).await;
            assert_eq!(reply.code(403), "application_key", "{wrong}");
        }
    }
    for call in calls(&alice) {
        assert_eq!(call.await.code(403), "application_key");
    }
    let twice = [("X-Hapta-Key", KEY), ("X-Hapta-Key", KEY)];
    let reply = alice
        .raw(&format!("GET {}", records("posts")), &twice, "")
        .await;
    assert_eq!(reply.code(403), "application_key");
    assert_eq!(stage.proxy.take().len(), 0);
    assert_eq!(refused(&stage.gateway, "application_key").await, Some(49.0));
    let told = lines(&stage.gateway, "security.log", 49).await;
    assert!(told.iter().all(|line| line["event"] == "application"));
    for log in ["security.log", "decisions.log"] {
        let text = fs::read_to_string(stage.gateway.folder().join(log)).expect("a log");
        assert!(!text.contains(&KEY[1..]));
    }
}

#[tokio::test]
async fn the_log_names_the_application_and_nobody_behind_sees_its_key() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule("probe").judged("comments", &["probe"]);
        let gateway = gateway.open("users").open("posts").also(super::SECURITY);
        let keys = format!("web:{KEY},phone:{NEWER}");
        gateway
            .also(REQUIRED)
            .environment(|own| own.app_keys = Some(keys))
    })
    .await;
    let guest = stage.guest();
    for key in [KEY, NEWER] {
        let call = guest.get(&records("posts")).header("X-Hapta-Key", key);
        call.await.expect(200);
    }
    let probed = guest.get(&records("comments")).header("X-Hapta-Key", KEY);
    let probed = probed.await.probed();
    assert!(!probed.to_string().contains(KEY), "{probed}");
    for seen in stage.proxy.take() {
        assert!(!format!("{seen:?}").contains(KEY));
    }
    let told = lines(&stage.gateway, "decisions.log", 3).await;
    let names: Vec<_> = told.iter().map(|line| &line["application"]).collect();
    assert_eq!(names, ["web", "phone", "web"]);
}

#[tokio::test]
async fn what_browsers_ask_for_by_themselves_needs_no_key() {
    let stage = Stage::with(|gateway| keyed(gateway, REQUIRED)).await;
    let guest = stage.guest();
    for (target, status) in [
        ("/api/health", 200),
        ("/api/oauth2-redirect?state=s&code=c", 307),
        ("/_/", 200),
        ("/api/files/posts/post00000000100/none.png", 404),
    ] {
        assert_eq!(guest.get(target).await.status, status, "{target}");
    }
    let mut stream = guest.get("/api/realtime").stream().await;
    stream.event().await.expect("the stream's greeting");
    // The page for the links in mails has no key, and shows the token of the mail.
    let confirm = guest
        .post("/api/collections/users/confirm-verification")
        .json(&json!({ "token": "none" }));
    confirm.await.refused(400);
    // A wrong one is wrong wherever it is sent.
    let wrong = guest.get("/api/health").header("X-Hapta-Key", "wrong");
    assert_eq!(wrong.await.code(403), "application_key");
}

#[tokio::test]
async fn only_what_is_named_needs_a_key_and_there_is_no_way_around() {
    let settings = format!("{REQUIRED}\noperations = [\"create\"]");
    let stage = Stage::with(|gateway| keyed(gateway, &settings)).await;
    let alice = stage.guest().log_in("alice").await;
    alice.get(&records("posts")).await.expect(200);
    let title = json!({ "title": "Changed" });
    let update = alice.patch(&record("posts", POST_OF_ALICE)).json(&title);
    update.await.expect(200);
    let create = || alice.post(&records("posts")).json(&post());
    assert_eq!(create().await.code(403), "application_key");
    create().header("X-Hapta-Key", KEY).await.expect(200);
    for method in ["POST", "PUT"] {
        let part = json!({ "method": method, "url": records("posts"), "body": post() });
        let batch = json!({ "requests": [part] });
        let batch = alice.post("/api/batch").json(&batch);
        assert_eq!(batch.await.code(403), "application_key");
    }
    let oauth2 = alice
        .post("/api/collections/users/auth-with-oauth2")
        .json(&json!({ "provider": "oidc", "code": "c", "codeVerifier": "v", "redirectURL": "u" }));
    assert_eq!(oauth2.await.code(403), "application_key");
}

#[tokio::test]
async fn keys_are_changed_while_the_gateway_runs() {
    let stage = Stage::with(|gateway| {
        fs::write(gateway.folder().join("keys"), format!("web:{KEY}\n")).expect("writes");
        open(gateway, &format!("{REQUIRED}\nkeys_file = \"keys\""))
    })
    .await;
    let with = async |key: &str| {
        let call = stage.guest().get(&records("posts"));
        call.header("X-Hapta-Key", key).await.status
    };
    assert_eq!((with(KEY).await, with(NEWER).await), (200, 403));
    let file = stage.gateway.folder().join("keys");
    fs::write(&file, format!("web:{KEY}\nweb:{NEWER}\n")).expect("writes");
    let both = async || ((with(KEY).await, with(NEWER).await) == (200, 200)).then_some(());
    eventually("both are good", both).await;
    fs::write(&file, format!("web:{NEWER}\n")).expect("writes");
    let newer = async || ((with(KEY).await, with(NEWER).await) == (403, 200)).then_some(());
    eventually("the old one is good no more", newer).await;
    // What is no key changes nothing.
    fs::write(&file, "web:brief\n").expect("writes");
    let told = async || stage.gateway.rejected().await;
    let problem = eventually("it is refused", told).await;
    assert!(problem.contains("application.keys_file"), "{problem}");
    assert_eq!(with(NEWER).await, 200);
}

#[tokio::test]
async fn a_gateway_without_keys_does_not_ask_for_any() {
    let stage = Stage::with(|gateway| open(gateway, "")).await;
    let call = stage.guest().get(&records("posts"));
    call.header("X-Hapta-Key", "anything").await.expect(200);
    let none = Stage::open().await;
    let setup = Setup::before(none.proxy.address()).also(REQUIRED);
    let problem = setup.try_start().await.expect_err("it is refused");
    assert!(problem.contains("there are no keys"), "{problem}");
}
