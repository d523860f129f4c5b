//! The bounds of sizes and numbers, each at its edge. Of rules: `limits`; of time: `doors`.

use hapta_tests::demo::{ALICE, BOB, CAROL, POST_OF_ALICE, record, records};
use hapta_tests::{Answer, PATIENCE, Setup, Stage, StubUpstream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_body_may_be_as_large_as_max_body_and_not_a_byte_larger() {
    let stage = Stage::with(|gateway| posts(gateway, "[server]\nmax_body = \"1KiB\"")).await;
    let alice = stage.log_in("alice").await;
    alice
        .post(&records("posts"))
        .body("application/json", body_of(1024))
        .await
        .expect(200);
    stage.proxy.take();
    let refused = alice
        .post(&records("posts"))
        .body("application/json", body_of(1025))
        .await;
    assert_eq!(refused.code(413), "body_too_large");
    // Nor where its length isn't told beforehand.
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n{}\r\n0\r\n\r\n",
        records("posts"),
        alice.token(),
        body_of(1025),
    );
    let refused = stage.guest().bytes(request.as_bytes()).await;
    assert_eq!(refused.code(413), "body_too_large");
    assert!(
        !stage
            .proxy
            .take()
            .iter()
            .any(|seen| seen.target.starts_with(&records("posts"))),
        "PocketBase never hears of it"
    );
}

#[tokio::test]
async fn an_answer_may_be_as_large_as_max_response_and_not_a_byte_larger() {
    let stub = StubUpstream::start().await;
    let gateway = posts(
        Setup::before(stub.address()),
        "[pocketbase]\nmax_response = \"64KiB\"",
    )
    .start()
    .await;
    let target = record("posts", POST_OF_ALICE);
    let padding = 65_536 - post("").to_string().len();
    for (more, status) in [(0, 200), (1, 400)] {
        let answer = post(&"x".repeat(padding + more));
        stub.answer(&target, Answer::Json(200, answer));
        let reply = gateway.client().get(&target).await;
        assert_eq!(reply.status, status, "{more} more");
        assert!(status == 200 || reply.code(400) == "answer_too_large");
    }
}

#[tokio::test]
async fn a_query_and_a_head_have_a_size() {
    let stage = Stage::with(|gateway| posts(gateway, "")).await;
    let padded = |bytes: usize| format!("{}?expand={}", records("posts"), "a".repeat(bytes - 7));
    // What fits is read, and then refused for what it says.
    for (bytes, refusal) in [(32 << 10, "unknown_path"), ((32 << 10) + 1, "query")] {
        assert_eq!(
            stage.guest().get(&padded(bytes)).await.code(400),
            refusal,
            "{bytes}"
        );
    }
    let header = "a".repeat(60 << 10);
    stage
        .guest()
        .get(&records("posts"))
        .header("x-long", &header)
        .await
        .expect(200);
    stage.proxy.take();
    // The gateway hangs up on what it no longer reads, so its answer may get lost.
    let mut stream = TcpStream::connect(stage.gateway.address())
        .await
        .expect("connects");
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n",
        records("posts"),
        "a".repeat(1 << 20)
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection stays");
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    assert!(
        stage.proxy.take().is_empty(),
        "PocketBase never hears of it"
    );
}

#[tokio::test]
async fn more_people_than_are_remembered_are_still_told_apart() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway
            .rule("probe")
            .judged("posts", &["probe"])
            .open("users");
        gateway.also("[sessions]\nremembered = 1")
    })
    .await;
    let mut people = Vec::new();
    for (name, id) in [("alice", ALICE), ("bob", BOB), ("carol", CAROL)] {
        people.push((stage.log_in(name).await, id));
    }
    for _ in 0..5 {
        for (client, id) in &people {
            let seen = client.get(&records("posts")).await.refused(418);
            let seen: Value =
                serde_json::from_str(seen["message"].as_str().expect("a message")).expect("JSON");
            assert_eq!(seen["principal"]["id"], *id);
        }
    }
}

#[tokio::test]
async fn a_page_is_looked_for_in_as_many_records_as_list_scan_says() {
    let stub = StubUpstream::start().await;
    let settings = json!({ "field": "status", "value": "draft" });
    let setup = Setup::before(stub.address()).rule_with("drop_records", &settings);
    let gateway = setup
        .judged("posts", &["drop_records"])
        .also("[rules]\nlist_scan = 250\ndeadline = \"1m\"")
        .start()
        .await;
    // Every page that is read has one record that may be seen and 99 that may not.
    let mut items = vec![post("draft"); 100];
    items[50] = post("published");
    let page =
        json!({ "items": items, "page": 1, "perPage": 100, "totalItems": -1, "totalPages": -1 });
    stub.answer(&records("posts"), Answer::Json(200, page));
    let ask = async |per_page| {
        gateway
            .client()
            .get(&format!("{}?perPage={per_page}", records("posts")))
            .await
    };
    assert_eq!(
        ask(3).await.expect(200)["items"]
            .as_array()
            .expect("a list")
            .len(),
        3
    );
    let refused = ask(4).await;
    assert_eq!(refused.code(400), "sparse_list");
    assert!(
        refused.json()["message"]
            .as_str()
            .expect("a message")
            .contains("300 records")
    );
    let read = stub
        .seen()
        .iter()
        .filter(|seen| seen.target.starts_with(&records("posts")))
        .count();
    assert_eq!(read, 6, "three pages each");
}

#[tokio::test]
async fn a_bound_of_nothing_or_beyond_all_reason_stops_the_start() {
    let stub = StubUpstream::start().await;
    let bounds = [
        ("server", "max_body", "\"0B\""),
        ("server", "max_requests", "0"),
        ("server", "max_requests", "9223372036854775807"),
        ("server", "max_connections", "0"),
        ("server", "max_connections", "9223372036854775807"),
        ("server", "connections_per_address", "0"),
        ("server", "header_timeout", "\"0s\""),
        ("server", "idle_timeout", "\"0s\""),
        ("server", "request_timeout", "\"0s\""),
        ("pocketbase", "timeout", "\"0s\""),
        ("pocketbase", "max_response", "\"0B\""),
        ("pocketbase", "schema_interval", "\"0s\""),
        ("sessions", "remembered", "9223372036854775807"),
        ("rules", "instances", "0"),
        ("rules", "poll", "\"0s\""),
        ("rules", "cpu", "\"0s\""),
        ("rules", "deadline", "\"0s\""),
        ("rules", "memory", "\"0B\""),
        ("rules", "memory", "\"1TiB\""),
        ("rules", "running", "0"),
    ];
    let mut wrong = Vec::new();
    for (section, key, value) in bounds {
        let setup = Setup::before(stub.address()).open("posts");
        let start = setup
            .also(&format!("[{section}]\n{key} = {value}"))
            .try_start();
        match tokio::spawn(start).await {
            Ok(Err(error)) if error.contains(section) && error.contains(key) => {}
            Ok(Err(error)) => wrong.push(format!("{section}.{key} = {value} is told as: {error}")),
            Ok(Ok(_)) => wrong.push(format!("{section}.{key} = {value} starts")),
            Err(panic) => wrong.push(format!("{section}.{key} = {value} panics: {panic}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn posts(gateway: Setup, more: &str) -> Setup {
    gateway.open("posts").open("users").also(more)
}

/// The body of a create, of just this many bytes.
fn body_of(bytes: usize) -> String {
    let rest = json!({ "title": "" }).to_string().len();
    json!({ "title": "x".repeat(bytes - rest) }).to_string()
}

fn post(status: &str) -> Value {
    json!({ "id": POST_OF_ALICE, "collectionId": "pbc_1125843985", "collectionName": "posts", "status": status })
}
