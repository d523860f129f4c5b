//! The upstream of all measurements over sockets: a PocketBase that thinks of
//! nothing.
//!
//! Its answers are written once, before the first request; a request is looked
//! at just far enough to choose one. It has a thread of its own in this process,
//! so none of its time is counted as the gateway's or nginx's.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::fixtures::{self, ALICE, BOB, USERS};

/// The beginning of a request target, and the answer to it; the first that fits.
type Answers = Arc<[(&'static str, Vec<u8>)]>;

/// Starts it, on a free port. It serves until this process ends.
pub(crate) fn start() -> anyhow::Result<SocketAddr> {
    let answers = answers()?;
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    std::thread::Builder::new()
        .name("stub".to_owned())
        .spawn(move || runtime.block_on(serve(listener, answers)))?;
    Ok(address)
}

async fn serve(listener: std::net::TcpListener, answers: Answers) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, Arc::clone(&answers)));
    }
}

/// Answers one connection's requests, one after the other, until it ends.
async fn connection(mut stream: TcpStream, answers: Answers) -> std::io::Result<()> {
    let mut received = Vec::with_capacity(8 << 10);
    loop {
        let length = loop {
            match whole(&received) {
                Some(length) => break length,
                None if stream.read_buf(&mut received).await? == 0 => return Ok(()),
                None => {}
            }
        };
        let request = received.get(..length).unwrap_or_default();
        stream.write_all(choose(request, &answers)).await?;
        received.drain(..length);
    }
}

/// The length of the first request, if all of it is there.
fn whole(received: &[u8]) -> Option<usize> {
    let head = received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let body = if received.starts_with(b"GET ") {
        0
    } else {
        let text = std::str::from_utf8(received.get(..head)?).ok()?;
        text.split("\r\n")
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(Some(0), |(_, length)| length.parse().ok())?
    };
    (received.len() >= head + body).then_some(head + body)
}

fn choose<'a>(request: &[u8], answers: &'a Answers) -> &'a [u8] {
    let target = request.split(|byte| *byte == b' ').nth(1);
    answers
        .iter()
        .find(|(start, _)| target.is_some_and(|target| target.starts_with(start.as_bytes())))
        .map_or(NOT_FOUND, |(_, answer)| answer.as_slice())
}

const NOT_FOUND: &[u8] =
    b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

fn answers() -> anyhow::Result<Answers> {
    let superuser = json!({ "id": "superuser000000", "collectionId": "pbc_3142635823", "collectionName": "_superusers" });
    let login = json!({ "token": fixtures::token("pbc_3142635823", "superuser000000"), "record": superuser });
    let alice = json!({ "token": fixtures::token(USERS, ALICE), "record": fixtures::user(ALICE) });
    // The real address is the one by which the gateway probes whether its header is trusted.
    let health =
        json!({ "code": 200, "message": "API is healthy.", "data": { "realIP": "192.0.2.77" } });
    Ok([
        ("/api/collections/posts/records", &fixtures::post()),
        ("/api/collections/users/records", &fixtures::user(BOB)),
        ("/api/collections/users/auth-refresh", &alice),
        ("/api/collections/_superusers/auth", &login),
        ("/api/collections?", &fixtures::collections()?),
        ("/api/health", &health),
    ]
    .map(|(start, body)| (start, answer(body)))
    .into_iter()
    .chain(SIGNS.map(|(start, answer)| (start, answer.to_vec())))
    .collect())
}

/// By these the gateway finds out which PocketBase it is.
const SIGNS: [(&str, &[u8]); 3] = [
    (
        "/_/assets/",
        b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\nPocketBase v0.40.6",
    ),
    (
        "/_/",
        b"HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\nsrc=\"./assets/index-stub.js\"",
    ),
    (
        "/api/batch",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    ),
];

fn answer(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
