//! The doors: how many may come in at once, and how long anything may take.

use std::time::Duration;

use hapta_tests::demo::{POST_OF_ALICE, record, records};
use hapta_tests::{Answer, Reply, Setup, Stage, StubUpstream, TestGateway, eventually};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The bound on time that the tests set.
const SHORT: Duration = Duration::from_millis(300);
/// What a machine under load may add to it; all other bounds are longer.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn one_request_more_than_may_be_under_way_is_told_that_the_gateway_is_busy() {
    let (stub, gateway) = stub("[server]\nmax_requests = 1").await;
    stub.answer(&records("posts"), Answer::Stall);
    stub.answer(
        &record("posts", POST_OF_ALICE),
        Answer::Json(200, json!({ "id": POST_OF_ALICE, "collectionId": "pbc_1125843985", "collectionName": "posts" })),
    );
    let first = tokio::spawn(gateway.client().get(&records("posts")).into_future());
    arrived(&stub, &records("posts")).await;
    let post = record("posts", POST_OF_ALICE);
    assert_eq!(gateway.client().get(&post).await.code(503), "busy");
    assert_eq!(gateway.metric("hapta_in_flight").await, Some(1.0));
    let refused = "hapta_exchanges_total{operation=\"none\",status=\"503\"}";
    assert_eq!(gateway.metric(refused).await, Some(1.0));
    // Whose client goes away is no longer under way.
    first.abort();
    let free = async || (gateway.client().get(&post).await.status == 200).then_some(());
    eventually("there is room again", free).await;
    assert_eq!(gateway.metric("hapta_in_flight").await, Some(0.0));
}

#[tokio::test]
async fn one_connection_more_than_may_be_open_waits_until_another_closes() {
    let stage = Stage::with(|gateway| open(gateway, "[server]\nmax_connections = 1")).await;
    let mut first = TcpStream::connect(stage.gateway.address())
        .await
        .expect("connects");
    assert_eq!(ask_on(&mut first, &records("posts")).await, 200);
    stage.proxy.take();
    let post = record("posts", POST_OF_ALICE);
    let second = tokio::spawn(stage.guest().get(&post).into_future());
    for _ in 0..20 {
        assert_eq!(ask_on(&mut first, &records("posts")).await, 200);
    }
    assert!(
        !stage
            .proxy
            .take()
            .iter()
            .any(|seen| seen.target.contains(POST_OF_ALICE)),
        "it waits"
    );
    assert_eq!(stage.gateway.metric("hapta_connections").await, Some(1.0));
    drop(first);
    second.await.expect("no panic").expect(200);
}

#[tokio::test]
async fn a_full_house_does_not_hold_up_the_end() {
    let (_stub, gateway) = stub("[server]\nmax_connections = 1\nheader_timeout = \"1h\"").await;
    let mut idle = TcpStream::connect(gateway.address())
        .await
        .expect("connects");
    assert_eq!(ask_on(&mut idle, "/api/health").await, 200);
    let started = Instant::now();
    gateway.stop().await;
    assert!(started.elapsed() < SOON, "it took {:?}", started.elapsed());
}

#[tokio::test]
async fn a_head_that_does_not_come_is_cut() {
    let (_stub, gateway) = stub("[server]\nheader_timeout = \"300ms\"").await;
    for begun in ["", "GET /api/health HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = TcpStream::connect(gateway.address())
            .await
            .expect("connects");
        stream.write_all(begun.as_bytes()).await.expect("sends");
        let mut answer = Vec::new();
        let cut = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await;
        assert!(cut.is_ok(), "after {begun:?} the connection stays");
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{answer}"
        );
    }
    let closed = async || {
        gateway
            .metric("hapta_connections")
            .await
            .filter(|open| *open == 0.0)
    };
    eventually("no connection is counted", closed).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_with_the_request_s_time() {
    let (_stub, gateway) = stub("[server]\nrequest_timeout = \"300ms\"").await;
    let login = "POST /api/collections/users/auth-with-password HTTP/1.1\r\nHost: x\r\n\
                 Connection: close\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let started = Instant::now();
    let reply = gateway.client().bytes(login.as_bytes()).await;
    assert_eq!(reply.code(503), "late");
    assert!((SHORT..SOON).contains(&started.elapsed()));
}

#[tokio::test]
async fn a_request_ends_in_its_time_however_long_pocketbase_may_take() {
    let times = "[server]\nrequest_timeout = \"300ms\"\n[pocketbase]\ntimeout = \"1h\"";
    assert_eq!(stalled(times).await.code(503), "late");
}

#[tokio::test]
async fn pocketbase_has_its_time_to_answer_and_no_more() {
    assert_eq!(
        stalled("[pocketbase]\ntimeout = \"300ms\"").await.code(504),
        "upstream_late"
    );
}

async fn stub(more: &str) -> (StubUpstream, TestGateway) {
    let stub = StubUpstream::start().await;
    let gateway = open(Setup::before(stub.address()), more).start().await;
    (stub, gateway)
}

/// What a client gets when PocketBase says nothing, and that it gets it in time.
async fn stalled(times: &str) -> Reply {
    let (stub, gateway) = stub(times).await;
    stub.answer(&records("posts"), Answer::Stall);
    let started = Instant::now();
    let reply = gateway.client().get(&records("posts")).await;
    assert!((SHORT..SOON).contains(&started.elapsed()), "{times}");
    reply
}

async fn arrived(stub: &StubUpstream, target: &str) {
    let seen = async || {
        stub.seen()
            .iter()
            .any(|seen| seen.target.starts_with(target))
            .then_some(())
    };
    eventually("PocketBase is asked", seen).await;
}

/// Asks on a connection that stays open, and reads the whole answer.
async fn ask_on(stream: &mut TcpStream, target: &str) -> u16 {
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sends");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("reads"));
    }
    let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.expect("a length").parse().expect("a number")];
    stream.read_exact(&mut body).await.expect("reads");
    head[9..12].parse().expect("a status")
}

fn open(gateway: Setup, more: &str) -> Setup {
    gateway.open("posts").open("users").also(more)
}
