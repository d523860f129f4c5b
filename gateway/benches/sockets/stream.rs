//! One client of an event stream, as small as it can be: there are ten thousand of them, on the
//! cores that are measured.
//!
//! What arrives is looked through where it is read, for one word that every event has; nothing of
//! it is kept. The word may be cut anywhere.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The most that comes before the client id, and the most of an answer to a subscription.
const HEAD_BYTES: usize = 8 << 10;

/// In every event of a change, once, and in nothing else that is told: no record has it, since
/// quotes within texts are escaped.
const WORD: &[u8] = b"action\":\"upd";

const OPEN: &[u8] =
    b"GET /api/realtime HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n";

/// An open stream, and how much of the word has been seen at the end of what came.
pub(crate) struct Stream {
    stream: TcpStream,
    matched: usize,
}

/// What one look at a stream brought.
pub(crate) enum Look {
    /// So many events; none where it was a comment.
    Events(u64),
    /// The server has closed it.
    Ended,
}

/// A connection that subscribes for streams of its own address, one after another.
pub(crate) struct Subscriber(TcpStream);

impl Stream {
    /// Opens one from this address of this machine, and reads its client id.
    pub(crate) async fn open(
        server: SocketAddr,
        source: Ipv4Addr,
    ) -> anyhow::Result<(Self, String)> {
        let mut stream = connect(server, source).await?;
        stream.write_all(OPEN).await?;
        let told = read_until(&mut stream, |told| client_id(told).is_some()).await?;
        ensure!(
            told.starts_with("HTTP/1.1 200"),
            "a stream is answered {told}"
        );
        let id = client_id(&told).context("no client id")?.to_owned();
        Ok((Self { stream, matched: 0 }, id))
    }

    /// Waits for something to come.
    pub(crate) async fn next(&mut self) -> Look {
        loop {
            if self.stream.readable().await.is_err() {
                return Look::Ended;
            }
            if let Some(look) = self.look() {
                return look;
            }
        }
    }

    /// Not part of a future: the bytes would be, of ten thousand.
    fn look(&mut self) -> Option<Look> {
        let mut bytes = [0; 4 << 10];
        match self.stream.try_read(&mut bytes) {
            Ok(0) => Some(Look::Ended),
            Ok(read) => {
                let read = bytes.get(..read).unwrap_or_default();
                Some(Look::Events(count(read, &mut self.matched)))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(_) => Some(Look::Ended),
        }
    }
}

impl Subscriber {
    pub(crate) async fn connect(server: SocketAddr, source: Ipv4Addr) -> anyhow::Result<Self> {
        Ok(Self(connect(server, source).await?))
    }

    /// Subscribes a stream to one topic, with a token or as a guest.
    pub(crate) async fn subscribe(
        &mut self,
        id: &str,
        topic: &str,
        token: Option<&str>,
    ) -> anyhow::Result<()> {
        let body = serde_json::json!({ "clientId": id, "subscriptions": [topic] }).to_string();
        let token = token.map_or_else(String::new, |token| format!("Authorization: {token}\r\n"));
        let request = format!(
            "POST /api/realtime HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n{token}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(request.as_bytes()).await?;
        let told = read_until(&mut self.0, |told| told.contains("\r\n\r\n")).await?;
        // Without a body, so the next answer begins after it.
        ensure!(
            told.starts_with("HTTP/1.1 204"),
            "a subscription is answered {told}"
        );
        Ok(())
    }
}

/// A connection from this address, so that a port is needed for each of its own streams alone.
async fn connect(server: SocketAddr, source: Ipv4Addr) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    Ok(socket.connect(server).await?)
}

async fn read_until(
    stream: &mut TcpStream,
    is_enough: impl Fn(&str) -> bool,
) -> anyhow::Result<String> {
    let mut told = String::new();
    let mut bytes = vec![0; HEAD_BYTES];
    while !is_enough(&told) {
        let reading = tokio::time::timeout(PATIENCE, stream.read(&mut bytes));
        let read = reading.await.context("no answer")??;
        ensure!(read > 0 && told.len() < HEAD_BYTES, "ends with {told:?}");
        told += &String::from_utf8_lossy(bytes.get(..read).unwrap_or_default());
    }
    Ok(told)
}

fn client_id(told: &str) -> Option<&str> {
    let (_, rest) = told.split_once("\"clientId\":\"")?;
    Some(rest.split_once('"')?.0)
}

/// How often the word ends within the bytes. No beginning of it comes again within it, so a
/// byte that does not fit can at most be its first.
fn count(bytes: &[u8], matched: &mut usize) -> u64 {
    let mut found = 0;
    for byte in bytes {
        if WORD.get(*matched) == Some(byte) {
            *matched += 1;
        } else {
            *matched = usize::from(WORD.first() == Some(byte));
        }
        if *matched == WORD.len() {
            *matched = 0;
            found += 1;
        }
    }
    found
}
