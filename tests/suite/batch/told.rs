//! What a batch leaves behind: in the log, in sessions, and when whoever sent it is gone.

use hapta_tests::albums::{self, ALBUMS};
use hapta_tests::demo::{ALICE, PASSWORD, record, records};
use hapta_tests::eventually;
use serde_json::{Value, json};

use super::{FIRST, batch, create, refused, update};

const FILES: &str = "[log]\ndecisions = \"decisions.log\"";

#[tokio::test]
async fn one_line_tells_of_all_parts_and_of_no_secret() {
    let secret = "a-secret-of-a-batch";
    let stage = albums::stage(|gateway| {
        let gateway = gateway.rule("noter").rule("deny_all");
        gateway
            .open("users")
            .judged(ALBUMS, &["noter"])
            .judged("posts", &["deny_all"])
            .also(FILES)
    })
    .await;
    let account = json!({
        "email": "batch@example.com", "password": secret, "passwordConfirm": secret,
    });
    let parts = [
        create(ALBUMS, &json!({ "title": "one" })),
        create("users", &account),
        create("posts", &json!({ "title": secret })),
        create(ALBUMS, &json!({ "title": "never looked at" })),
    ];
    let reply = batch(&stage.guest(), &parts).await;
    refused(&reply, 2);
    let file = stage.gateway.folder().join("decisions.log");
    let lines = eventually("a line", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.ends_with('\n').then_some(text)
    })
    .await;
    assert!(!lines.contains(secret), "{lines}");
    let line: Value = serde_json::from_str(lines.trim()).expect("one line");
    assert_eq!(
        (&line["operation"], &line["verdict"], &line["rule"]),
        (&json!("batch"), &json!("denied"), &json!("deny_all")),
        "{line}"
    );
    let asked = json!([
        "albums:create",
        "users:create",
        "posts:create",
        "albums:create"
    ]);
    assert_eq!(line["operation.parts"], asked, "{line}");
    assert_eq!(
        (&line["status"], &line["code"]),
        (&json!(400), &json!("deny_all"))
    );
    assert_eq!(line["notes"][0]["value"], "noted", "{line}");
    let cause = line["cause"].as_str().expect("a cause");
    assert!(cause.starts_with("request 2 of the batch: "), "{line}");
}

#[tokio::test]
async fn what_is_secret_in_one_part_is_so_in_what_is_said_of_another() {
    let secret = "a-secret-of-a-batch";
    let stage = albums::stage(|gateway| albums::open(gateway).also(FILES)).await;
    let account = json!({
        "email": "batch@example.com", "password": secret, "passwordConfirm": secret,
    });
    let parts = [
        create("users", &account),
        create(ALBUMS, &json!({ secret: 1 })),
    ];
    refused(&batch(&stage.guest(), &parts).await, 1);
    let file = stage.gateway.folder().join("decisions.log");
    let line = eventually("a line", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.ends_with('\n').then_some(text)
    });
    let line = line.await;
    assert!(!line.contains(secret), "{line}");
    let cause = "request 1 of the batch: the collection albums has no field for the key";
    assert!(line.contains(cause), "{line}");
}

#[tokio::test]
async fn a_password_that_is_changed_in_a_batch_ends_its_sessions_at_once() {
    let stage =
        albums::stage(|gateway| albums::open(gateway).also("[sessions]\nverified_for = \"1h\""))
            .await;
    let alice = stage.log_in("alice").await;
    let posts = records("posts");
    alice.get(&posts).await.expect(200);
    let changed = json!({
        "oldPassword": PASSWORD, "password": "another-password", "passwordConfirm": "another-password",
    });
    let parts = [create(ALBUMS, &json!({})), update("users", ALICE, &changed)];
    batch(&alice, &parts).await.expect(200);
    assert_eq!(alice.get(&posts).await.code(401), "token_invalid");
}

#[tokio::test]
async fn a_sign_up_that_is_to_tell_nothing_is_no_part_of_a_batch() {
    let stage = albums::stage(|gateway| {
        let gateway = gateway.open("users").open(ALBUMS);
        gateway.also("[logins]\ntaken_email = \"conceal\"")
    })
    .await;
    for email in ["alice@example.com", "nobody@example.com"] {
        let account = json!({
            "email": email, "password": PASSWORD, "passwordConfirm": PASSWORD,
        });
        let parts = [create(ALBUMS, &json!({})), create("users", &account)];
        let reply = batch(&stage.guest(), &parts).await;
        let response = refused(&reply, 1);
        assert_eq!(response["data"]["@gateway"]["code"], "sign_up_in_batch");
    }
    let parts = [create(ALBUMS, &json!({}))];
    batch(&stage.guest(), &parts).await.expect(200);
}

#[tokio::test]
async fn a_write_goes_on_to_its_end_and_holds_its_record_though_nobody_waits() {
    let stage = albums::stage(albums::open).await;
    let album = json!({ "id": FIRST, "title": "before" });
    let made = stage.direct().post(&records(ALBUMS)).json(&album);
    made.await.expect(200);
    let held = stage.proxy.hold(&record(ALBUMS, FIRST));
    let guest = stage.guest();
    let write = |title: &str| {
        guest
            .patch(&record(ALBUMS, FIRST))
            .json(&json!({ "title": title }))
    };
    let gone = tokio::spawn(write("of one who went").into_future());
    stage.proxy.arrived(&record(ALBUMS, FIRST)).await;
    gone.abort();
    let next = tokio::spawn(write("of the next").into_future());
    let waits = eventually("the next to wait", async || {
        let waiting = stage.gateway.metric("hapta_writes_waiting").await;
        (waiting == Some(1.0)).then_some(())
    });
    waits.await;
    drop(held);
    next.await.expect("no panic").expect(200);
    let stored = stage.direct().get(&record(ALBUMS, FIRST)).await.expect(200);
    assert_eq!(stored["title"], "of the next");
    eventually("nothing to be locked", async || {
        let locked = stage.gateway.metric("hapta_records_locked").await;
        (locked == Some(0.0)).then_some(())
    })
    .await;
}
