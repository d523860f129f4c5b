//! Several writes at once, all of them or none.
//!
//! What a scenario here says is true of PocketBase itself and of the gateway before it.

/// Batches that bring files.
mod files;
/// Each part judged as the request that it is.
mod judged;
/// Writes to one record, one after another.
mod locks;
/// Batches that could be read in two ways, and parts that lead elsewhere.
mod strict;
/// What a batch leaves behind: in the log, in sessions, and when whoever sent it is gone.
mod told;

use hapta_tests::albums::{self, ALBUMS, Albums, PARTS, SLEEVES, VAULTS};
use hapta_tests::demo::{record, records};
use hapta_tests::{Call, Client, Reply, Stage};
use serde_json::{Value, json};

/// Where batches go.
const BATCH: &str = "/api/batch";

/// These parts as a batch.
fn batch(client: &Client, parts: &[Value]) -> Call {
    client.post(BATCH).json(&json!({ "requests": parts }))
}

/// A part that creates a record.
fn create(collection: &str, body: &Value) -> Value {
    json!({ "method": "POST", "url": records(collection), "body": body })
}

/// A part that creates a record, or updates the one of this id.
fn put(collection: &str, body: &Value) -> Value {
    json!({ "method": "PUT", "url": records(collection), "body": body })
}

/// A part that updates a record.
fn update(collection: &str, id: &str, body: &Value) -> Value {
    json!({ "method": "PATCH", "url": record(collection, id), "body": body })
}

/// A part that deletes a record.
fn delete(collection: &str, id: &str) -> Value {
    json!({ "method": "DELETE", "url": record(collection, id) })
}

/// The refusal of one part, and so of all: what that part would have been answered by itself.
#[track_caller]
fn refused(reply: &Reply, part: usize) -> Value {
    let error = reply.refused(400);
    assert_eq!(error["message"], "Batch transaction failed.", "{error}");
    let parts = error["data"]["requests"].as_object().expect("the parts");
    assert_eq!(parts.keys().collect::<Vec<_>>(), [&part.to_string()]);
    let fault = &parts[&part.to_string()];
    assert_eq!(fault["code"], "batch_request_failed", "{error}");
    assert_eq!(fault["message"], "Batch request failed.", "{error}");
    let response = &fault["response"];
    assert!(
        response["message"].is_string() && response["data"].is_object(),
        "{error}"
    );
    response.clone()
}

/// No batch has come to PocketBase since this was asked last.
#[track_caller]
fn no_batch_reached(stage: &Stage) {
    let reached = stage.proxy.take();
    assert!(
        reached.iter().all(|seen| seen.target != BATCH),
        "{reached:?}"
    );
}

/// How many albums there are, past any gateway.
async fn albums_of(pocketbase: &hapta_tests::PocketBase) -> u64 {
    let list = pocketbase.client().get(&records(ALBUMS)).await.expect(200);
    list["totalItems"].as_u64().expect("a number")
}

const FIRST: &str = "album0000000001";
const SECOND: &str = "album0000000002";

#[tokio::test]
async fn writes_are_done_and_answered_in_their_order() {
    Albums::everywhere(async |at| {
        let parts = [
            create(
                ALBUMS,
                &json!({ "id": FIRST, "title": "one", "plays": 1.5 }),
            ),
            update(ALBUMS, FIRST, &json!({ "title": "two", "plays+": 2 })),
            put(ALBUMS, &json!({ "id": SECOND, "title": "three" })),
            put(ALBUMS, &json!({ "id": FIRST, "title": "four" })),
            delete(ALBUMS, SECOND),
            put(ALBUMS, &json!({ "id": SECOND, "title": "five" })),
            put(ALBUMS, &json!({ "title": "007" })),
        ];
        let answers = batch(&at.guest(), &parts).await.expect(200);
        let told = |answer: &Value| {
            json!([
                answer["status"],
                answer["body"]["title"],
                answer["body"]["plays"]
            ])
        };
        let told: Vec<_> = answers
            .as_array()
            .expect("a list")
            .iter()
            .map(told)
            .collect();
        let expected = json!([
            [200, "one", 1.5],
            [200, "two", 3.5],
            [200, "three", 0],
            [200, "four", 3.5],
            [204, null, null],
            [200, "five", 0],
            [200, "007", 0],
        ]);
        assert_eq!(json!(told), expected);
        assert_eq!(answers[4], json!({ "status": 204, "body": null }));
        assert_eq!(answers[0]["body"]["collectionName"], ALBUMS);
        assert!(answers[0]["body"].get("secret").is_none());
        assert_eq!(albums_of(&at.pocketbase).await, 3);
        let alone = at.guest().get(&record(ALBUMS, FIRST)).await.expect(200);
        assert_eq!(answers[3]["body"], alone);
    })
    .await;
}

#[tokio::test]
async fn the_first_refusal_ends_all() {
    let too_long = json!({
        "title": {
            "code": "validation_max_text_constraint",
            "message": "Must be no more than 20 character(s).",
            "params": { "max": 20 },
        },
    });
    let superusers = "Only superusers can perform this action.";
    let missing = "The requested resource wasn't found.";
    let cases = [
        (
            create(ALBUMS, &json!({ "title": "x".repeat(21) })),
            400,
            "Failed to create record.",
            too_long,
        ),
        (
            create(SLEEVES, &json!({ "title": "no" })),
            400,
            "Failed to create record.",
            json!({}),
        ),
        (
            create(VAULTS, &json!({ "title": "x" })),
            403,
            superusers,
            json!({}),
        ),
        (
            put(VAULTS, &json!({ "title": "x" })),
            403,
            superusers,
            json!({}),
        ),
        (
            update(ALBUMS, SECOND, &json!({ "title": "x" })),
            404,
            missing,
            json!({}),
        ),
        (delete(ALBUMS, SECOND), 404, missing, json!({})),
    ];
    Albums::everywhere(async |at| {
        let good = create(ALBUMS, &json!({ "title": "good" }));
        for (part, status, message, data) in &cases {
            let reply = batch(&at.guest(), &[good.clone(), part.clone(), good.clone()]).await;
            let response = refused(&reply, 1);
            let expected = json!({ "status": status, "message": message, "data": data });
            assert_eq!(response, expected, "{part}");
            assert_eq!(albums_of(&at.pocketbase).await, 0, "{part}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_id_is_taken_once() {
    Albums::everywhere(async |at| {
        let one = create(ALBUMS, &json!({ "id": FIRST }));
        let reply = batch(&at.guest(), &[one.clone(), one.clone()]).await;
        assert_eq!(
            refused(&reply, 1)["data"]["id"]["code"],
            "validation_not_unique"
        );
        batch(&at.guest(), std::slice::from_ref(&one))
            .await
            .expect(200);
        let moved = update(ALBUMS, FIRST, &json!({ "id": SECOND }));
        let reply = batch(&at.guest(), &[moved]).await;
        assert_eq!(
            refused(&reply, 0)["data"]["id"]["code"],
            "validation_pk_change"
        );
    })
    .await;
}

#[tokio::test]
async fn a_superuser_s_batch_reaches_what_others_do_not() {
    Albums::everywhere(async |at| {
        let part = create(VAULTS, &json!({ "title": "gold" }));
        let answers = batch(&at.superuser().await, &[part]).await.expect(200);
        assert_eq!(answers[0]["body"]["title"], "gold");
    })
    .await;
}

#[tokio::test]
async fn a_part_says_what_it_wants_of_its_answer() {
    Albums::everywhere(async |at| {
        let alice = at.log_in("alice").await;
        let body = json!({ "title": "x", "author": hapta_tests::demo::ALICE });
        let mut part = create("posts", &body);
        part["url"] = json!(format!(
            "{}?fields=title,expand.author.name&expand=author",
            records("posts")
        ));
        let answers = batch(&alice, &[part, create(ALBUMS, &json!({ "title": "y" }))])
            .await
            .expect(200);
        let picked = json!({ "title": "x", "expand": { "author": { "name": "alice" } } });
        assert_eq!(answers[0], json!({ "status": 200, "body": picked }));
        assert_eq!(answers[1]["body"]["title"], "y");
        assert!(answers[1]["body"]["id"].is_string());
    })
    .await;
}

#[tokio::test]
async fn the_whole_says_what_it_wants_of_its_answer() {
    Albums::everywhere(async |at| {
        let body = json!({ "requests": [create(ALBUMS, &json!({ "title": "x" }))] });
        let call = at
            .guest()
            .post(&format!("{BATCH}?fields=status,body.title"))
            .json(&body);
        let expected = json!([{ "status": 200, "body": { "title": "x" } }]);
        assert_eq!(call.await.expect(200), expected);
    })
    .await;
}

#[tokio::test]
async fn a_batch_has_parts_and_not_too_many() {
    Albums::everywhere(async |at| {
        let part = create(ALBUMS, &json!({}));
        let guest = at.guest();
        batch(&guest, &vec![part.clone(); PARTS]).await.expect(200);
        let too_many = batch(&guest, &vec![part; PARTS + 1]).await.refused(400);
        let fault = &too_many["data"]["requests"];
        assert_eq!(fault["code"], "validation_length_too_long", "{too_many}");
        assert_eq!(fault["params"]["max"], PARTS);
        for body in [
            json!({ "requests": [] }),
            json!({}),
            json!({ "requests": null }),
        ] {
            let none = guest.post(BATCH).json(&body).await.refused(400);
            assert_eq!(none["message"], "Invalid batch request data.");
            let expected = json!({ "code": "validation_required", "message": "Cannot be blank." });
            assert_eq!(none["data"], json!({ "requests": expected }));
        }
        assert_eq!(albums_of(&at.pocketbase).await, PARTS as u64);
    })
    .await;
}

#[tokio::test]
async fn where_pocketbase_takes_no_batches_none_is_taken() {
    Albums::everywhere(async |at| {
        albums::take_batches(&at.pocketbase, 0).await;
        let error = batch(&at.guest(), &[create(ALBUMS, &json!({}))])
            .await
            .refused(403);
        assert_eq!(error["message"], "Batch requests are not allowed.");
    })
    .await;
}
