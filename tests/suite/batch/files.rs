//! Batches that bring files.

use hapta_tests::albums::{self, ALBUMS, Albums, LARGEST, PNG};
use hapta_tests::demo::records;
use hapta_tests::{Form, Stage};
use serde_json::{Value, json};

use super::{BATCH, FIRST, albums_of, create, delete, no_batch_reached, put, refused, update};

fn form(parts: &[Value]) -> Form {
    Form::new().payload(&json!({ "requests": parts }))
}

/// What the names of files begin with.
fn stems(names: &Value) -> Vec<String> {
    let names = names.as_array().expect("a list of names").iter();
    let stem = |name: &Value| name.as_str().expect("a name").chars().take(3).collect();
    names.map(stem).collect()
}

#[tokio::test]
async fn each_part_has_its_files() {
    Albums::everywhere(async |at| {
        let parts = [
            create(ALBUMS, &json!({ "title": "one" })),
            create(ALBUMS, &json!({ "title": "two" })),
        ];
        let forms = [
            form(&parts)
                .file("requests.0.cover", "a.png", PNG)
                .file("requests.1.photos", "one.txt", "1")
                .file("requests.1.photos", "two.txt", "2"),
            Form::new()
                .file("requests[1].photos", "one.txt", "1")
                .file("requests[0].cover", "a.png", PNG)
                .payload(&json!({ "requests": parts }))
                .file("requests[1].photos", "two.txt", "2"),
        ];
        for form in forms {
            let answers = at.guest().post(BATCH).form(form).await.expect(200);
            let (one, two) = (&answers[0]["body"], &answers[1]["body"]);
            assert_eq!(json!([one["title"], two["title"]]), json!(["one", "two"]));
            assert_eq!(albums::kept(&at.pocketbase, one, &one["cover"]).await, PNG);
            assert_eq!(stems(&two["photos"]), ["one", "two"]);
            assert_eq!(
                albums::kept(&at.pocketbase, two, &two["photos"][1]).await,
                "2"
            );
            assert_eq!(json!([one["photos"], two["cover"]]), json!([[], ""]));
        }
    })
    .await;
}

#[tokio::test]
async fn files_replace_and_are_added_as_by_themselves() {
    Albums::everywhere(async |at| {
        let parts = [
            create(ALBUMS, &json!({ "id": FIRST })),
            update(ALBUMS, FIRST, &json!({ "title": "x" })),
            update(ALBUMS, FIRST, &json!({})),
            put(ALBUMS, &json!({ "id": FIRST })),
        ];
        let form = form(&parts)
            .file("requests.0.photos", "one.txt", "1")
            .file("requests.1.photos+", "two.txt", "2")
            .file("requests.2.+photos", "six.txt", "6")
            .file("requests.3.photos", "ten.txt", "10");
        let answers = at.guest().post(BATCH).form(form).await.expect(200);
        let photos: Vec<_> = (0..4)
            .map(|part| stems(&answers[part]["body"]["photos"]))
            .collect();
        let expected: [&[&str]; 4] = [&["one"], &["one", "two"], &["six", "one", "two"], &["ten"]];
        assert_eq!(photos, expected);
    })
    .await;
}

/// As the SDK writes a list of names and new files.
#[tokio::test]
async fn files_that_are_named_stay_beside_those_that_are_added() {
    Albums::everywhere(async |at| {
        let three = ["one", "two", "six"].into_iter();
        let three = three.fold(
            form(&[create(ALBUMS, &json!({ "id": FIRST }))]),
            |form, name| form.file("requests.0.photos", &format!("{name}.txt"), name),
        );
        let made = at.guest().post(BATCH).form(three).await.expect(200);
        let names = &made[0]["body"]["photos"];
        let kept = update(ALBUMS, FIRST, &json!({ "photos": [names[2], names[0]] }));
        let form = form(&[kept]).file("requests.0.photos+", "new.txt", "new");
        let answers = at.guest().post(BATCH).form(form).await.expect(200);
        assert_eq!(stems(&answers[0]["body"]["photos"]), ["six", "one", "new"]);
    })
    .await;
}

#[tokio::test]
async fn a_limit_of_a_field_ends_all() {
    Albums::everywhere(async |at| {
        let parts = [create(ALBUMS, &json!({})), create(ALBUMS, &json!({}))];
        let form = form(&parts).file("requests.0.cover", "a.png", PNG).file(
            "requests.1.cover",
            "a.png",
            vec![0; LARGEST + 1],
        );
        let reply = at.guest().post(BATCH).form(form).await;
        let response = refused(&reply, 1);
        let fault = &response["data"]["cover"];
        assert_eq!(fault["code"], "validation_file_size_limit", "{response}");
        assert_eq!(fault["params"]["maxSize"], LARGEST);
        assert_eq!(response["message"], "Failed to create record.");
        assert_eq!(albums_of(&at.pocketbase).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_form_need_not_bring_files() {
    Albums::everywhere(async |at| {
        let call = at
            .guest()
            .post(BATCH)
            .form(form(&[create(ALBUMS, &json!({ "title": "007" }))]));
        assert_eq!(call.await.expect(200)[0]["body"]["title"], "007");
    })
    .await;
}

/// PocketBase drops these, or the field's value, without a word.
#[tokio::test]
async fn a_file_of_no_part_is_refused() {
    let stage = albums::stage(albums::open).await;
    let two = [
        create(ALBUMS, &json!({ "title": "x" })),
        create(ALBUMS, &json!({})),
    ];
    for name in [
        "requests.00.cover",
        "requests.2.cover",
        "requests.-1.cover",
        "requests.0.body.cover",
        "requests.0.cover.x",
        "requests.0.nothing",
        "requests.0.title",
        "requests.0.secret",
        "requests.0.negative",
        "requests.0.photos-",
        "requests.0",
        "requests[0]cover",
        "Requests.0.cover",
        "cover",
    ] {
        only_direct(&stage, form(&two).file(name, "a.png", PNG)).await;
    }
    let beside = form(&two).text("requests.0.title", "other");
    only_direct(&stage, beside).await;
    stage
        .direct()
        .post(&records(ALBUMS))
        .json(&json!({ "id": FIRST }))
        .await
        .expect(200);
    let deleted = form(&[delete(ALBUMS, FIRST)]).file("requests.0.cover", "a.png", PNG);
    only_direct(&stage, deleted).await;
}

#[tokio::test]
async fn one_payload_says_what_the_parts_are() {
    let stage = albums::stage(albums::open).await;
    let one = [create(ALBUMS, &json!({ "title": "one" }))];
    only_direct(
        &stage,
        form(&one).payload(&json!({ "requests": [one[0], one[0]] })),
    )
    .await;
    let by_file = json!({ "requests": one }).to_string();
    let refused =
        stage
            .guest()
            .post(BATCH)
            .form(Form::new().file("@jsonPayload", "a.json", by_file));
    refused.await.refused(400);
}

#[tokio::test]
async fn a_part_s_files_have_one_way_to_be_named() {
    let stage = albums::stage(albums::open).await;
    let both = form(&[create(ALBUMS, &json!({}))])
        .file("requests.0.photos", "one.txt", "1")
        .file("requests[0].photos", "two.txt", "2");
    only_direct(&stage, both).await;
}

/// PocketBase takes it, the gateway does not, and nothing of it reaches PocketBase then.
async fn only_direct(stage: &Stage, form: Form) {
    let made = stage.direct().post(BATCH).form(form.clone()).await;
    assert_eq!(made.status, 200, "{made:?}");
    stage.proxy.take();
    stage.guest().post(BATCH).form(form).await.refused(400);
    no_batch_reached(stage);
}
