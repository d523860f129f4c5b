//! Answers made shorter, and those that never are.

use bytes::Bytes;
use hapta_tests::demo::{POST_OF_ALICE, POSTS, record, records};
use hapta_tests::{Reply, Stage};
use http::Method;
use serde_json::{Value, json};

/// What begins what each of them writes.
const MAGIC: [(&str, &[u8]); 2] = [("gzip", &[0x1f, 0x8b]), ("zstd", &[0x28, 0xb5, 0x2f, 0xfd])];

async fn stage(settings: &str) -> Stage {
    let settings = format!("[server]\ncompress_from = \"100B\"\n{settings}");
    Stage::with(|gateway| {
        let gateway = gateway.open("users").open("posts").also(&settings);
        gateway.also("[pages]\nfiles = [\"/{path...}\"]")
    })
    .await
}

fn encoding(reply: &Reply) -> Option<&str> {
    reply.header("content-encoding")
}

fn varies(reply: &Reply) -> bool {
    let mut values = reply.headers.get_all("vary").iter();
    values.any(|value| value.as_bytes().eq_ignore_ascii_case(b"accept-encoding"))
}

#[tokio::test]
async fn a_list_comes_as_its_client_takes_it() {
    let stage = stage("").await;
    let list = |accepted| {
        let call = stage.guest().get(&records("posts"));
        call.header("Accept-Encoding", accepted)
    };
    let plain = stage.guest().get(&records("posts")).await;
    assert!(encoding(&plain).is_none());
    assert_eq!(plain.json()["totalItems"], POSTS);
    for (accepted, expected) in [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0.1, gzip", "gzip"),
    ] {
        let reply = list(accepted).await;
        assert_eq!(
            (reply.status, encoding(&reply)),
            (200, Some(expected)),
            "{accepted}"
        );
        assert!(varies(&reply));
        assert!(reply.body.len() < plain.body.len());
        let length = reply.body.len().to_string();
        assert_eq!(reply.header("content-length"), Some(length.as_str()));
        if let Some((_, magic)) = MAGIC.iter().find(|(name, _)| *name == expected) {
            assert!(reply.body.starts_with(magic), "{:?}", reply.body);
        }
    }
    for accepted in ["identity", "deflate", "gzip;q=0", "*;q=0", "identity;q=0"] {
        let reply = list(accepted).await;
        assert_eq!((reply.status, encoding(&reply)), (200, None), "{accepted}");
        assert_eq!(reply.body, plain.body);
    }
    let counted = "hapta_compressed_total{encoding=\"gzip\"}";
    assert_eq!(stage.gateway.metric(counted).await, Some(2.0));
}

/// PocketBase's own decoder is asked: what it takes for a body is what was sent.
#[tokio::test]
async fn what_was_compressed_is_what_was_asked_for() {
    let stage = stage("").await;
    let reply = stage.guest().get(&records("posts"));
    let reply = reply.header("Accept-Encoding", "gzip").await;
    let plain = stage.guest().get(&records("posts")).await;
    let file = tempfile::NamedTempFile::with_suffix(".gz").expect("a file");
    std::fs::write(file.path(), &reply.body).expect("writes it");
    let unpacked = tokio::process::Command::new("gzip");
    let output = { unpacked }.arg("-dc").arg(file.path()).output().await;
    let output = output.expect("there is a gzip");
    assert_eq!(Bytes::from(output.stdout), plain.body);
}

#[tokio::test]
async fn a_question_for_the_head_alone_is_answered_with_the_same_head() {
    let stage = stage("").await;
    let ask = |method| {
        let call = stage.guest().call(method, &records("posts"));
        call.header("Accept-Encoding", "gzip")
    };
    let (whole, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
    assert!(head.body.is_empty());
    for name in ["content-encoding", "content-length", "content-type"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
}

#[tokio::test]
async fn nothing_with_a_token_in_it_is_compressed() {
    let stage = stage("").await;
    let alice = stage.log_in("alice").await;
    let accept = |call: hapta_tests::Call| call.header("Accept-Encoding", "gzip, br, zstd");
    let login = accept(stage.guest().authenticate("users", "alice@example.com")).await;
    let refresh = accept(alice.post("/api/collections/users/auth-refresh")).await;
    let file_token = accept(alice.post("/api/files/token")).await;
    let methods = accept(stage.guest().get("/api/collections/users/auth-methods")).await;
    for reply in [login, refresh, file_token, methods] {
        reply.expect(200);
        assert_eq!(encoding(&reply), None, "{reply:?}");
    }
    let body = json!({ "title": "mine" });
    let written = accept(alice.patch(&record("posts", POST_OF_ALICE)).json(&body)).await;
    assert_eq!((written.status, encoding(&written)), (200, Some("zstd")));
}

#[tokio::test]
async fn events_come_as_they_are_told() {
    let stage = stage("").await;
    let call = stage.guest().get("/api/realtime");
    let mut stream = call
        .header("Accept-Encoding", "gzip, br, zstd")
        .stream()
        .await;
    assert!(!stream.headers.contains_key("content-encoding"));
    let greeting = stream.event().await.expect("a greeting");
    assert_eq!(greeting.name, "PB_CONNECT");
}

#[tokio::test]
async fn pages_are_compressed_once_and_parts_and_files_of_records_never() {
    let page = "<p>hello</p>".repeat(100);
    let set_up = |gateway: hapta_tests::Setup| {
        let gateway = gateway.open("posts");
        gateway.also("[pages]\nfiles = [\"/{path...}\"]\ndashboard = \"on\"")
    };
    let files = [
        ("pb_public/index.html", page.as_str()),
        ("pb_public/a.png", "PNG"),
    ];
    let stage = Stage::with_files(&files, set_up).await;
    let ask = |path: &str| {
        let call = stage.guest().get(path);
        call.header("Accept-Encoding", "gzip")
    };
    let found = ask("/").await;
    assert_eq!(
        (found.status, encoding(&found)),
        (200, Some("gzip")),
        "{found:?}"
    );
    assert!(found.header("accept-ranges").is_none() && varies(&found));
    let part = ask("/").header("Range", "bytes=3-7").await;
    assert_eq!((part.status, encoding(&part)), (206, None));
    assert_eq!(part.body, "hello");
    let cover = ask(&format!("/api/files/posts/{POST_OF_ALICE}/cover.png")).await;
    assert_eq!(encoding(&cover), None);
    // PocketBase compresses its dashboard by itself.
    let dashboard = ask("/_/").await;
    assert_eq!(
        (dashboard.status, encoding(&dashboard)),
        (200, Some("gzip"))
    );
    assert_eq!(
        dashboard.headers.get_all("content-encoding").iter().count(),
        1
    );
    assert!(dashboard.body.starts_with(MAGIC[0].1));
    let twice = stage
        .gateway
        .metric("hapta_compressed_total{encoding=\"gzip\"}");
    assert_eq!(twice.await, Some(1.0));
}

#[tokio::test]
async fn what_is_short_or_turned_off_is_sent_as_it_is() {
    let list = records("posts");
    let off = stage("compression = []").await;
    let short = Stage::with(|gateway| {
        let settings = "[server]\ncompress_from = \"1MiB\"";
        gateway.open("posts").also(settings)
    })
    .await;
    for stage in [off, short] {
        let reply = stage
            .guest()
            .get(&list)
            .header("Accept-Encoding", "gzip")
            .await;
        let body: Value = reply.expect(200);
        assert_eq!(body["totalItems"], POSTS);
        assert_eq!(encoding(&reply), None);
    }
}
