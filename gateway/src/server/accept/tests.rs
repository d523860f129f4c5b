//! What a client that does not read an event stream can hold.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use axum::http::Method;
use axum::response::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use futures_util::FutureExt;

use super::*;
use crate::doors::http::write;
use crate::realtime::{
    Events, Holder, Identity, Mode, Most, Outcome, Realtime, RealtimeError, Settings,
};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const FOR: Duration = Duration::from_secs(110);
const PATIENCE: Patience = ADMIN_PATIENCE;
const A_MOMENT: Duration = Duration::from_millis(2);

/// One stream, for a login of so long.
fn realtime(login_for: Duration) -> Arc<Realtime> {
    let settings = Settings {
        streams: 1,
        per_address: 1,
        per_principal: 1,
        topics: 1,
        topics_per_address: 1,
        queue: 8,
        queue_bytes: 1 << 20,
        unsubscribed: login_for,
        login_for,
        heartbeat: Duration::from_secs(20),
        retry: (Duration::from_secs(1), Duration::from_secs(1)),
    };
    let most = Most {
        lines: 1,
        classes: 1,
    };
    let realtime = Arc::new(Realtime::new(settings, Mode::Classes, most));
    let swept = Arc::downgrade(&realtime);
    tokio::spawn(async move {
        let mut times = tokio::time::interval(A_MOMENT / 2);
        while let Some(realtime) = swept.upgrade() {
            realtime.sweep(Instant::now());
            drop(realtime);
            times.tick().await;
        }
    });
    realtime
}

/// A stream that somebody waits on, and its client id.
fn subscribed(realtime: &Realtime) -> (Events, String) {
    let events = realtime.connect(ADDRESS).unwrap();
    let id = events.id().to_owned();
    let holder = Holder {
        identity: Identity::Guest,
        token: None,
        expires: None,
        generation: 1,
        login: true,
        topics: 0,
    };
    let nothing = async |_: &Arc<_>| Ok::<_, RealtimeError>(Vec::<()>::new());
    let asking = realtime.subscribe(&id, ADDRESS, holder, nothing);
    asking.now_or_never().unwrap().unwrap();
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
fn served<S>(events: Events, stream: S, stop: &CancellationToken) -> JoinHandle<()>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let events = Arc::new(Mutex::new(Some(events)));
    let answer = move || -> Response {
        let events = events.lock().unwrap().take().expect("one request");
        write(pipeline::Response::events(events), &Method::GET)
    };
    let router = Router::new().fallback(async move || answer());
    let (peer, stop) = ((ADDRESS, 1).into(), stop.clone());
    tokio::spawn(async move {
        serve(bounded(stream), peer, &router, PATIENCE, &stop).await;
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
    let stop = CancellationToken::new();
    let serving = served(events, stream, &stop);
    let begun = Instant::now();
    ask(&mut client).await;
    let head = read_to(&mut client, "\r\n\r\n").await.to_lowercase();
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
    for header in [
        "content-type: text/event-stream",
        "cache-control: no-store",
        "x-accel-buffering: no",
        "transfer-encoding: chunked",
        // No longer hyper's.
        "connection: close",
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
    let stop = CancellationToken::new();
    let serving = served(events, stream, &stop);
    ask(&mut client).await;
    read_to(&mut client, "\n\n").await;
    let gone = Instant::now();
    drop(client);
    serving.await.unwrap();
    assert_eq!(gone.elapsed(), Duration::ZERO);
    assert_eq!(realtime.counts().streams, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_not_waited_for() {
    let realtime = realtime(FOR);
    let (events, _) = subscribed(&realtime);
    // Not even the head fits in.
    let (mut client, stream) = tokio::io::duplex(64);
    let begun = Instant::now();
    let stop = CancellationToken::new();
    let serving = served(events, stream, &stop);
    ask(&mut client).await;
    serving.await.unwrap();
    assert!(begun.elapsed() <= WRITE_TIMEOUT + A_MOMENT);
    assert_eq!(realtime.counts().streams, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_byte_now_and_then_is_told_nothing_beyond_the_deadline() {
    let realtime = realtime(FOR);
    let (events, id) = subscribed(&realtime);
    let (mut client, stream) = tokio::io::duplex(64);
    let stop = CancellationToken::new();
    let serving = served(events, stream, &stop);
    ask(&mut client).await;
    told(&realtime, &id);
    for _ in 0..5 {
        client.read_u8().await.unwrap();
        sleep((FOR / 5).saturating_sub(A_MOMENT)).await;
    }
    client.read_u8().await.unwrap();
    assert!(realtime.check(&id, ADDRESS, &Identity::Guest).is_ok());
    sleep(6 * A_MOMENT).await;
    assert!(realtime.check(&id, ADDRESS, &Identity::Guest).is_err());
    // The connection may go on for as long as it makes headway, as any may, and has its
    // place until then.
    assert!(!serving.is_finished());
    assert_eq!(realtime.counts().streams, 1);
    assert!(realtime.connect(ADDRESS).is_err());
    sleep(WRITE_TIMEOUT).await;
    serving.await.unwrap();
    assert_eq!(realtime.counts().streams, 0);
}

#[tokio::test(start_paused = true)]
async fn streams_do_not_keep_the_gateway_from_its_end() {
    let realtime = realtime(FOR);
    let (events, _) = subscribed(&realtime);
    let (mut client, stream) = tokio::io::duplex(64 << 10);
    let stop = CancellationToken::new();
    let serving = served(events, stream, &stop);
    ask(&mut client).await;
    read_to(&mut client, "\n\n").await;
    let asked = Instant::now();
    realtime.end();
    stop.cancel();
    serving.await.unwrap();
    assert_eq!(asked.elapsed(), Duration::ZERO);
    let rest = read_to(&mut client, "\r\n0\r\n\r\n").await;
    assert!(rest.contains("{\"code\":\"shutdown\","), "{rest}");
}

/// A stream that somebody waits on, behind something large.
fn behind_much(realtime: &Realtime) -> Router {
    let events = Arc::new(Mutex::new(Some(subscribed(realtime).0)));
    let stream = async move || -> Response {
        let events = events.lock().unwrap().take().expect("one request");
        write(pipeline::Response::events(events), &Method::GET)
    };
    let much = async || "x".repeat(MUCH);
    let routes = Router::new().route("/much", axum::routing::get(much));
    routes.fallback(stream)
}

const MUCH: usize = 100_000;
const ASKED_FOR_MUCH: &[u8] = b"GET /much HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What was asked for before is not lost with hyper, however slowly it is read.
#[tokio::test(start_paused = true)]
async fn what_was_asked_for_before_a_stream_is_answered_in_full() {
    for is_read_first in [true, false] {
        let realtime = realtime(FOR);
        let router = behind_much(&realtime);
        let (mut client, stream) = tokio::io::duplex(1 << 10);
        let stop = CancellationToken::new();
        let serving = tokio::spawn(async move {
            let peer = (ADDRESS, 1).into();
            serve(bounded(stream), peer, &router, PATIENCE, &stop).await;
        });
        client.write_all(ASKED_FOR_MUCH).await.unwrap();
        if is_read_first {
            read_to(&mut client, &"x".repeat(MUCH)).await;
            ask(&mut client).await;
        } else {
            ask(&mut client).await;
            sleep(A_MOMENT).await;
            read_to(&mut client, &"x".repeat(MUCH)).await;
        }
        let head = read_to(&mut client, "\r\n\r\n").await.to_lowercase();
        assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
        let has_left = head.contains("connection: close");
        assert!(has_left || !is_read_first, "{head}");
        read_to(&mut client, "\n\n").await;
        drop(client);
        serving.await.unwrap();
        assert_eq!(realtime.counts().streams, 0);
    }
}

/// There are ten thousand of them; hyper and TLS have their own boxes, which are gone by then.
#[tokio::test]
async fn what_is_left_of_a_connection_is_small() {
    let (client, _) = tokio::io::duplex(1);
    let (router, stop) = (Router::new(), CancellationToken::new());
    let stream = bounded(client);
    let peer = (ADDRESS, 1).into();
    let serving = serve(stream, peer, &router, PATIENCE, &stop);
    let size = size_of_val(&serving);
    assert!(size <= 1 << 10, "{size}");
}

/// So much of it is read, so that the end of a client is noticed, and no more.
#[tokio::test(start_paused = true)]
async fn what_is_sent_on_a_stream_has_no_answer() {
    let realtime = realtime(FOR);
    let (events, id) = subscribed(&realtime);
    let (mut client, stream) = tokio::io::duplex(64 << 10);
    let stop = CancellationToken::new();
    let serving = served(events, stream, &stop);
    ask(&mut client).await;
    read_to(&mut client, "\n\n").await;
    for _ in 0..100 {
        ask(&mut client).await;
    }
    told(&realtime, &id);
    let event = read_to(&mut client, "\n\n").await;
    assert!(event.contains("event:@oauth2"), "{event}");
    let rest = read_to(&mut client, "\r\n0\r\n\r\n").await;
    assert!(!rest.contains("HTTP/1.1"), "{rest}");
    serving.await.unwrap();
}

/// Without chunks, which it does not know.
#[tokio::test(start_paused = true)]
async fn a_client_of_http_1_0_is_sent_its_events_as_they_are() {
    let realtime = realtime(FOR);
    let (events, _) = subscribed(&realtime);
    let (mut client, stream) = tokio::io::duplex(64 << 10);
    let stop = CancellationToken::new();
    let serving = served(events, stream, &stop);
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let head = read_to(&mut client, "\r\n\r\n").await.to_lowercase();
    assert!(!head.contains("transfer-encoding"), "{head}");
    let greeting = read_to(&mut client, "\n\n").await;
    assert!(greeting.starts_with("retry:"), "{greeting}");
    drop(client);
    serving.await.unwrap();
}

/// All that a login has told fits into the system's buffer of a socket, so even where
/// nobody reads, nothing waits for anybody.
#[tokio::test]
async fn a_socket_that_nobody_reads_is_closed_at_the_deadline() {
    let login_for = Duration::from_millis(300);
    let begun = Instant::now();
    let realtime = realtime(login_for);
    let (events, id) = subscribed(&realtime);
    let listener = TcpListener::bind((ADDRESS, 0)).await.unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    let connecting = socket.connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(connecting, listener.accept());
    let mut client = client.unwrap();
    let stop = CancellationToken::new();
    let serving = served(events, accepted.unwrap().0, &stop);
    ask(&mut client).await;
    told(&realtime, &id);
    // Looks whether the answer has begun, and takes nothing of it.
    client.peek(&mut [0]).await.unwrap();
    // What is asked to end does so with the stream, and not when it can be written.
    stop.cancel();
    serving.await.unwrap();
    assert!(begun.elapsed() >= login_for);
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(realtime.counts().streams, 0);
}

#[tokio::test]
async fn who_is_gone_without_a_word_is_noticed() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, (accepted, _)) = tokio::join!(client, next(&listener));
    assert_eq!(sockopt::tcp_user_timeout(&accepted), Ok(UNCONFIRMED_MS));
    assert!(accepted.nodelay().unwrap());
    drop(client);
}
