//! Streams of a PocketBase that is none.

use bytesize::ByteSize;
use http::HeaderName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::{Credential, Untested};
use super::*;

const HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
const GREETING: &str = "id:me\nevent:PB_CONNECT\ndata:{\"clientId\":\"me\"}\n\n";
const EVENT: &str = "id:me\nevent:a/*\ndata:{\"action\":\"create\",\"record\":{\"id\":\"1\",\"collectionId\":\"2\",\"collectionName\":\"a\"}}\n\n";

/// An upstream, and where it is listened for.
async fn upstream() -> (Arc<Upstream>, TcpListener) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let upstream = Upstream::new(Settings {
        url: format!("http://{address}").parse().unwrap(),
        ca: None,
        untested: Untested::Refuse,
        credential: Credential::TokenFile("none".into()),
        forwarding_header: HeaderName::from_static("x-real-ip"),
        timeout: Duration::from_millis(500),
        max_response: ByteSize::kib(1),
        schema_interval: Duration::from_mins(1),
    });
    (upstream.unwrap(), listener)
}

/// The next connection, whose request was answered with these bytes.
async fn answer(listener: &TcpListener, bytes: &str) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = [0; 4096];
    let read = stream.read(&mut request).await.unwrap();
    assert!(read > 0);
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// A stream, and the connection that it comes by.
async fn open() -> (Notices, TcpStream) {
    let (upstream, listener) = upstream().await;
    let bytes = format!("{HEAD}{GREETING}");
    let (opened, stream) = tokio::join!(upstream.listen(), answer(&listener, &bytes));
    (opened.unwrap().1, stream)
}

#[track_caller]
fn check(error: &UpstreamError, expected: &str) {
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_stream_without_its_first_event_is_none() {
    let json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let limited = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n";
    let garbled = "the answer of PocketBase is not as expected: ";
    let all = [
        (
            String::new(),
            "PocketBase did not answer within 500ms".to_owned(),
        ),
        (
            HEAD.to_owned(),
            "PocketBase did not answer within 500ms".to_owned(),
        ),
        (
            format!("{HEAD}id:me\n"),
            "PocketBase did not answer within 500ms".to_owned(),
        ),
        (
            format!("{HEAD}{EVENT}"),
            format!("{garbled}on an event stream, the first event doesn't name the stream"),
        ),
        (
            json.to_owned(),
            format!("{garbled}an event stream is answered with 200 OK"),
        ),
        (
            limited.to_owned(),
            "PocketBase asks for fewer requests".to_owned(),
        ),
    ];
    for (bytes, expected) in all {
        let (upstream, listener) = upstream().await;
        let (opened, _stream) = tokio::join!(upstream.listen(), answer(&listener, &bytes));
        check(&opened.unwrap_err(), &expected);
    }
    let (upstream, listener) = upstream().await;
    let ended = async { drop(answer(&listener, HEAD).await) };
    let (opened, ()) = tokio::join!(upstream.listen(), ended);
    check(
        &opened.unwrap_err(),
        "PocketBase is away: an event stream ended before its first event",
    );
}

#[tokio::test]
async fn nothing_is_lost_by_who_stops_waiting() {
    let (mut notices, mut stream) = open().await;
    for part in EVENT.as_bytes().chunks(7) {
        stream.write_all(part).await.unwrap();
        let short = Duration::from_millis(2);
        if let Ok(next) = tokio::time::timeout(short, notices.next()).await {
            assert_eq!(next.unwrap().unwrap().topic, "a/*");
            return;
        }
    }
    assert_eq!(notices.next().await.unwrap().unwrap().topic, "a/*");
}

#[tokio::test]
async fn an_end_between_events_is_no_loss_and_one_within_is() {
    let (mut notices, mut stream) = open().await;
    stream.write_all(EVENT.as_bytes()).await.unwrap();
    drop(stream);
    assert!(notices.next().await.unwrap().is_some());
    assert_eq!(notices.next().await.unwrap(), None);
    assert_eq!(notices.next().await.unwrap(), None);

    let (mut notices, mut stream) = open().await;
    stream.write_all(b"id:me\nevent").await.unwrap();
    drop(stream);
    check(
        &notices.next().await.unwrap_err(),
        "PocketBase is away: an event stream ended within an event",
    );
    assert_eq!(notices.next().await.unwrap(), None);
}

#[tokio::test]
async fn after_what_is_no_event_nothing_is_taken() {
    let large = format!("id:me\nevent:a/*\ndata:{}", "x".repeat(1024));
    let all = [
        "id:you\nevent:a/*\ndata:{}\n\n",
        "id:me\nevent:a/*\ndata:{}\n\n",
        "nonsense\n\n",
        &large,
    ];
    for bytes in all {
        let (mut notices, mut stream) = open().await;
        let bytes = format!("{bytes}{EVENT}");
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let error = notices.next().await.unwrap_err();
        assert!(matches!(error, UpstreamError::Garbled(_)), "{error}");
        assert_eq!(notices.next().await.unwrap(), None);
        closed(stream).await;
    }
}

#[tokio::test]
async fn a_stream_ends_with_who_reads_it() {
    let (notices, stream) = open().await;
    drop(notices);
    closed(stream).await;
}

/// Waits until the other end has closed the connection.
async fn closed(mut stream: TcpStream) {
    let mut bytes = [0; 16];
    let read = stream.read(&mut bytes);
    let read = tokio::time::timeout(Duration::from_secs(5), read).await;
    assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
}

#[tokio::test]
async fn a_stream_that_is_silent_for_too_long_is_lost() {
    let (mut notices, stream) = open().await;
    tokio::time::pause();
    // However often somebody begins to wait.
    for _ in 0..5 {
        let minute = tokio::time::timeout(Duration::from_mins(1), notices.next());
        assert!(minute.await.is_err());
    }
    check(
        &notices.next().await.unwrap_err(),
        "PocketBase did not answer within 360s",
    );
    closed(stream).await;
}

#[tokio::test]
async fn the_name_of_a_stream_is_told_nobody() {
    let (notices, _stream) = open().await;
    let topics = Topics {
        client_id: notices.client_id.clone(),
    };
    let told = format!("{topics:?} {notices:?}");
    assert!(!told.contains("\"me\""), "{told}");
}
