//! What a client of HTTP/2 can hold, and for how long.

use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{Connection, SendRequest, handshake};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

use super::*;

type Client = SendRequest<Empty<bytes::Bytes>>;

const PATIENCE: Patience = Patience {
    head: Duration::from_secs(10),
    idle: Duration::from_mins(1),
};

/// More than fits into windows and buffers.
const MUCH: usize = 4 << 20;

fn serve(
    router: Router,
    stop: &CancellationToken,
) -> (DuplexStream, JoinHandle<hyper::Result<()>>) {
    let (client, stream) = tokio::io::duplex(64 << 10);
    let stop = stop.clone();
    let serving = tokio::spawn(async move {
        let peer = ([127, 0, 0, 1], 1).into();
        speak(stream, peer, &router, PATIENCE, &stop).await
    });
    (client, serving)
}

async fn connect(stream: DuplexStream) -> Client {
    let shaken = handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (client, connection): (Client, Connection<_, _, _>) = shaken.unwrap();
    tokio::spawn(connection);
    client
}

fn request(path: &str) -> hyper::Request<Empty<bytes::Bytes>> {
    let uri = format!("https://localhost{path}");
    hyper::Request::get(uri).body(Empty::new()).unwrap()
}

fn router() -> Router {
    let much = async || "x".repeat(MUCH);
    let never = async || std::future::pending::<&str>().await;
    Router::new()
        .route("/much", axum::routing::get(much))
        .route("/never", axum::routing::get(never))
        .fallback(async || "ok")
}

async fn text(client: &mut Client, path: &str) -> String {
    let answer = client.send_request(request(path)).await.unwrap();
    let whole = answer.into_body().collect().await.unwrap();
    String::from_utf8(whole.to_bytes().into()).unwrap()
}

fn about(elapsed: Duration, expected: Duration) {
    let latest = expected + 2 * LOOK;
    assert!(elapsed >= expected && elapsed <= latest, "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_come_whole_however_long_they_are() {
    let (stream, _serving) = serve(router(), &CancellationToken::new());
    let mut client = connect(stream).await;
    assert_eq!(text(&mut client, "/").await, "ok");
    assert_eq!(text(&mut client, "/much").await.len(), MUCH);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_uses_is_closed() {
    let begun = Instant::now();
    let (_silent, serving) = serve(router(), &CancellationToken::new());
    serving.await.unwrap().unwrap();
    about(begun.elapsed(), PATIENCE.head);

    let (stream, serving) = serve(router(), &CancellationToken::new());
    let mut client = connect(stream).await;
    assert_eq!(text(&mut client, "/").await, "ok");
    let begun = Instant::now();
    // Its client closes when it is told.
    let _ = serving.await.unwrap();
    about(begun.elapsed(), PATIENCE.idle);
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_keeps_it_open() {
    let (stream, serving) = serve(router(), &CancellationToken::new());
    let mut client = connect(stream).await;
    let waiting = tokio::spawn(client.send_request(request("/never")));
    tokio::time::sleep(3 * PATIENCE.idle).await;
    assert!(!serving.is_finished());
    waiting.abort();
}

/// It goes on with the connection, and lets one of its streams stand.
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_of_an_answer_is_given_up() {
    let (stream, serving) = serve(router(), &CancellationToken::new());
    let mut client = connect(stream).await;
    let begun = Instant::now();
    let stalled = client.send_request(request("/much")).await.unwrap();
    assert_eq!(text(&mut client, "/").await, "ok");
    serving.await.unwrap().unwrap();
    about(begun.elapsed(), WRITE_TIMEOUT);
    drop(stalled);
}

#[tokio::test(start_paused = true)]
async fn the_requests_under_way_are_the_last_when_it_ends() {
    let stop = CancellationToken::new();
    let slow = async || {
        tokio::time::sleep(PING / 4).await;
        "slow"
    };
    let (stream, serving) = serve(Router::new().fallback(slow), &stop);
    let mut client = connect(stream).await;
    let under_way = client.send_request(request("/"));
    tokio::time::sleep(PING / 8).await;
    stop.cancel();
    let answer = under_way.await.unwrap();
    let whole = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(whole, "slow");
    let _ = serving.await.unwrap();
    assert!(client.send_request(request("/")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_head_has_its_bounds() {
    let (stream, _serving) = serve(router(), &CancellationToken::new());
    let mut client = connect(stream).await;
    let with = |count: usize, length: usize| {
        let mut request = request("/");
        for number in 0..count {
            let name = format!("x-{number}")
                .parse::<axum::http::HeaderName>()
                .unwrap();
            let value = "v".repeat(length).parse().unwrap();
            request.headers_mut().insert(name, value);
        }
        request
    };
    for (count, length, expected) in [(HEADERS, 10, 200), (HEADERS + 1, 10, 431)] {
        let answer = client.send_request(with(count, length)).await.unwrap();
        assert_eq!(answer.status(), expected, "{count}");
    }
    // Its client knows the bound, and would not even send it.
    let answer = client.send_request(with(1, HEAD_BYTES)).await;
    assert!(answer.is_err() || answer.unwrap().status() == 431);
}

/// Streams that are begun and given up at once cost us work, and their client nothing.
#[tokio::test(start_paused = true)]
async fn a_flood_of_resets_ends_the_connection() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let router = Router::new().fallback(async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::pending::<&str>().await
    });
    let (mut stream, serving) = serve(router, &CancellationToken::new());
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    stream.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    // GET / by https of localhost, from the static table and one literal.
    let head = [&[0x82, 0x84, 0x87, 0x41, 9][..], b"localhost"].concat();
    let mut flood = Vec::new();
    for number in 0..2_000_u32 {
        let id = 2 * number + 1;
        flood.extend(frame(1, 5, id, &head));
        flood.extend(frame(3, 0, id, &8_u32.to_be_bytes()));
    }
    let (mut reader, mut writer) = tokio::io::split(stream);
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(&flood).await;
    });
    let mut told = Vec::new();
    let _ = reader.read_to_end(&mut told).await;
    assert!(serving.await.unwrap().is_err());
    writing.await.unwrap();
    assert!(calls.load(Ordering::Relaxed) < 2_000);
    // ENHANCE_YOUR_CALM
    assert!(told.windows(4).any(|code| code == 11_u32.to_be_bytes()));
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [head.as_slice(), payload].concat()
}
