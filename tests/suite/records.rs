//! Records through the gateway are the records of PocketBase.

use hapta_tests::demo::{
    ALICE, COMMENT_OF_BOB, POST_OF_ALICE, POST_OF_BOB, POSTS, record, records,
};
use hapta_tests::{Reply, Stage};
use serde_json::{Value, json};

#[tokio::test]
async fn a_read_through_the_gateway_is_a_read_of_pocketbase() {
    let stage = Stage::open().await;
    let posts = records("posts");
    let reads = [
        posts.clone(),
        format!("{posts}?page=2&perPage=2"),
        format!("{posts}?perPage=0"),
        format!("{posts}?perPage=5000"),
        format!("{posts}?skipTotal=1&perPage=1"),
        format!("{posts}?sort=-views,title"),
        format!("{posts}?filter=status%3D'draft'%20%26%26%20views%3C1"),
        format!("{posts}?filter=author.name%20~%20%22bob%22&sort=title"),
        format!("{posts}?expand=author&sort=id"),
        format!("{posts}?expand=comments_via_post.author&sort=id"),
        format!("{posts}?fields=id,title&sort=id"),
        format!("{posts}?fields=*,expand.author.name&expand=author&sort=id"),
        format!("{posts}?fields=content:excerpt(5,true)&sort=id"),
        record("posts", POST_OF_ALICE),
        format!("{}?expand=author", record("posts", POST_OF_ALICE)),
        format!("{}?fields=title", record("posts", POST_OF_ALICE)),
        record("comments", COMMENT_OF_BOB),
        records("users"),
        record("users", ALICE),
        "/api/collections/users/auth-methods".to_owned(),
        "/api/health".to_owned(),
    ];
    for read in &reads {
        let (through, direct) = (
            stage.guest().get(read).await,
            stage.direct().get(read).await,
        );
        assert_eq!(through.expect(200), direct.expect(200), "{read}");
    }
}

#[tokio::test]
async fn the_owner_of_an_account_sees_what_pocketbase_shows_the_owner() {
    let stage = Stage::open().await;
    let bob = stage.log_in("bob").await;
    let direct = stage.direct().with_token(bob.token());
    let target = format!("{}?sort=id", records("users"));
    let (through, direct) = (
        bob.get(&target).await.expect(200),
        direct.get(&target).await.expect(200),
    );
    assert_eq!(through, direct);
    assert_eq!(through["items"][1]["email"], "bob@example.com");
}

#[tokio::test]
async fn errors_of_pocketbase_come_back_as_they_are() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let direct = stage.direct().with_token(alice.token());
    let missing = record("posts", "missing00000000");
    same(404, &alice.get(&missing).await, &direct.get(&missing).await);
    same(
        404,
        &alice.delete(&missing).await,
        &direct.delete(&missing).await,
    );
    let untitled = json!({ "title": "" });
    let posts = records("posts");
    let (through, itself) = (
        alice.post(&posts).json(&untitled).await,
        direct.post(&posts).json(&untitled).await,
    );
    same(400, &through, &itself);
    assert_eq!(
        through.json()["data"]["title"]["code"],
        "validation_required"
    );
    let guest = json!({ "title": "of a guest" });
    same(
        400,
        &stage.guest().post(&posts).json(&guest).await,
        &stage.direct().post(&posts).json(&guest).await,
    );
}

#[tokio::test]
async fn what_is_created_through_the_gateway_is_in_pocketbase() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let post = json!({ "title": "New", "author": ALICE, "status": "draft", "views": 7.5, "tags": ["a", { "b": null }] });
    let created = alice.post(&records("posts")).json(&post).await.expect(200);
    for (field, value) in post.as_object().expect("an object") {
        assert_eq!(&created[field], value);
    }
    assert_eq!(stored(&stage, &created).await, created);
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let target = record("posts", POST_OF_ALICE);
    let before = alice.get(&target).await.expect(200);
    let updated = alice
        .patch(&target)
        .json(&json!({ "title": "Renamed", "views+": 2 }))
        .await
        .expect(200);
    let mut expected = before.clone();
    expected["title"] = "Renamed".into();
    expected["views"] = 5.into();
    expected["updated"] = updated["updated"].clone();
    assert_eq!(updated, expected);
    assert_eq!(stored(&stage, &updated).await, updated);
}

#[tokio::test]
async fn what_is_deleted_through_the_gateway_is_gone() {
    let stage = Stage::open().await;
    let bob = stage.log_in("bob").await;
    let target = record("posts", POST_OF_BOB);
    let reply = bob.delete(&target).await;
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    stage.direct().get(&target).await.refused(404);
    assert_eq!(
        stage.guest().get(&records("posts")).await.expect(200)["totalItems"],
        POSTS - 1
    );
}

#[tokio::test]
async fn a_write_expands_and_picks_fields_as_a_read_does() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let target = format!(
        "{}?expand=author&fields=id,expand.author.name",
        record("posts", POST_OF_ALICE)
    );
    let updated = alice
        .patch(&target)
        .json(&json!({ "title": "Renamed" }))
        .await
        .expect(200);
    assert_eq!(
        updated,
        json!({ "id": POST_OF_ALICE, "expand": { "author": { "name": "alice" } } })
    );
}

#[tokio::test]
async fn a_login_through_the_gateway_is_a_login_of_pocketbase() {
    let stage = Stage::open().await;
    let alice = stage.guest().log_in("alice").await;
    let refreshed = alice
        .post("/api/collections/users/auth-refresh")
        .await
        .expect(200);
    assert_eq!(refreshed["record"]["email"], "alice@example.com");
    let again = stage
        .direct()
        .with_token(refreshed["token"].as_str().expect("a token"));
    again
        .post("/api/collections/users/auth-refresh")
        .await
        .expect(200);
    let wrong = json!({ "identity": "alice@example.com", "password": "wrong" });
    let login = "/api/collections/users/auth-with-password";
    same(
        400,
        &stage.guest().post(login).json(&wrong).await,
        &stage.direct().post(login).json(&wrong).await,
    );
}

#[track_caller]
fn same(status: u16, through: &Reply, direct: &Reply) {
    assert_eq!(through.expect(status), direct.expect(status));
}

/// The record as PocketBase itself shows it to a guest.
async fn stored(stage: &Stage, answer: &Value) -> Value {
    let id = answer["id"].as_str().expect("an id");
    stage.direct().get(&record("posts", id)).await.expect(200)
}
