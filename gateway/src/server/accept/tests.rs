//! What a client that does not read an event stream can hold.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use axum::response::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;
use crate::doors::http::write;
use crate::realtime::{Events, Outcome, Realtime, Settings};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const FOR: Duration = Duration::from_secs(110);
const A_MOMENT: Duration = Duration::from_millis(2);

fn realtime(pending_for: Duration) -> Realtime {
    Realtime::new(Settings {
        pending: 1,
        pending_per_address: 1,
        pending_for,
    })
}

/// A stream that somebody waits on, and its client id.
fn subscribed(realtime: &Realtime) -> (Events, String) {
    let events = realtime.connect(ADDRESS).unwrap();
    let id = events.id().to_owned();
    let topics = ["@oauth2".to_owned()];
    realtime.subscribe(&id, ADDRESS, &topics).unwrap();
    (events, id)
}

fn told(realtime: &Realtime, id: &str) {
    let outcome = Outcome {
        state: id.to_owned(),
        code: "c".repeat(8_000),
        error: None,
    };
    realtime.deliver(ADDRESS, &outcome).unwrap();
}

/// Serves the stream to whoever asks, as the door does, on one connection.
fn served<S>(events: Events, stream: S, graceful: &GracefulShutdown) -> JoinHandle<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let events = Arc::new(Mutex::new(Some(events)));
    let answer = move || -> Response {
        let events = events.lock().unwrap().take().expect("one request");
        write(pipeline::Response::events(events), &Method::GET)
    };
    let router = Router::new().fallback(async move || answer());
    let (peer, watcher) = ((ADDRESS, 1).into(), graceful.watcher());
    tokio::spawn(async move {
        serve(stream, peer, &router, Duration::from_secs(10), watcher).await;
    })
}

async fn ask(client: &mut (impl AsyncWrite + Unpin)) {
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write_all(request).await.unwrap();
}

/// Reads up to a text.
async fn read_to(client: &mut DuplexStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push(char::from(client.read_u8().await.unwrap()));
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_sent_as_pocketbase_sends_one() {
    let realtime = realtime(FOR);
    let (events, id) = subscribed(&realtime);
    let (mut client, stream) = tokio::io::duplex(64 << 10);
    let graceful = GracefulShutdown::new();
    let serving = served(events, stream, &graceful);
    let begun = Instant::now();
    ask(&mut client).await;
    let head = read_to(&mut client, "\r\n\r\n").await.to_lowercase();
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
    for header in [
        "content-type: text/event-stream",
        "cache-control: no-store",
        "x-accel-buffering: no",
        "transfer-encoding: chunked",
    ] {
        assert!(head.contains(&format!("\r\n{header}\r\n")), "{head}");
    }
    let greeting = read_to(&mut client, "\n\n").await;
    assert!(greeting.contains("event:PB_CONNECT"), "{greeting}");
    // At once: nothing waits for more to send.
    assert_eq!(begun.elapsed(), Duration::ZERO);
    told(&realtime, &id);
    let event = read_to(&mut client, "\n\n").await;
    assert!(event.contains("event:@oauth2"), "{event}");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    // To its deadline, with a sign of life every 20 s, and then a proper end.
    let rest = read_to(&mut client, "\r\n0\r\n\r\n").await;
    assert_eq!(rest.matches(":\n").count(), 5, "{rest}");
    assert!(begun.elapsed() >= FOR && begun.elapsed() <= FOR + A_MOMENT);
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_leaves_nothing() {
    let realtime = realtime(FOR);
    let (events, _) = subscribed(&realtime);
    let (mut client, stream) = tokio::io::duplex(64 << 10);
    let graceful = GracefulShutdown::new();
    let serving = served(events, stream, &graceful);
    ask(&mut client).await;
    read_to(&mut client, "\n\n").await;
    let gone = Instant::now();
    drop(client);
    serving.await.unwrap();
    assert_eq!(gone.elapsed(), Duration::ZERO);
    assert_eq!(realtime.counts().pending, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_not_waited_for() {
    let realtime = realtime(FOR);
    let (events, _) = subscribed(&realtime);
    // Not even the head fits in.
    let (mut client, stream) = tokio::io::duplex(64);
    let begun = Instant::now();
    let graceful = GracefulShutdown::new();
    let serving = served(events, stream, &graceful);
    ask(&mut client).await;
    serving.await.unwrap();
    assert!(begun.elapsed() <= WRITE_TIMEOUT + A_MOMENT);
    assert_eq!(realtime.counts().pending, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_byte_now_and_then_holds_no_place_beyond_the_deadline() {
    let realtime = realtime(FOR);
    let (events, id) = subscribed(&realtime);
    let (mut client, stream) = tokio::io::duplex(64);
    let graceful = GracefulShutdown::new();
    let serving = served(events, stream, &graceful);
    ask(&mut client).await;
    told(&realtime, &id);
    for _ in 0..5 {
        client.read_u8().await.unwrap();
        sleep((FOR / 5).saturating_sub(A_MOMENT)).await;
    }
    client.read_u8().await.unwrap();
    assert_eq!(realtime.counts().pending, 1);
    sleep(6 * A_MOMENT).await;
    // The connection may go on for as long as it makes headway, as any may.
    assert!(!serving.is_finished());
    assert_eq!(realtime.counts().pending, 0);
    assert!(realtime.connect(ADDRESS).is_ok());
    sleep(WRITE_TIMEOUT).await;
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn streams_do_not_keep_the_gateway_from_its_end() {
    let realtime = realtime(FOR);
    let (events, _) = subscribed(&realtime);
    let (mut client, stream) = tokio::io::duplex(64 << 10);
    let graceful = GracefulShutdown::new();
    let serving = served(events, stream, &graceful);
    ask(&mut client).await;
    read_to(&mut client, "\n\n").await;
    let asked = Instant::now();
    realtime.end();
    graceful.shutdown().await;
    serving.await.unwrap();
    assert_eq!(asked.elapsed(), Duration::ZERO);
    assert!(read_to(&mut client, "0\r\n\r\n").await.starts_with("\r\n"));
}

/// All that is ever sent fits into the system's buffer of a socket, so even where
/// nobody reads, nothing waits for anybody.
#[tokio::test]
async fn a_socket_that_nobody_reads_is_closed_at_the_deadline() {
    let pending_for = Duration::from_millis(300);
    let realtime = realtime(pending_for);
    let (events, id) = subscribed(&realtime);
    let listener = TcpListener::bind((ADDRESS, 0)).await.unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    let connecting = socket.connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(connecting, listener.accept());
    let mut client = client.unwrap();
    let begun = Instant::now();
    let graceful = GracefulShutdown::new();
    let serving = served(events, accepted.unwrap().0, &graceful);
    ask(&mut client).await;
    told(&realtime, &id);
    // Looks whether the answer has begun, and takes nothing of it.
    client.peek(&mut [0]).await.unwrap();
    // What is asked to end does so with the stream, and not when it can be written.
    graceful.shutdown().await;
    serving.await.unwrap();
    assert!(begun.elapsed() >= pending_for);
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(realtime.counts().pending, 0);
}
