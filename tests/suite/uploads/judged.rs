//! What rules see of a file, and what they do to the body beside it.

use hapta_tests::albums::{self, ALBUMS, PNG};
use hapta_tests::demo::{record, records};
use hapta_tests::{Form, Seen, Setup, Stage, eventually};
use serde_json::{Value, json};

use super::without_html;

const HTML: &str = "<!doctype html><html><script>alert(1)</script></html>";

#[tokio::test]
async fn a_rule_is_told_field_name_size_and_what_the_bytes_are() {
    let stage = judged(|gateway| gateway.rule("probe").judged(ALBUMS, &["probe"])).await;
    let form = Form::new()
        .file_of_type("scan", "picture.txt", "text/plain", PNG)
        .text("title", "x")
        .file_of_type("photos+", "page.png", "image/png", HTML)
        .file("photos+", "a/b/c.bin", [0_u8, 1, 2])
        .file("cover", "empty", "");
    let told = stage
        .guest()
        .post(&records(ALBUMS))
        .form(form)
        .await
        .probed();
    assert_eq!(told["operation"], "create");
    assert_eq!(told["body"], json!({ "title": "x" }));
    let expected = json!([
        { "field": "scan", "name": "picture.txt", "size": PNG.len(), "media_type": "image/png" },
        { "field": "photos", "name": "page.png", "size": HTML.len(), "media_type": "text/html" },
        { "field": "photos", "name": "c.bin", "size": 3, "media_type": "application/octet-stream" },
    ]);
    let uploads = told["uploads"].as_array().expect("a list");
    assert_eq!(uploads[..3], expected.as_array().expect("a list")[..]);
    assert_eq!(
        json!([uploads[3]["name"], uploads[3]["size"]]),
        json!(["empty", 0])
    );
    let mut changes: Vec<_> = told["changes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(Value::to_string)
        .collect();
    changes.sort();
    assert_eq!(
        changes,
        ["\"cover\"", "\"photos\"", "\"scan\"", "\"title\""]
    );
    assert!(written(&stage).is_empty());
}

#[tokio::test]
async fn the_log_tells_how_many_files_came_and_how_large_they_were() {
    let stage =
        albums::stage(|gateway| albums::open(gateway).also("[log]\ndecisions = \"decisions.log\""))
            .await;
    let form = Form::new()
        .file("cover", "a.png", PNG)
        .file("scan", "a.txt", "1234");
    stage
        .guest()
        .post(&records(ALBUMS))
        .form(form)
        .await
        .expect(200);
    let file = stage.gateway.folder().join("decisions.log");
    let line = eventually("a line", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.ends_with('\n').then_some(text)
    });
    let line: Value = serde_json::from_str(line.await.trim()).expect("one line");
    assert_eq!(line["upload.files"], 2, "{line}");
    assert_eq!(line["upload.bytes"], PNG.len() + 4, "{line}");
}

#[tokio::test]
async fn a_rule_refuses_a_file_by_what_it_is() {
    let stage = judged(without_html).await;
    let send = async |form| stage.guest().post(&records(ALBUMS)).form(form).await;
    let good = Form::new().file_of_type("scan", "page.html", "text/html", PNG);
    send(good).await.expect(200);
    stage.proxy.take();
    let bad =
        Form::new()
            .file("cover", "a.png", PNG)
            .file_of_type("scan", "a.png", "image/png", HTML);
    let refused = send(bad).await.refused(403);
    assert_eq!(refused["data"]["scan"]["code"], "type_refused", "{refused}");
    assert!(written(&stage).is_empty());
}

#[tokio::test]
async fn a_rule_edits_the_body_beside_a_file() {
    let stage = judged(|gateway| gateway.rule("editor").judged(ALBUMS, &["editor"])).await;
    let form = Form::new()
        .text("title", "mine")
        .file("scan", "a.png", PNG)
        .text("plays", "7");
    let album = stage
        .guest()
        .post(&records(ALBUMS))
        .form(form)
        .await
        .expect(200);
    assert_eq!(
        json!([album["title"], album["plays"]]),
        json!(["edited", 7])
    );
    assert_eq!(
        albums::kept(&stage.pocketbase, &album, &album["scan"]).await,
        PNG
    );
    // Written anew: the body as one payload, the file, nothing of the client's own.
    let [seen] = &stage_writes(&stage)[..] else {
        panic!("one write");
    };
    let (kind, body) = (
        seen.header("Content-Type").expect("a type"),
        String::from_utf8_lossy(&seen.body),
    );
    let boundary = kind
        .split_once("boundary=")
        .expect("a boundary")
        .1
        .trim_matches('"');
    assert_ne!(boundary, "----a.Boundary");
    assert_eq!(body.matches(boundary).count(), 3, "{body}");
    assert_eq!(body.matches("name=\"@jsonPayload\"").count(), 1, "{body}");
    assert!(body.contains("Content-Type: image/png"), "{body}");
    let length = seen.header("Content-Length").expect("a length");
    assert_eq!(length, seen.body.len().to_string());
}

#[tokio::test]
async fn the_stored_record_is_the_one_before_the_upload() {
    let settings = json!({ "stored": true });
    let stage = judged(|gateway| {
        gateway
            .rule_with("probe", &settings)
            .judged(ALBUMS, &["probe"])
    })
    .await;
    let made = stage
        .direct()
        .post(&records(ALBUMS))
        .form(Form::new().file("scan", "old.png", PNG));
    let made = made.await.expect(200);
    let id = made["id"].as_str().expect("an id");
    let form = Form::new().file("scan", "new.txt", "new");
    let told = stage
        .guest()
        .patch(&record(ALBUMS, id))
        .form(form)
        .await
        .probed();
    assert_eq!(told["stored"]["scan"], made["scan"]);
    assert_eq!(told["record_id"], id);
}

#[tokio::test]
async fn a_form_without_a_file_brings_none() {
    let stage = judged(|gateway| gateway.rule("probe").judged(ALBUMS, &["probe"])).await;
    let told = stage
        .guest()
        .post(&records(ALBUMS))
        .form(Form::new().text("title", "x"));
    assert_eq!(told.await.probed()["uploads"], json!([]));
}

async fn judged(set_up: impl FnOnce(Setup) -> Setup) -> Stage {
    let stage = albums::stage(set_up).await;
    stage.proxy.take();
    stage
}

/// Writes to records that reached PocketBase.
fn stage_writes(stage: &Stage) -> Vec<Seen> {
    let seen = stage.proxy.take().into_iter();
    seen.filter(|seen| seen.method != "GET" && seen.target.contains("/records"))
        .collect()
}

fn written(stage: &Stage) -> Vec<String> {
    stage_writes(stage).iter().map(Seen::line).collect()
}
