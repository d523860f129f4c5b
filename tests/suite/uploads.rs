//! Files on their way in: what PocketBase makes of them, and what the gateway lets by.
//!
//! What a scenario here says is true of PocketBase itself and of the gateway before it.

/// What rules see of a file, and what they do to the body beside it.
mod judged;
/// The official SDK, with files and batches.
mod sdk;
/// Files wait on disk, and nowhere else; who goes away leaves nothing.
mod spool;
/// Forms that could be read in two ways.
mod strict;

use hapta_tests::albums::{ALBUMS, Albums, LARGEST, PNG, SLEEVES, kept};
use hapta_tests::demo::{record, records};
use hapta_tests::{Client, Form, Reply, Setup};
use serde_json::{Value, json};

/// Makes a record of `albums` of a form.
async fn create(client: &Client, form: Form) -> Value {
    client.post(&records(ALBUMS)).form(form).await.expect(200)
}

/// Changes it by a form.
async fn update(client: &Client, album: &Value, form: Form) -> Reply {
    client.patch(&path(album)).form(form).await
}

/// The path of a record of `albums`.
fn path(album: &Value) -> String {
    record(ALBUMS, album["id"].as_str().expect("an id"))
}

/// What PocketBase made of the names of files: what they begin with, before ten letters of its own.
fn stems(names: &Value) -> Vec<String> {
    let names = names.as_array().expect("a list of names").iter();
    let stem = |name: &Value| name.as_str().expect("a name").chars().take(3).collect();
    names.map(stem).collect()
}

/// What is wrong with a field, by its code and parameters: messages tell a name that PocketBase made up.
#[track_caller]
fn fault(reply: &Reply, field: &str) -> Value {
    let error = reply.refused(400);
    let fault = &error["data"][field];
    assert!(fault["message"].is_string(), "{error}");
    json!([fault["code"], fault["params"]])
}

/// Albums under a rule that lets no HTML in.
fn without_html(gateway: Setup) -> Setup {
    let settings = json!({ "types": ["text/html"] });
    let gateway = gateway.rule_with("upload_judge", &settings);
    gateway.judged(ALBUMS, &["upload_judge"])
}

fn three() -> Form {
    Form::new()
        .file("photos", "one.txt", "1")
        .file("photos", "two.txt", "2")
        .file("photos", "six.txt", "6")
}

#[tokio::test]
async fn files_and_texts_come_in_any_order() {
    Albums::everywhere(async |at| {
        let guest = at.guest();
        let payload = json!({ "plays": 1.5 });
        for form in [
            Form::new()
                .text("title", "007")
                .payload(&payload)
                .file("cover", "front.png", PNG),
            Form::new()
                .file("cover", "front.png", PNG)
                .text("title", "007")
                .payload(&payload),
            Form::new()
                .payload(&payload)
                .file("cover", "front.png", PNG)
                .text("title", "007"),
        ] {
            let album = create(&guest, form).await;
            assert_eq!(json!([album["title"], album["plays"]]), json!(["007", 1.5]));
            let name = album["cover"].as_str().expect("a name");
            let stem = name.strip_suffix(".png");
            assert!(
                stem.is_some_and(|stem| stem.starts_with("front_")),
                "{name}"
            );
            assert_eq!(kept(&at.pocketbase, &album, &album["cover"]).await, PNG);
        }
    })
    .await;
}

/// As the SDK writes lists and objects that come with files.
#[tokio::test]
async fn every_list_and_object_may_have_a_payload_of_its_own() {
    Albums::everywhere(async |at| {
        let form = Form::new()
            .payload(&json!({ "plays": 7 }))
            .file("cover", "front.png", PNG)
            .payload(&json!({ "title": "007" }))
            .payload(&json!({ "photos": [] }));
        let album = create(&at.guest(), form).await;
        assert_eq!(json!([album["title"], album["plays"]]), json!(["007", 7]));
        assert_eq!(kept(&at.pocketbase, &album, &album["cover"]).await, PNG);
    })
    .await;
}

#[tokio::test]
async fn several_files_of_one_field_are_kept_in_their_order() {
    Albums::everywhere(async |at| {
        let album = create(&at.guest(), three().text("title", "x")).await;
        assert_eq!(stems(&album["photos"]), ["one", "two", "six"]);
        for (name, bytes) in album["photos"]
            .as_array()
            .expect("a list")
            .iter()
            .zip(["1", "2", "6"])
        {
            assert_eq!(kept(&at.pocketbase, &album, name).await, bytes);
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_replaces_or_is_added_behind_or_before() {
    Albums::everywhere(async |at| {
        let guest = at.guest();
        let file = |key: &str, name: &str| Form::new().file(key, name, name);
        let album = create(&guest, file("photos+", "one.txt")).await;
        assert_eq!(stems(&album["photos"]), ["one"]);
        let steps = [
            ("photos+", "two.txt", vec!["one", "two"]),
            ("+photos", "six.txt", vec!["six", "one", "two"]),
            ("photos", "ten.txt", vec!["ten"]),
        ];
        for (key, name, expected) in steps {
            let changed = update(&guest, &album, file(key, name)).await.expect(200);
            assert_eq!(stems(&changed["photos"]), expected, "{key}");
        }
        for (key, name) in [
            ("cover", "one.png"),
            ("cover", "two.png"),
            ("cover+", "six.png"),
        ] {
            let form = Form::new().file(key, name, PNG);
            let changed = update(&guest, &album, form).await.expect(200);
            assert!(
                changed["cover"]
                    .as_str()
                    .expect("a name")
                    .starts_with(&name[..3]),
                "{changed}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn files_that_are_named_stay_beside_new_ones() {
    Albums::everywhere(async |at| {
        let guest = at.guest();
        let new = || Form::new().file("photos", "new.txt", "new");
        for way in 0..3 {
            let album = create(&guest, three()).await;
            let name = |at: usize| album["photos"][at].as_str().expect("a name");
            let form = match way {
                0 => new().text("photos", name(2)).text("photos", name(0)),
                1 => new().payload(&json!({ "photos": [name(2), name(0)] })),
                _ => Form::new()
                    .payload(&json!({ "photos": [name(2), name(0)] }))
                    .file("photos", "new.txt", "new"),
            };
            let changed = update(&guest, &album, form).await.expect(200);
            assert_eq!(
                stems(&changed["photos"]),
                ["six", "one", "new"],
                "{changed}"
            );
            assert_eq!(changed["photos"][1], album["photos"][0]);
        }
        let album = create(&guest, three()).await;
        let changed = update(&guest, &album, new().payload(&json!({ "photos": [] }))).await;
        assert_eq!(stems(&changed.expect(200)["photos"]), ["new"]);
    })
    .await;
}

#[tokio::test]
async fn a_name_of_no_file_of_the_record_is_refused() {
    Albums::everywhere(async |at| {
        let guest = at.guest();
        let album = create(&guest, three()).await;
        let form = Form::new()
            .text("photos", "none.txt")
            .file("photos", "new.txt", "new");
        let refused = update(&guest, &album, form).await;
        let expected = json!(["validation_invalid_file", { "invalidFiles": ["none.txt"] }]);
        assert_eq!(fault(&refused, "photos"), expected);
        let unchanged = guest.get(&path(&album)).await.expect(200);
        assert_eq!(unchanged["photos"], album["photos"]);
    })
    .await;
}

#[tokio::test]
async fn files_are_removed_by_their_names() {
    Albums::everywhere(async |at| {
        let guest = at.guest();
        let album = create(&guest, three().file("cover", "front.png", PNG)).await;
        let second = album["photos"][1].as_str().expect("a name");
        let removed = update(&guest, &album, Form::new().text("photos-", second)).await.expect(200);
        assert_eq!(stems(&removed["photos"]), ["one", "six"]);
        let by_json = guest.patch(&path(&album)).json(&json!({ "photos-": [album["photos"][0]] }));
        assert_eq!(stems(&by_json.await.expect(200)["photos"]), ["six"]);
        // What a browser sends of an empty input.
        let empty = "Content-Disposition: form-data; name=\"cover\"; filename=\"\"\r\nContent-Type: application/octet-stream";
        let cleared = update(&guest, &album, Form::new().part(empty, b"")).await.expect(200);
        assert_eq!(cleared["cover"], "");
    })
    .await;
}

#[tokio::test]
async fn limits_are_told_by_field() {
    Albums::everywhere(async |at| {
        let guest = at.guest();
        let post = async |form| guest.post(&records(ALBUMS)).form(form).await;
        let padded = |size: usize| [PNG, &vec![0; size - PNG.len()]].concat();
        post(Form::new().file("cover", "a.png", padded(LARGEST)))
            .await
            .expect(200);
        let too_large = post(Form::new().file("cover", "a.png", padded(LARGEST + 1))).await;
        let expected = json!({
            "code": "validation_file_size_limit",
            "message": "Failed to upload a.png - the maximum allowed file size is 1000 bytes.",
            "params": { "file": "a.png", "maxSize": LARGEST },
        });
        let error = too_large.refused(400);
        assert_eq!(error["data"], json!({ "cover": expected }));
        assert_eq!(error["message"], "Failed to create record.");
        let too_many = post(three().file("photos", "ten.txt", "10")).await;
        let expected = json!({
            "code": "validation_too_many_files",
            "message": "The maximum allowed files is 3.",
            "params": { "maxSelect": 3 },
        });
        assert_eq!(too_many.refused(400)["data"], json!({ "photos": expected }));
        let no_png = post(Form::new().file_of_type("cover", "a.png", "image/png", "text")).await;
        assert_eq!(
            fault(&no_png, "cover"),
            json!(["validation_invalid_mime_type", null])
        );
        let told = no_png.json()["data"]["cover"]["message"].to_string();
        assert!(
            told.ends_with("mime type must be one of: image/png.\""),
            "{told}"
        );
    })
    .await;
}

#[tokio::test]
async fn every_field_at_fault_is_told() {
    Albums::everywhere(async |at| {
        let form =
            three()
                .file("photos", "ten.txt", "10")
                .file("cover", "a.png", vec![0; LARGEST + 1]);
        let reply = at.guest().post(&records(ALBUMS)).form(form).await;
        assert_eq!(fault(&reply, "photos")[0], "validation_too_many_files");
        assert_eq!(fault(&reply, "cover")[0], "validation_file_size_limit");
    })
    .await;
}

#[tokio::test]
async fn what_a_record_has_counts_to_its_limit() {
    Albums::everywhere(async |at| {
        let guest = at.guest();
        let album = create(&guest, three()).await;
        for key in ["photos+", "+photos"] {
            let one_more = update(&guest, &album, Form::new().file(key, "ten.txt", "10")).await;
            let expected = json!(["validation_too_many_files", { "maxSelect": 3 }]);
            assert_eq!(fault(&one_more, "photos"), expected);
        }
    })
    .await;
}

#[tokio::test]
async fn a_field_without_a_limit_of_its_own_has_pocketbase_s() {
    const DEFAULT: usize = 5 << 20;
    Albums::everywhere(async |at| {
        let guest = at.guest();
        let scan = |size| Form::new().file("scan", "a.bin", vec![0; size]);
        create(&guest, scan(DEFAULT)).await;
        let reply = guest.post(&records(ALBUMS)).form(scan(DEFAULT + 1)).await;
        let expected =
            json!(["validation_file_size_limit", { "file": "a.bin", "maxSize": DEFAULT }]);
        assert_eq!(fault(&reply, "scan"), expected);
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_required_is_missed() {
    Albums::everywhere(async |at| {
        let post = at
            .guest()
            .post(&records(SLEEVES))
            .form(Form::new().text("title", "ok"));
        let expected = json!({ "code": "validation_required", "message": "Cannot be blank." });
        assert_eq!(post.await.refused(400)["data"], json!({ "scan": expected }));
        let with = Form::new().text("title", "ok").file("scan", "a.txt", "a");
        at.guest()
            .post(&records(SLEEVES))
            .form(with)
            .await
            .expect(200);
        let not_let = Form::new().text("title", "no").file("scan", "a.txt", "a");
        let refused = at
            .guest()
            .post(&records(SLEEVES))
            .form(not_let)
            .await
            .refused(400);
        assert_eq!(refused["message"], "Failed to create record.");
        assert_eq!(refused["data"], json!({}));
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_is_what_was_sent() {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    // Of no pattern that a part would be cut at.
    let noise = |seed: u64| {
        std::iter::successors(Some(seed), |last| {
            Some(
                last.wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407),
            )
        })
        .map(|state| state.to_le_bytes()[5])
    };
    let contents: [Vec<u8>; 6] = [
        Vec::new(),
        every_byte,
        b"\r\n------a.Boundarx\r\n------a.Boundar".to_vec(),
        b"--\r\n\r\n--\r\n\n\r".to_vec(),
        b"\r\n".repeat(100_000),
        noise(7).take((3 << 20) + 17).collect(),
    ];
    Albums::everywhere(async |at| {
        for content in &contents {
            let album = create(&at.guest(), Form::new().file("film", "reel.bin", content)).await;
            let kept = kept(&at.pocketbase, &album, &album["film"]).await;
            assert!(
                kept == *content,
                "{} of {} bytes",
                kept.len(),
                content.len()
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_form_may_come_in_chunks_of_no_told_length() {
    Albums::everywhere(async |at| {
        let form = Form::new().text("title", "in chunks").file("cover", "a.png", PNG).bytes();
        let mut request = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
            records(ALBUMS),
            Form::TYPE,
        )
        .into_bytes();
        for chunk in form.chunks(7) {
            request.extend(format!("{:x}\r\n", chunk.len()).bytes());
            request.extend(chunk);
            request.extend(b"\r\n");
        }
        request.extend(b"0\r\n\r\n");
        let reply = at.guest().bytes(&request).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let album = at.guest().get(&format!("{}?filter=title='in%20chunks'", records(ALBUMS)));
        let album = album.await.expect(200)["items"][0].clone();
        assert_eq!(kept(&at.pocketbase, &album, &album["cover"]).await, PNG);
    })
    .await;
}

#[tokio::test]
async fn a_file_is_stored_under_a_name_of_pocketbase_s_making() {
    // The name as it is sent, and what stands before ten letters of PocketBase's own.
    let names = [
        ("Ünïcode 名前.png", "n_code_", ".png"),
        ("sp ace (1).PNG", "sp_ace_1_", ".PNG"),
        ("semi;colon.png", "semi_colon_", ".png"),
        ("apo'strophe.png", "apo_strophe_", ".png"),
        ("a%2Fb.png", "a_2_fb_", ".png"),
        ("archive.tar.gz", "archive_", ".tar.gz"),
        ("noext", "noext_", ".txt"),
        ("folder/of/names.png", "names_", ".png"),
    ];
    Albums::everywhere(async |at| {
        for (sent, begins, ends) in names {
            let album = create(&at.guest(), Form::new().file("scan", sent, "text")).await;
            let name = album["scan"].as_str().expect("a name");
            assert!(
                name.starts_with(begins) && name.ends_with(ends),
                "{sent} became {name}"
            );
            assert_eq!(name.len(), begins.len() + 10 + ends.len(), "{name}");
        }
    })
    .await;
}
