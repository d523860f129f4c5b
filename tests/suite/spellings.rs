//! One meaning, many spellings: what PocketBase makes of them, and what the gateway does.
//!
//! Each test first sees PocketBase itself do it, so that it fails on the day a
//! release reads a spelling differently.

use hapta_tests::demo::{ALICE, POST_OF_ALICE, POSTS, record, records};
use hapta_tests::{Client, Reply, Seen, Stage, since};
use http::Method;
use serde_json::{Value, json};

/// What becomes of a spelling.
#[derive(Debug)]
enum Fate {
    /// The gateway reads it, and PocketBase gets this.
    Becomes(&'static str),
    /// PocketBase never hears of it.
    Refused,
}
use Fate::{Becomes, Refused};

const LIST: &str = "GET /api/collections/posts/records";
const VIEW: &str = "GET /api/collections/posts/records/post00000000100";

#[tokio::test]
async fn the_path_of_a_collection_has_one_spelling_upstream() {
    let moved = since((0, 36), 307, 301);
    let spellings = [
        ("GET /api/collections/posts/records", 200, Becomes(LIST)),
        ("GET /api/collections/POSTS/records", 200, Becomes(LIST)),
        (
            "GET /api/collections/pbc_1125843985/records",
            200,
            Becomes(LIST),
        ),
        ("GET /api/collections/%70osts/records", 200, Becomes(LIST)),
        ("GET /%61pi/collections/posts/%72ecords", 200, Becomes(LIST)),
        (
            "GET /api/collections/posts/records/%70ost00000000100",
            200,
            Becomes(VIEW),
        ),
        (
            "GET http://evil.example/api/collections/posts/records",
            200,
            Refused,
        ),
        // The long s folds to s by Unicode's rules.
        ("GET /api/collections/po%C5%BFts/records", 200, Refused),
        ("GET /api/collections/po\u{17f}ts/records", 200, Refused),
        ("GET /api/collections//posts/records", moved, Refused),
        ("GET //api/collections/posts/records", moved, Refused),
        ("GET /api/./collections/posts/records", moved, Refused),
        ("GET /api/x/../collections/posts/records", moved, Refused),
        ("GET /api/collections/posts/records/", 404, Refused),
        ("GET /api/collections/posts%2frecords", 401, Refused),
        ("GET /api%2Fcollections/posts/records", 404, Refused),
        ("GET /API/collections/posts/records", 404, Refused),
        ("GET /api/collections/posts/Records", 404, Refused),
        ("GET /api/collections/posts/records;x=1", 404, Refused),
        (
            "GET /api/collections/posts/records/POST00000000100",
            404,
            Becomes("GET /api/collections/posts/records/POST00000000100"),
        ),
        ("PUT /api/collections/posts/records", 404, Refused),
        ("get /api/collections/posts/records", 404, Refused),
    ];
    check(&spellings).await;
}

#[tokio::test]
async fn a_query_has_one_reading() {
    let spellings = [
        // The first wins in PocketBase; other readers take the last.
        (
            "GET /api/collections/posts/records?perPage=1&perPage=2",
            200,
            Refused,
        ),
        (
            "GET /api/collections/posts/records?filter=id=''&%66ilter=id!=''",
            200,
            Refused,
        ),
        // PocketBase drops such a pair without a word: the filter would be gone.
        (
            "GET /api/collections/posts/records?filter=id='x';y",
            200,
            Refused,
        ),
        (
            "GET /api/collections/posts/records?filter=%zz",
            200,
            Refused,
        ),
        (
            "GET /api/collections/posts/records?filter=id%3D'x'%00",
            200,
            Refused,
        ),
        (
            "GET /api/collections/posts/records?FILTER=id='x'",
            200,
            Refused,
        ),
        ("GET /api/collections/posts/records?unknown=1", 200, Refused),
        ("GET /api/collections/posts/records?page=one", 400, Refused),
        (
            "GET /api/collections/posts/records?skipTotal=yes",
            400,
            Refused,
        ),
        (
            "GET /api/collections/posts/records/post00000000100?filter=id=''",
            200,
            Refused,
        ),
    ];
    check(&spellings).await;
}

#[tokio::test]
async fn a_query_that_pocketbase_drops_silently_does_not_widen_a_list() {
    let stage = Stage::open().await;
    let request = "GET /api/collections/posts/records?filter=id='x';y";
    assert_eq!(
        stage.direct().raw(request, &[], "").await.expect(200)["totalItems"],
        POSTS
    );
    stage.guest().raw(request, &[], "").await.refused(400);
}

#[tokio::test]
async fn head_tells_no_more_than_get_would() {
    let stage = Stage::open().await;
    let head = "HEAD /api/collections/posts/records";
    assert_eq!(stage.direct().raw(head, &[], "").await.status, 200);
    let reply = stage.guest().raw(head, &[], "").await;
    assert!(reply.body.is_empty());
    assert!(
        reply.status == 200 || (400..500).contains(&reply.status),
        "{reply:?}"
    );
    // Rules of PocketBase may look at the method: it never sees another than GET.
    assert!(
        stage
            .proxy
            .take()
            .iter()
            .all(|seen| seen.method != Method::HEAD)
    );
}

#[tokio::test]
async fn a_method_in_a_header_is_no_method() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    stage.proxy.take();
    let target = record("posts", POST_OF_ALICE);
    alice
        .get(&target)
        .header("X-HTTP-Method-Override", "DELETE")
        .await
        .expect(200);
    let reached = reached(&stage);
    assert_eq!(reached.len(), 1);
    assert_eq!(reached[0].header("X-HTTP-Method-Override"), None);
}

#[tokio::test]
async fn fields_are_picked_by_the_gateway_and_never_sent_upstream() {
    let stage = Stage::open().await;
    // The gateway's own questions at its start do pick.
    stage.proxy.take();
    let target = format!("{}?fields=title", record("posts", POST_OF_ALICE));
    let expected = json!({ "title": "Hello from alice" });
    assert_eq!(stage.direct().get(&target).await.expect(200), expected);
    assert_eq!(stage.guest().get(&target).await.expect(200), expected);
    assert!(
        reached(&stage)
            .iter()
            .all(|seen| !seen.target.contains("fields"))
    );
    // On every answer, not only on those of records.
    let methods = "/api/collections/users/auth-methods?fields=mfa.enabled";
    let expected = json!({ "mfa": { "enabled": false } });
    assert_eq!(stage.direct().get(methods).await.expect(200), expected);
    assert_eq!(stage.guest().get(methods).await.expect(200), expected);
}

#[tokio::test]
async fn the_query_is_no_part_of_a_body() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let direct = stage.direct().with_token(alice.token());
    let target = format!("{}?status=published&title=by+query", records("posts"));
    let form = "application/x-www-form-urlencoded";
    let created = direct
        .post(&target)
        .body(form, "content=x")
        .await
        .expect(200);
    assert_eq!(created["title"], "by query");
    stage.proxy.take();
    alice
        .post(&target)
        .body(form, "content=x")
        .await
        .refused(400);
    alice
        .post(&target)
        .json(&json!({ "content": "x" }))
        .await
        .refused(400);
    let payload = format!(
        "{}?@jsonPayload=%7B%22title%22:%22x%22%7D",
        records("posts")
    );
    assert_eq!(
        direct
            .post(&payload)
            .body(form, "content=x")
            .await
            .expect(200)["title"],
        "x"
    );
    alice
        .post(&payload)
        .body(form, "content=x")
        .await
        .refused(400);
    assert!(reached(&stage).is_empty());
}

#[tokio::test]
async fn credentials_in_a_query_are_refused() {
    let stage = Stage::open().await;
    let target = "/api/collections/users/auth-with-password?identity=alice%40example.com&password=1234567890";
    let form = "application/x-www-form-urlencoded";
    stage
        .direct()
        .post(target)
        .body(form, "x=y")
        .await
        .expect(200);
    stage
        .guest()
        .post(target)
        .body(form, "x=y")
        .await
        .refused(400);
}

#[tokio::test]
async fn a_body_has_one_reading() {
    // (the bytes, what PocketBase answers); none may come through as they are
    let bodies = [
        (r#"{"title":"a","title":"b"}"#, since((0, 40), 400, 200)),
        (
            r#"{"title":"a","\u0074itle":"b"}"#,
            since((0, 40), 400, 200),
        ),
        (r#"{"title":"a"}{"title":"b"}"#, 200),
        (r#"{"title":"a"} junk"#, 200),
        (r#"{"title":"\ud800"}"#, since((0, 40), 400, 200)),
        (r#"{"title":"a",}"#, 400),
        (r#"["title"]"#, 400),
    ];
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let direct = stage.direct().with_token(alice.token());
    stage.proxy.take();
    let posts = records("posts");
    for (body, status) in bodies {
        assert_eq!(
            direct
                .post(&posts)
                .body("application/json", body)
                .await
                .status,
            status,
            "{body}"
        );
    }
    for (body, _) in bodies {
        alice
            .post(&posts)
            .body("application/json", body)
            .await
            .refused(400);
        assert!(reached(&stage).is_empty(), "{body}");
    }
}

#[tokio::test]
async fn a_body_goes_upstream_as_json_of_its_own_making() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    stage.proxy.take();
    let body = "{ \"title\" :\"caf\\u00e9\",\t\"views\": 1e1 }";
    alice
        .post(&records("posts"))
        .body("application/json; charset=utf-8", body)
        .await
        .expect(200);
    let reached = reached(&stage);
    assert_eq!(reached[0].header("Content-Type"), Some("application/json"));
    let sent: Value = serde_json::from_slice(&reached[0].body).expect("JSON");
    assert_eq!(
        (&sent["title"], sent["views"].as_f64()),
        (&json!("café"), Some(10.0))
    );
    assert_ne!(reached[0].body, body);
}

#[tokio::test]
async fn a_login_in_capital_letters_is_no_login() {
    let stage = Stage::open().await;
    let login = "/api/collections/users/auth-with-password";
    let body = json!({ "IDENTITY": "alice@example.com", "Password": "1234567890" });
    stage.direct().post(login).json(&body).await.expect(200);
    stage.guest().post(login).json(&body).await.refused(400);
}

#[tokio::test]
async fn a_read_has_no_body() {
    let stage = Stage::open().await;
    stage.proxy.take();
    let request = format!("GET {}", record("posts", POST_OF_ALICE));
    let json = [("Content-Type", "application/json")];
    // PocketBase parses it, and its rules can see it.
    assert_eq!(stage.direct().raw(&request, &json, "{").await.status, 400);
    let reply = stage
        .guest()
        .raw(&request, &json, r#"{"author":"x"}"#)
        .await;
    assert!([200, 400].contains(&reply.status), "{reply:?}");
    assert!(reached(&stage).iter().all(|seen| seen.body.is_empty()));
}

#[tokio::test]
async fn two_authorization_headers_are_one_too_many() {
    let stage = Stage::open().await;
    stage.proxy.take();
    let [alice, bob] = [stage.log_in("alice").await, stage.log_in("bob").await];
    let request = format!("PATCH {}", record("users", ALICE));
    let headers = [
        ("Authorization", bob.token()),
        ("Content-Type", "application/json"),
    ];
    // alice's comes first: PocketBase takes it.
    assert_eq!(
        stage
            .direct()
            .with_token(alice.token())
            .raw(&request, &headers, "{}")
            .await
            .status,
        200
    );
    let refused = alice.raw(&request, &headers, "{}").await;
    assert!([400, 401].contains(&refused.status), "{refused:?}");
    assert!(reached(&stage).is_empty());
}

#[tokio::test]
async fn only_headers_that_pocketbase_needs_go_upstream() {
    let stage = Stage::open().await;
    stage.proxy.take();
    let call = stage.guest().get(&records("posts"));
    let call = call
        .header("Cookie", "a=b")
        .header("X-Forwarded-For", "6.6.6.6")
        .header("X-Real-IP", "6.6.6.6");
    call.header("X-Trusted", "yes")
        .header("Proxy-Authorization", "Basic eDp5")
        .await
        .expect(200);
    let reached = reached(&stage);
    assert_eq!(reached[0].header("X-Real-IP"), Some("127.0.0.1"));
    for name in [
        "Cookie",
        "X-Forwarded-For",
        "X-Trusted",
        "Proxy-Authorization",
        "Authorization",
    ] {
        assert_eq!(reached[0].header(name), None, "{name}");
    }
}

/// Asks PocketBase itself, then the gateway, and looks at what reached PocketBase from it.
async fn check(spellings: &[(&str, u16, Fate)]) {
    let stage = Stage::open().await;
    for (request_line, status, _) in spellings {
        let direct = ask(&stage.direct(), request_line).await;
        assert_eq!(
            direct.status, *status,
            "PocketBase on {request_line}: {direct:?}"
        );
    }
    stage.proxy.take();
    for (request_line, status, fate) in spellings {
        let through = ask(&stage.guest(), request_line).await;
        let reached = reached(&stage);
        match fate {
            Becomes(expected) => {
                assert_eq!(through.status, *status, "{request_line}: {through:?}");
                let lines: Vec<_> = reached.iter().map(without_query).collect();
                assert_eq!(lines, [*expected], "{request_line}");
            }
            Refused => {
                assert!(
                    [400, 403, 404, 405].contains(&through.status),
                    "{request_line}: {through:?}"
                );
                assert!(
                    reached.is_empty(),
                    "{request_line} reached PocketBase as {reached:?}"
                );
            }
        }
    }
}

async fn ask(client: &Client, request_line: &str) -> Reply {
    client.raw(request_line, &[], "").await
}

/// What PocketBase got because a client asked, without what the gateway asks for itself.
fn reached(stage: &Stage) -> Vec<Seen> {
    let own = |seen: &Seen| {
        seen.target.ends_with("/auth-refresh") || seen.target.starts_with("/api/collections?")
    };
    stage
        .proxy
        .take()
        .into_iter()
        .filter(|seen| !own(seen))
        .collect()
}

fn without_query(seen: &Seen) -> String {
    seen.line().split('?').next().unwrap_or_default().to_owned()
}
