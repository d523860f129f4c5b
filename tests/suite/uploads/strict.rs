//! Forms with files that PocketBase reads, one way or another, and that the gateway does not.
//!
//! Each is seen to be taken by PocketBase itself first.

use hapta_tests::albums::{self, ALBUMS, PNG};
use hapta_tests::demo::records;
use hapta_tests::{Call, Form, Reply, Stage};
use serde_json::{Value, json};

const SCAN: &str = "Content-Disposition: form-data; name=\"scan\"; filename=\"a.txt\"";

/// Sends it to PocketBase itself, which takes it, and to the gateway, which does not: nothing of it reaches
/// PocketBase. What PocketBase made of it, and what the gateway says.
async fn only_direct(stage: &Stage, send: impl Fn(Call) -> Call, target: &str) -> (Value, Reply) {
    let made = send(stage.direct().post(target)).await.expect(200);
    stage.proxy.take();
    let refused = send(stage.guest().post(target)).await;
    refused.refused(400);
    let reached = stage.proxy.take();
    let writes = reached
        .iter()
        .filter(|seen| seen.target.contains("/records"));
    assert_eq!(writes.count(), 0, "{refused:?}");
    (made, refused)
}

async fn stage() -> Stage {
    albums::stage(albums::open).await
}

#[tokio::test]
async fn a_part_has_one_name_and_one_encoding() {
    let stage = stage().await;
    let disposition = "Content-Disposition: form-data";
    // The head of the part, its bytes, and what PocketBase keeps of them.
    let parts = [
        (
            format!("{disposition}; name*=UTF-8''scan; filename=\"a.txt\""),
            "a=3Db",
            "a=3Db",
        ),
        (
            format!("{disposition}; name=\"scan\"; filename*=UTF-8''a.txt"),
            "a=3Db",
            "a=3Db",
        ),
        (format!("{SCAN}; filename*=UTF-8''b.txt"), "a=3Db", "a=3Db"),
        (
            format!("{SCAN}\r\nContent-Transfer-Encoding: quoted-printable"),
            "a=3Db",
            "a=b",
        ),
        (
            format!("{SCAN}\r\nContent-Transfer-Encoding: base64"),
            "YWJj",
            "YWJj",
        ),
        (
            format!("{SCAN}\r\n{disposition}; name=\"film\"; filename=\"b.txt\""),
            "a",
            "a",
        ),
        (format!("X-Other: 1\r\n{SCAN}"), "a", "a"),
    ];
    for (head, bytes, kept) in parts {
        let send = |call: Call| call.form(Form::new().part(&head, bytes.as_bytes()));
        let (made, _) = only_direct(&stage, send, &records(ALBUMS)).await;
        let found = albums::kept(&stage.pocketbase, &made, &made["scan"]).await;
        assert_eq!(found, kept, "{head}");
    }
}

#[tokio::test]
async fn a_form_begins_and_ends_with_its_parts() {
    let stage = stage().await;
    let plain = Form::new().part(SCAN, b"a").bytes();
    let around = [
        [b"preamble\r\n", &plain[..]].concat(),
        [&plain[..], b"epilogue"].concat(),
        String::from_utf8_lossy(&plain)
            .replace("\r\n", "\n")
            .into_bytes(),
    ];
    for body in around {
        let send = |call: Call| call.body(Form::TYPE, body.clone());
        only_direct(&stage, send, &records(ALBUMS)).await;
    }
    // Nobody takes what is cut.
    for end in [3, 4, 10] {
        let body = plain.slice(..plain.len() - end);
        let refused = stage.guest().post(&records(ALBUMS)).body(Form::TYPE, body);
        refused.await.refused(400);
    }
}

#[tokio::test]
async fn a_name_ends_as_the_operator_wants_it() {
    let stage = albums::stage(|gateway| {
        albums::open(gateway).also("[uploads]\nendings = [\"txt\", \"png\"]")
    })
    .await;
    let upload = |name: &str| {
        let form = Form::new().file("scan", name, "text");
        stage.guest().post(&records(ALBUMS)).form(form)
    };
    upload("a.TXT").await.expect(200);
    stage.proxy.take();
    for name in ["a.html", "a.txt.html", "txt"] {
        let refused = upload(name).await;
        assert_eq!(refused.code(400), "upload_refused", "{name}");
        let field = &refused.refused(400)["data"]["scan"];
        assert_eq!(field["code"], "validation_invalid_file_name", "{name}");
    }
    assert!(stage.proxy.take().is_empty());
}

#[tokio::test]
async fn the_query_is_no_part_of_a_form_with_files() {
    let stage = stage().await;
    let form = || Form::new().file("scan", "a.txt", "a");
    for query in [
        "title=by+query",
        "@jsonPayload=%7B%22title%22:%22by+query%22%7D",
    ] {
        let target = format!("{}?{query}", records(ALBUMS));
        let (made, refused) = only_direct(&stage, |call| call.form(form()), &target).await;
        assert_eq!(made["title"], "by query");
        assert_eq!(refused.code(400), "query");
    }
}

#[tokio::test]
async fn a_key_is_in_one_payload_or_a_text_of_its_own() {
    let stage = stage().await;
    let (a, b) = (json!({ "title": "a" }), json!({ "title": "b" }));
    let file = || Form::new().file("scan", "a.txt", "a");
    // The form, and what PocketBase makes the title.
    let forms = [
        (file().payload(&a).payload(&b), "b"),
        (file().text("title", "a").payload(&b), "b"),
    ];
    for (form, title) in forms {
        let send = |call: Call| call.form(form.clone());
        let (made, _) = only_direct(&stage, send, &records(ALBUMS)).await;
        assert_eq!(made["title"], title);
    }
}

#[tokio::test]
async fn a_file_is_for_a_field_of_files() {
    let stage = stage().await;
    // PocketBase empties the field, or never says that it dropped the file.
    for key in [
        "title", "plays", "nothing", "photos-", "secret", "negative", "id",
    ] {
        let form = Form::new().text("title", "x").file(key, "a.txt", "a");
        let form = if key == "title" {
            Form::new().file(key, "a.txt", "a")
        } else {
            form
        };
        let send = |call: Call| call.form(form.clone());
        let (made, _) = only_direct(&stage, send, &records(ALBUMS)).await;
        assert_eq!(made["photos"], json!([]), "{key}");
    }
}

#[tokio::test]
async fn one_field_is_changed_in_one_way() {
    let stage = stage().await;
    let file = |form: Form, key: &str| form.file(key, "a.txt", "a");
    for keys in [
        ["photos", "photos+"],
        ["photos+", "+photos"],
        ["photos", "+photos"],
    ] {
        let form = keys.iter().fold(Form::new(), |form, key| file(form, key));
        only_direct(&stage, |call| call.form(form.clone()), &records(ALBUMS)).await;
    }
}

#[tokio::test]
async fn a_name_says_nothing_but_a_name() {
    let stage = stage().await;
    // As a quoted text is written: with a quote and a backslash in it, a tab.
    for name in ["q\\\"uote.png", "C:\\\\x\\\\y.png", "tab\there.png"] {
        let form = Form::new().file("scan", name, "a");
        only_direct(&stage, |call| call.form(form.clone()), &records(ALBUMS)).await;
    }
    for name in ["a\0.png", "a\u{1}.png"] {
        let form = Form::new().file("scan", name, "a");
        let refused = stage.guest().post(&records(ALBUMS)).form(form).await;
        refused.refused(400);
    }
    // Bytes under no name are no file to PocketBase, but a text.
    let head = "Content-Disposition: form-data; name=\"title\"; filename=\"\"";
    let form = Form::new().part(head, b"abc").file("cover", "a.png", PNG);
    let (made, _) = only_direct(&stage, |call| call.form(form.clone()), &records(ALBUMS)).await;
    assert_eq!(made["title"], "abc");
}
