//! Spellings of a body that PocketBase reads, and that the gateway does not.
//!
//! Each is seen to work on PocketBase itself first.

use hapta_tests::demo::records;
use hapta_tests::{Client, Reply, Stage};
use serde_json::{Value, json};

use super::form::{END, MULTIPART, URLENCODED, part};

const TITLE: &str = "Content-Disposition: form-data; name=\"title\"";

/// What PocketBase makes of a body: the title of the post that it creates, or a refusal.
#[derive(Debug, PartialEq)]
enum Made {
    Title(&'static str),
    Nothing,
}
use Made::{Nothing, Title};

/// Asks PocketBase itself, then the gateway; returns what the gateway called it.
async fn codes(cases: &[(&str, String, Made)], status: u16) -> Vec<String> {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let direct = stage.direct().with_token(alice.token());
    let posts = records("posts");
    let mut codes = Vec::new();
    for (kind, body, made) in cases {
        let found = direct.post(&posts).body(kind, body.clone()).await;
        let title = match found.status {
            200 => found.json()["title"].clone(),
            _ => Value::Null,
        };
        let expected = match made {
            Title(title) => json!(title),
            Nothing => Value::Null,
        };
        assert_eq!(
            title, expected,
            "of PocketBase itself: {kind}\n{body}\n{found:?}"
        );
        stage.proxy.take();
        let through = alice.post(&posts).body(kind, body.clone()).await;
        assert_eq!(through.status, status, "{kind}\n{body}\n{through:?}");
        codes.push(through.code(status));
        let reached = stage.proxy.take();
        assert!(
            reached.iter().all(|seen| !seen.target.contains("/records")),
            "{body}"
        );
    }
    codes
}

#[tokio::test]
async fn a_multipart_body_has_one_reading() {
    let plain = || part(TITLE, "a");
    let with = |header: &str| format!("{}{END}", part(&format!("{TITLE}\r\n{header}"), "a=3Db"));
    let cases = [
        format!("preamble\r\n{}{END}", plain()),
        format!("{}{END}epilogue", plain()),
        format!("{}{END}", plain()).replace("\r\n", "\n"),
        format!(
            "{}{END}",
            part("Content-Disposition: form-data; name*=UTF-8''title", "a")
        ),
        format!(
            "{}{END}",
            part("Content-Disposition: form-data; name=\"t\\itle\"", "a")
        ),
        format!("{}{END}", part(&format!("X-Other: 1\r\n{TITLE}"), "a")),
        format!(
            "{}{END}",
            part(
                &format!("{TITLE}\r\nContent-Disposition: form-data; name=\"b\""),
                "a"
            )
        ),
        format!("{}{END}", part(&format!("{TITLE}; filename=\"\""), "a")),
        with("Content-Transfer-Encoding: quoted-printable"),
        with("Content-Transfer-Encoding: base64"),
        with("Content-Type: text/plain; charset=utf-16"),
        plain(),
    ];
    let made = [
        Title("a"),
        Title("a"),
        Title("a"),
        Title("a"),
        Nothing,
        Title("a"),
        Title("a"),
        Title("a"),
        Title("a=b"),
        Title("a=3Db"),
        Title("a=3Db"),
        Nothing,
    ];
    let cases: Vec<_> = cases
        .into_iter()
        .zip(made)
        .map(|(body, made)| (MULTIPART, body, made))
        .collect();
    for code in codes(&cases, 400).await {
        assert!(
            ["body_form", "body_file"].contains(&code.as_str()),
            "{code}"
        );
    }
}

#[tokio::test]
async fn an_urlencoded_body_has_one_reading() {
    let cases = [
        ("title=a&title%=b", Nothing),
        ("title=a;b=c", Nothing),
        ("title=%ff", Title("\u{fffd}")),
        ("title=a%00b", Title("a\0b")),
        ("title=a b", Title("a b")),
        ("title=a&&", Title("a")),
        ("title=a&=b", Title("a")),
        ("title=\u{e9}", Title("\u{e9}")),
    ];
    let cases: Vec<_> = cases
        .into_iter()
        .map(|(body, made)| (URLENCODED, body.to_owned(), made))
        .collect();
    for code in codes(&cases, 400).await {
        assert_eq!(code, "body_form");
    }
}

#[tokio::test]
async fn a_content_type_has_one_reading() {
    let multipart = format!("{}{END}", part(TITLE, "a"));
    let json = "{\"title\":\"a\"}".to_owned();
    let cases = [
        ("application/jsonfoo", json.clone(), Title("a")),
        ("application/json; charset=utf-16", json.clone(), Title("a")),
        (
            "application/x-www-form-urlencoded; charset=latin1",
            "title=a".to_owned(),
            Title("a"),
        ),
        (
            "multipart/form-data; boundary*=utf-8''----a.Boundary",
            multipart.clone(),
            Title("a"),
        ),
        (
            "multipart/form-data; boundary=x; boundary=----a.Boundary",
            multipart.clone(),
            Nothing,
        ),
        ("multipart/form-data", multipart.clone(), Nothing),
        (
            "multipart/form-data; boundary=----a.Boundary; charset=utf-16",
            multipart,
            Title("a"),
        ),
        ("text/xml", "<title>a</title>".to_owned(), Nothing),
        ("text/plain", json, Nothing),
    ];
    for code in codes(&cases, 415).await {
        assert_eq!(code, "body_type");
    }
}

#[tokio::test]
async fn two_content_types_are_one_too_many() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let request = format!("POST {}", records("posts"));
    let headers = [
        ("Content-Type", URLENCODED),
        ("Content-Type", "application/json"),
    ];
    let ask = async |client: &Client| -> Reply { client.raw(&request, &headers, "title=a").await };
    let direct = stage.direct().with_token(alice.token());
    assert_eq!(ask(&direct).await.expect(200)["title"], "a");
    assert_eq!(ask(&alice).await.code(415), "body_type");
}

/// PocketBase takes no notice of it.
#[tokio::test]
async fn a_file_that_no_field_takes_is_refused_by_its_name() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let direct = stage.direct().with_token(alice.token());
    let file = "Content-Disposition: form-data; name=\"content\"; filename=\"a.png\"\r\nContent-Type: image/png";
    let body = format!("{}{}{END}", part(TITLE, "a"), part(file, "x"));
    let post = |client: &Client| client.post(&records("posts")).body(MULTIPART, body.clone());
    assert_eq!(post(&direct).await.expect(200)["content"], "");
    let refused = post(&alice).await;
    assert_eq!(refused.code(400), "body_key");
    crate::values::lab::names(&refused.refused(400), "content");
}

#[tokio::test]
async fn a_superuser_route_takes_json_alone() {
    let stage = Stage::with(|gateway| gateway.also("[superusers]\nroutes = \"on\"")).await;
    let superuser = stage.pocketbase.superuser().await;
    let through = stage.guest().with_token(superuser.token());
    let settings = |client: &Client| {
        client
            .patch("/api/settings")
            .body(URLENCODED, "batch.enabled=false")
    };
    settings(&superuser).await.expect(200);
    assert_eq!(settings(&through).await.code(415), "body_type");
}
