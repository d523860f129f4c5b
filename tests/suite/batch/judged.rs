//! Each part judged as the request that it is.

use hapta_tests::albums::{self, ALBUMS, PNG};
use hapta_tests::demo::{ALICE, POST_OF_ALICE, POST_OF_BOB, record, records};
use hapta_tests::{Form, Reply, Setup, Stage};
use serde_json::{Value, json};
use toml::Table;

use super::{
    BATCH, FIRST, albums_of, batch, create, delete, no_batch_reached, put, refused, update,
};

async fn stage(set_up: impl FnOnce(Setup) -> Setup) -> Stage {
    let stage = albums::stage(|gateway| set_up(gateway.open("users"))).await;
    stage.proxy.take();
    stage
}

/// Albums under `probe`, posts under PocketBase's own rules.
async fn probed(settings: Value) -> Stage {
    stage(|gateway| {
        gateway
            .rule_with("probe", &settings)
            .judged(ALBUMS, &["probe"])
            .open("posts")
    })
    .await
}

/// What `probe` saw of a part.
#[track_caller]
fn seen(reply: &Reply, part: usize) -> Value {
    let response = refused(reply, part);
    assert_eq!(response["status"], 418, "{response}");
    serde_json::from_str(response["message"].as_str().expect("a message")).expect("JSON")
}

#[tokio::test]
async fn a_rule_sees_a_part_as_a_request_with_a_place() {
    let stage = probed(json!({})).await;
    let alice = stage.log_in("alice").await;
    let post = create("posts", &json!({ "title": "x" }));
    stage
        .direct()
        .post(&records(ALBUMS))
        .json(&json!({ "id": FIRST }))
        .await
        .expect(200);
    let cases = [
        (
            create(ALBUMS, &json!({ "title": "007" })),
            "create",
            Value::Null,
            json!({ "title": "007" }),
        ),
        (
            update(ALBUMS, FIRST, &json!({ "plays+": 1 })),
            "update",
            json!(FIRST),
            json!({ "plays+": 1 }),
        ),
        (delete(ALBUMS, FIRST), "delete", json!(FIRST), Value::Null),
        // Which of the two it is, is found out before the rule is asked.
        (
            put(ALBUMS, &json!({ "title": "x" })),
            "create",
            Value::Null,
            json!({ "title": "x" }),
        ),
        (
            put(ALBUMS, &json!({ "id": "album0000000009" })),
            "create",
            Value::Null,
            json!({ "id": "album0000000009" }),
        ),
        (
            put(ALBUMS, &json!({ "id": FIRST, "plays": 1 })),
            "update",
            json!(FIRST),
            json!({ "plays": 1 }),
        ),
    ];
    for (part, operation, id, body) in cases {
        let told = seen(&batch(&alice, &[post.clone(), part.clone()]).await, 1);
        assert_eq!(told["batch_index"], 1);
        assert_eq!(
            json!([told["operation"], told["record_id"]]),
            json!([operation, id]),
            "{part}"
        );
        assert_eq!(told["principal"]["id"], ALICE);
        let mut known = told["body"].clone();
        if operation == "update" && part["method"] == "PUT" {
            // The id says which record it is; whether it stays in the body tells a rule nothing more.
            known.as_object_mut().expect("an object").remove("id");
        }
        assert_eq!(known, body, "{part}");
        no_batch_reached(&stage);
    }
}

#[tokio::test]
async fn a_rule_s_refusal_of_a_part_ends_all() {
    let stage = stage(|gateway| {
        gateway
            .rule("deny_all")
            .judged("posts", &["deny_all"])
            .open(ALBUMS)
    })
    .await;
    let parts = [
        create(ALBUMS, &json!({})),
        create("posts", &json!({ "title": "x" })),
        create(ALBUMS, &json!({})),
    ];
    let response = refused(&batch(&stage.guest(), &parts).await, 1);
    assert_eq!(response["status"], 403);
    assert_eq!(response["data"]["@rule"]["code"], "deny_all");
    no_batch_reached(&stage);
    assert_eq!(albums_of(&stage.pocketbase).await, 0);
}

#[tokio::test]
async fn what_is_not_exposed_is_in_no_batch() {
    let stage = stage(|gateway| gateway.open(ALBUMS)).await;
    let parts = [
        create(ALBUMS, &json!({})),
        create("posts", &json!({ "title": "x" })),
    ];
    let alone = stage
        .guest()
        .post(&records("posts"))
        .json(&json!({ "title": "x" }))
        .await;
    let response = refused(&batch(&stage.guest(), &parts).await, 1);
    assert_eq!(response["status"], alone.status);
    assert_eq!(response["data"], alone.json()["data"]);
    no_batch_reached(&stage);
}

#[tokio::test]
async fn a_rule_edits_each_part() {
    let stage = stage(|gateway| {
        gateway
            .rule("editor")
            .judged(ALBUMS, &["editor"])
            .open("posts")
    })
    .await;
    let alice = stage.log_in("alice").await;
    let parts = [
        create(ALBUMS, &json!({ "title": "mine" })),
        create("posts", &json!({ "title": "mine" })),
        create(ALBUMS, &json!({ "plays": 7 })),
    ];
    let form =
        Form::new()
            .payload(&json!({ "requests": parts }))
            .file("requests.2.scan", "a.png", PNG);
    let replies = [
        batch(&alice, &parts).await,
        alice.post(BATCH).form(form).await,
    ];
    for reply in replies {
        let answers = reply.expect(200);
        let titles: Vec<_> = (0..3).map(|part| &answers[part]["body"]["title"]).collect();
        assert_eq!(titles, ["edited", "mine", "edited"]);
        assert_eq!(answers[2]["body"]["plays"], 7);
    }
}

#[tokio::test]
async fn every_answer_is_revealed() {
    let hide = json!({ "fields": ["title"] });
    let stage = stage(|gateway| {
        gateway
            .rule_with("hide_field", &hide)
            .judged(ALBUMS, &["hide_field"])
            .open("posts")
    })
    .await;
    let alice = stage.log_in("alice").await;
    let parts = [
        create(ALBUMS, &json!({ "id": FIRST, "title": "x" })),
        create("posts", &json!({ "title": "x" })),
        update(ALBUMS, FIRST, &json!({})),
        put(ALBUMS, &json!({ "id": FIRST, "plays": 1 })),
        delete(ALBUMS, FIRST),
        put(ALBUMS, &json!({ "title": "y" })),
    ];
    let answers = batch(&alice, &parts).await.expect(200);
    for (part, answer) in answers.as_array().expect("a list").iter().enumerate() {
        let is_told = answer["body"].get("title").is_some();
        assert_eq!(is_told, part == 1, "{answer}");
    }
    assert_eq!(answers[4], json!({ "status": 204, "body": null }));
}

#[tokio::test]
async fn what_may_not_be_seen_is_written_all_the_same() {
    let drop = json!({ "field": "title", "value": "hidden" });
    let stage = stage(|gateway| {
        gateway
            .rule_with("drop_records", &drop)
            .judged(ALBUMS, &["drop_records"])
    })
    .await;
    let parts = [
        create(ALBUMS, &json!({ "title": "hidden" })),
        create(ALBUMS, &json!({ "title": "shown" })),
    ];
    let answers = batch(&stage.guest(), &parts).await.expect(200);
    assert_eq!(answers[1]["body"]["title"], "shown");
    let body = &answers[0]["body"];
    assert_eq!(answers[0]["status"], 200);
    assert!(body.get("title").is_none(), "{body}");
    assert_eq!(body["@rule"]["written"], true, "{body}");
    assert_eq!(albums_of(&stage.pocketbase).await, 2);
}

#[tokio::test]
async fn a_file_of_a_part_is_that_part_s_rule_s_to_judge() {
    let stage = probed(json!({})).await;
    let alice = stage.log_in("alice").await;
    let parts = [
        create("posts", &json!({ "title": "x" })),
        create(ALBUMS, &json!({ "title": "y" })),
    ];
    let form = Form::new()
        .file("requests.0.cover", "front.png", PNG)
        .file("requests[1].photos+", "a.txt", PNG)
        .payload(&json!({ "requests": parts }));
    let told = seen(&alice.post(BATCH).form(form).await, 1);
    let expected = json!([{ "field": "photos", "name": "a.txt", "size": PNG.len(), "media_type": "image/png" }]);
    assert_eq!(told["uploads"], expected);
    no_batch_reached(&stage);
}

#[tokio::test]
async fn the_stored_record_is_asked_for_only_where_no_earlier_part_touches_it() {
    let stage = stage(|gateway| {
        gateway
            .rule("stored_reader")
            .judged("posts", &["stored_reader"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    let own = |title: &str| update("posts", POST_OF_ALICE, &json!({ "title": title }));
    let answers = batch(&alice, &[own("once")]).await.expect(200);
    assert_eq!(answers[0]["body"]["title"], "once");
    // It would be judged by what it was before the first part.
    let give_away = update(
        "posts",
        POST_OF_ALICE,
        &json!({ "author": "bob000000000000" }),
    );
    for parts in [
        [give_away, own("twice")],
        [own("twice"), delete("posts", POST_OF_ALICE)],
        [
            own("twice"),
            put("posts", &json!({ "id": POST_OF_ALICE, "title": "thrice" })),
        ],
    ] {
        stage.proxy.take();
        refused(&batch(&alice, &parts).await, 1);
        no_batch_reached(&stage);
    }
    let other = refused(
        &batch(
            &alice,
            &[own("twice"), update("posts", POST_OF_BOB, &json!({}))],
        )
        .await,
        1,
    );
    assert_eq!(other["data"]["@rule"]["code"], "not_owner");
    let title = stage
        .direct()
        .get(&record("posts", POST_OF_ALICE))
        .await
        .expect(200)["title"]
        .clone();
    assert_eq!(title, "once");
}

/// What a rule of `posts` that asks so is told in a batch after an album of this id is made: nothing, or its answer.
async fn asked_after_an_album(settings: Value) -> Value {
    let entry = json!({
        "grants": ["hapta:rule/records"], "reads": [ALBUMS, "comments"], "settings": settings,
    });
    let entry = Table::try_from(entry).expect("an entry that TOML can say");
    let stage = stage(|gateway| {
        gateway
            .open(ALBUMS)
            .rule_entry("reader", "reader", entry)
            .judged("posts", &["reader"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    let post = create("posts", &json!({ "title": "x" }));
    let alone = refused(&batch(&alice, std::slice::from_ref(&post)).await, 0);
    assert_eq!(alone["status"], 418, "{settings}: {alone}");
    let album = create(ALBUMS, &json!({ "id": FIRST }));
    refused(&batch(&alice, &[album, post]).await, 1)
}

#[tokio::test]
async fn nothing_that_may_be_changed_by_an_earlier_part_can_be_asked_about() {
    let chained = [
        json!({ "collection": ALBUMS, "id": FIRST, "as_gateway": true }),
        json!({ "collection": ALBUMS, "as_gateway": true }),
        // PocketBase's rules of this collection may go by albums.
        json!({ "collection": "comments" }),
        json!({ "collection": "comments", "id": "comment00000000" }),
    ];
    for settings in chained {
        let told = asked_after_an_album(settings.clone()).await;
        let code = &told["data"]["@gateway"]["code"];
        assert_eq!(code, "batch_chained", "{settings}: {told}");
    }
    for settings in [
        json!({ "collection": ALBUMS, "id": "album0000000009", "as_gateway": true }),
        json!({ "collection": "comments", "as_gateway": true }),
    ] {
        let told = asked_after_an_album(settings.clone()).await;
        assert_eq!(told["status"], 418, "{settings}: {told}");
    }
}

#[tokio::test]
async fn each_part_counts() {
    let entry = json!({ "grants": ["hapta:rule/counters"], "settings": { "records": 2 } });
    let entry = Table::try_from(entry).expect("an entry that TOML can say");
    let stage = stage(|gateway| {
        gateway
            .rule_entry("quota", "quota", entry)
            .judged("posts", &["quota"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    let post = create("posts", &json!({ "title": "x" }));
    let response = refused(&batch(&alice, &vec![post.clone(); 3]).await, 2);
    assert_eq!(response["status"], 429);
    assert_eq!(response["data"]["@rule"]["code"], "quota_used_up");
    no_batch_reached(&stage);
    // What is not done does not count, neither by the rule's own refusal nor by PocketBase's.
    let bad = create("posts", &json!({}));
    refused(&batch(&alice, &[post.clone(), bad]).await, 1);
    batch(&alice, &vec![post.clone(); 2]).await.expect(200);
    refused(&batch(&alice, &[post]).await, 0);
}

#[tokio::test]
async fn headers_of_a_part_are_nobody_s() {
    let stage = probed(json!({ "headers": ["x-in", "x-out"] })).await;
    let alice = stage.log_in("alice").await;
    let bob = stage.direct().log_in("bob").await;
    let mut part = create(ALBUMS, &json!({}));
    part["headers"] = json!({ "X-In": "1", "x-out": "2", "Authorization": bob.token(), "Content-Type": "text/plain" });
    let call = batch(&alice, &[part]).header("X-Out", "1");
    let told = seen(&call.await, 0);
    assert_eq!(told["headers"], json!({ "x-in": null, "x-out": "1" }));
    assert_eq!(told["principal"]["id"], ALICE);
}

#[tokio::test]
async fn a_header_that_is_named_comes_with_its_part() {
    let stage = stage(|gateway| {
        let settings = json!({ "headers": ["x-in"] });
        let gateway = gateway.rule_with("probe", &settings);
        gateway
            .judged(ALBUMS, &["probe"])
            .also("[batch]\nheaders = [\"X-In\"]")
    })
    .await;
    let mut part = create(ALBUMS, &json!({}));
    part["headers"] = json!({ "x-in": "of the part" });
    let call = batch(&stage.guest(), &[part]).header("X-In", "of the whole");
    assert_eq!(seen(&call.await, 0)["headers"]["x-in"], "of the part");
}

#[tokio::test]
async fn who_asks_is_found_out_once_for_all_parts() {
    let stage = stage(|gateway| gateway.open(ALBUMS)).await;
    let parts = [create(ALBUMS, &json!({}))];
    // PocketBase takes who brings a bad token for a guest.
    let nobody = stage.direct().with_token("a.bad.token");
    batch(&nobody, &parts).await.expect(200);
    let refused = batch(&stage.guest().with_token("a.bad.token"), &parts).await;
    refused.refused(401);
}
