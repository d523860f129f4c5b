//! Proxies before the gateway, those that are trusted and those that pose as one.

use std::fs;

use hapta_tests::demo::{FORWARDING_HEADER, records};
use hapta_tests::{Client, Reply, Stage, TestGateway, eventually};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TRUSTED: &str = "[server]\ntrusted_proxies = [\"127.0.0.9\"]";

/// From the proxy that is trusted.
fn proxy(gateway: &TestGateway) -> Client {
    gateway.client().from([127, 0, 0, 9])
}

/// A header, and what PocketBase hears of it.
async fn heard(stage: &Stage, client: &Client, headers: &[(&str, &str)]) -> Value {
    stage.proxy.take();
    let mut call = client.get(&records("posts"));
    for (name, value) in headers {
        call = call.header(name, value);
    }
    call.await.expect(200);
    let list = records("posts");
    let seen = stage.proxy.take();
    let seen = seen.iter().find(|seen| seen.target.starts_with(&list));
    let seen = seen.expect("it was asked");
    assert_eq!(seen.headers.get_all(FORWARDING_HEADER).iter().count(), 1);
    for name in [
        "X-Forwarded-For",
        "Forwarded",
        "CF-Connecting-IP",
        "X-Request-Id-Of-Mine",
    ] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    json!({
        "address": seen.header(FORWARDING_HEADER),
        "id": seen.header("x-request-id"),
        "place": seen.header("traceparent"),
    })
}

#[tokio::test]
async fn a_trusted_proxy_tells_for_whom_it_asks_and_nobody_else_does() {
    let stage = Stage::with(|gateway| gateway.open("posts").also(TRUSTED)).await;
    let (proxy, stranger) = (proxy(&stage.gateway), stage.guest());
    let spoofed = [
        ("X-Forwarded-For", "6.6.6.6, 203.0.113.9"),
        ("Forwarded", "for=6.6.6.6"),
        ("X-Real-IP", "6.6.6.6"),
        ("CF-Connecting-IP", "6.6.6.6"),
    ];
    let heard_of = async |client| heard(&stage, client, &spoofed).await["address"].clone();
    assert_eq!(heard_of(&proxy).await, "203.0.113.9");
    assert_eq!(heard_of(&stranger).await, "127.0.0.1");
    // Who says nothing, as one that looks whether the gateway is there, asks for himself.
    assert_eq!(heard(&stage, &proxy, &[]).await["address"], "127.0.0.9");
}

#[tokio::test]
async fn the_header_is_the_one_that_is_named() {
    for (name, value) in [
        (
            "Forwarded",
            "for=6.6.6.6, for=\"[2001:db8::9]:47\";proto=https",
        ),
        ("X-Real-IP", "2001:db8::9"),
        ("CF-Connecting-IP", "2001:db8::9"),
    ] {
        let settings = format!("{TRUSTED}\nclient_address_header = \"{name}\"");
        let stage = Stage::with(|gateway| gateway.open("posts").also(&settings)).await;
        let sent = [(name, value), ("X-Forwarded-For", "6.6.6.6")];
        let heard = heard(&stage, &proxy(&stage.gateway), &sent).await;
        assert_eq!(heard["address"], "2001:db8::9", "{name}");
    }
}

#[tokio::test]
async fn what_a_proxy_says_and_nobody_can_read_is_refused() {
    let stage = Stage::with(|gateway| gateway.open("posts").also(TRUSTED)).await;
    let proxy = proxy(&stage.gateway);
    stage.proxy.take();
    for value in ["nonsense", "203.0.113.9, unknown", "203.0.113.9, 1.2.3"] {
        let reply = proxy
            .get(&records("posts"))
            .header("X-Forwarded-For", value);
        assert_eq!(reply.await.code(400), "forwarded", "{value}");
    }
    assert!(stage.proxy.take().is_empty());
}

#[tokio::test]
async fn rules_see_the_client_and_no_header_that_tells_of_one() {
    let headers = [
        "x-forwarded-for",
        "forwarded",
        "cf-ipcountry",
        "x-real-ip",
        "x-tenant",
    ];
    let probe = json!({ "headers": headers });
    let stage = Stage::with(|gateway| {
        let gateway = gateway
            .rule_with("probe", &probe)
            .judged("posts", &["probe"]);
        gateway.also(TRUSTED)
    })
    .await;
    let mut call = proxy(&stage.gateway).get(&records("posts"));
    for name in headers {
        call = call.header(name, "203.0.113.9");
    }
    let seen = call.await.probed();
    assert_eq!(seen["client_ip"], "203.0.113.9");
    for name in headers {
        let expected = (name == "x-tenant").then_some("203.0.113.9");
        assert_eq!(seen["headers"][name].as_str(), expected, "{name}");
    }
}

/// Denied is whom a proxy asks for, and not the proxy that all come by.
#[tokio::test]
async fn bounds_by_address_are_about_whom_a_proxy_asks_for() {
    let settings = format!("{TRUSTED}\n[live]\nstreams_per_address = 1");
    let stage = Stage::with(|gateway| gateway.open("posts").also(&settings)).await;
    let proxy = proxy(&stage.gateway);
    let open = |address| {
        proxy
            .get("/api/realtime")
            .header("X-Forwarded-For", address)
    };
    let _one = open("203.0.113.9").stream().await;
    assert_eq!(open("203.0.113.9").await.code(429), "streams_of_address");
    let _other = open("203.0.113.10").stream().await;
    // Nor does a stranger get more by posing as others.
    let stranger = stage.guest();
    let open = |address| {
        stranger
            .get("/api/realtime")
            .header("X-Forwarded-For", address)
    };
    let _own = open("203.0.113.11").stream().await;
    assert_eq!(open("203.0.113.12").await.code(429), "streams_of_address");
}

#[tokio::test]
async fn a_trace_goes_on_and_an_id_is_kept_of_who_is_trusted() {
    const FILES: &str = "[log]\ndecisions = \"decisions.log\"";
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let settings = format!("{TRUSTED}\n{FILES}");
    let stage = Stage::with(|gateway| gateway.open("posts").also(&settings)).await;
    let place = format!("00-{TRACE}-b7ad6b7169203331-01");
    let sent = [
        ("Traceparent", place.as_str()),
        ("X-Request-Id", "of-the-proxy"),
    ];
    for (client, is_trusted) in [(proxy(&stage.gateway), true), (stage.guest(), false)] {
        let heard = heard(&stage, &client, &sent).await;
        let (id, told) = (
            heard["id"].as_str().unwrap(),
            heard["place"].as_str().unwrap(),
        );
        assert_eq!(id == "of-the-proxy", is_trusted);
        assert!(
            told.starts_with(&format!("00-{TRACE}-")) && told.ends_with("-01"),
            "{told}"
        );
        assert_ne!(told, place, "a span of its own");
        let logged = async || {
            let log = stage.gateway.folder().join("decisions.log");
            let text = fs::read_to_string(log).unwrap_or_default();
            let lines = text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            lines
                .into_iter()
                .find(|line: &Value| line["request.id"] == id)
        };
        let line = eventually("the line is written", logged).await;
        assert_eq!(line["trace.id"], TRACE);
    }
    let (one, other) = (
        heard(&stage, &stage.guest(), &[]).await,
        heard(&stage, &stage.guest(), &[]).await,
    );
    assert_ne!(
        one["place"].as_str().unwrap()[3..35],
        other["place"].as_str().unwrap()[3..35]
    );
    assert_ne!(one["id"], other["id"]);
}

#[tokio::test]
async fn one_connection_more_than_an_address_may_have_is_closed() {
    let settings = format!("{TRUSTED}\nconnections_per_address = 2");
    let stage = Stage::with(|gateway| gateway.open("posts").also(&settings)).await;
    let address = stage.gateway.address();
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        assert!(is_answered(&mut stream).await);
        held.push(stream);
    }
    let mut another = TcpStream::connect(address).await.expect("connects");
    assert!(!is_answered(&mut another).await, "it is closed");
    assert_eq!(
        stage
            .gateway
            .metric("hapta_connections_turned_away_total")
            .await,
        Some(1.0)
    );
    // Others have theirs, and a proxy that is trusted as many as it needs.
    let list = records("posts");
    stage
        .guest()
        .from([127, 0, 0, 3])
        .get(&list)
        .await
        .expect(200);
    let proxies = [(); 4].map(|()| proxy(&stage.gateway));
    let replies: Vec<Reply> =
        futures_util::future::join_all(proxies.iter().map(|proxy| proxy.get(&list).into_future()))
            .await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    held.pop();
    let is_free = async || {
        let mut stream = TcpStream::connect(address).await.ok()?;
        is_answered(&mut stream).await.then_some(())
    };
    eventually("there is room again", is_free).await;
}

async fn is_answered(stream: &mut TcpStream) -> bool {
    let request = "GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n";
    let asked = stream.write_all(request.as_bytes()).await.is_ok();
    // Closed by a reset, or by an end.
    asked && stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0)
}
