//! A steady load: requests at fixed times over a few connections, and when and
//! how each was answered.
//!
//! Unlike wrk's, this load does not depend on how fast the answers come, so that
//! the same load can be laid on twice and what others suffer can be compared.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// No answer within this is as good as none.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked, how often, and of whom.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) server: SocketAddr,
    /// A request as it goes over the socket.
    pub(crate) request: Arc<[u8]>,
    pub(crate) connections: u32,
    /// From one request of a connection to its next; the next waits for the answer.
    pub(crate) pace: Duration,
}

/// A load that is on until it is dropped.
pub(crate) struct Load {
    answers: UnboundedReceiver<Answer>,
    // Ends with this value.
    _connections: JoinSet<()>,
}

/// What came of one request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) sent: Instant,
    pub(crate) got: Instant,
    pub(crate) reply: io::Result<Reply>,
}

/// What a server said.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Load {
    /// Begins.
    pub(crate) fn start(plan: &Plan) -> Self {
        let (sender, answers) = mpsc::unbounded_channel();
        let start = Instant::now();
        let mut connections = JoinSet::new();
        for number in 0..plan.connections {
            // Not all at once.
            let first = start + plan.pace * number / plan.connections;
            connections.spawn(ask(plan.clone(), first, sender.clone()));
        }
        Self {
            answers,
            _connections: connections,
        }
    }

    /// The next answer.
    pub(crate) async fn next(&mut self) -> io::Result<Answer> {
        let next = self.answers.recv().await;
        next.ok_or_else(|| io::Error::other("no connection is left"))
    }

    /// What is answered from now until then.
    pub(crate) async fn during(&mut self, time: Duration) -> io::Result<Vec<Answer>> {
        let end = Instant::now() + time;
        let mut answers = Vec::new();
        while let Ok(answer) = tokio::time::timeout_at(end, self.next()).await {
            answers.push(answer?);
        }
        Ok(answers)
    }
}

impl Answer {
    /// How long it took.
    pub(crate) fn time(&self) -> Duration {
        self.got - self.sent
    }

    /// Its status; none without an answer.
    pub(crate) fn status(&self) -> Option<u16> {
        self.reply.as_ref().ok().map(|reply| reply.status)
    }
}

/// A request as it goes over a socket.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, String)], body: &str) -> Vec<u8> {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let headers = headers.concat();
    let length = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    format!("{method} {path} HTTP/1.1\r\nHost: bench\r\n{headers}{length}\r\n{body}").into_bytes()
}

/// Sends one request over a connection of its own.
pub(crate) async fn once(server: SocketAddr, request: &[u8]) -> io::Result<Reply> {
    exchange(&mut TcpStream::connect(server).await?, request).await
}

async fn ask(plan: Plan, first: Instant, answers: UnboundedSender<Answer>) {
    let mut next = first;
    let mut connection = None;
    loop {
        tokio::time::sleep_until(next).await;
        let sent = Instant::now();
        let reply = reply(&plan, &mut connection).await;
        let got = Instant::now();
        if reply.is_err() {
            connection = None;
        }
        if answers.send(Answer { sent, got, reply }).is_err() {
            return;
        }
        next = (next + plan.pace).max(got);
    }
}

async fn reply(plan: &Plan, connection: &mut Option<TcpStream>) -> io::Result<Reply> {
    let whole = async {
        let stream = if let Some(stream) = connection {
            stream
        } else {
            let stream = TcpStream::connect(plan.server).await?;
            stream.set_nodelay(true)?;
            connection.insert(stream)
        };
        exchange(stream, &plan.request).await
    };
    let whole = tokio::time::timeout(PATIENCE, whole).await;
    whole.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<Reply> {
    stream.write_all(request).await?;
    let mut received = Vec::with_capacity(4 << 10);
    loop {
        if let Some(reply) = parse(&received) {
            return reply;
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Reads an answer with a told length; none as long as some of it is missing.
fn parse(received: &[u8]) -> Option<io::Result<Reply>> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = received.split_at_checked(end + 4)?;
    let told = std::str::from_utf8(head).ok().and_then(|head| {
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length = head
            .split("\r\n")
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
        Some((status, length.1.parse().ok()?))
    });
    let Some((status, length)) = told else {
        return Some(Err(io::ErrorKind::InvalidData.into()));
    };
    let body = body.get(..length)?.to_vec();
    Some(Ok(Reply { status, body }))
}
