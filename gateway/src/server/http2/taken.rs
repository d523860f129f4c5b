//! What of its answers a client takes: each is handed on in pieces, and it is noted since when the
//! client could have asked for the next one.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

/// What is handed on at once, in bytes: so much of each answer waits beyond the send buffer.
const PIECE: usize = 16 << 10;

/// The streams of a connection.
pub(super) struct Streams(Mutex<Known>);

struct Known {
    next: u64,
    /// Those under way. With a time: since then it is the client's turn.
    under_way: HashMap<u64, Option<Instant>>,
    /// Since when there is none.
    idle: Instant,
}

/// What a connection does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A client takes nothing of an answer, for so long.
    Owed(Duration),
    /// No stream was ever begun, for so long.
    Unused(Duration),
    /// No stream is under way, for so long.
    Idle(Duration),
    /// There are streams, and all is well.
    Busy,
}

/// A stream under way, over when dropped.
pub(super) struct UnderWay {
    streams: Arc<Streams>,
    number: u64,
}

/// An answer that notes what is taken of it.
pub(super) struct Taken {
    body: Body,
    /// What was not handed on of the last piece.
    rest: Bytes,
    under_way: UnderWay,
}

impl Streams {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Known {
            next: 0,
            under_way: HashMap::new(),
            idle: now,
        }))
    }

    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        let mut known = self.lock();
        let number = known.next;
        known.next += 1;
        known.under_way.insert(number, None);
        UnderWay {
            streams: Arc::clone(self),
            number,
        }
    }

    pub(super) fn state(&self, now: Instant) -> State {
        let known = self.lock();
        let since = |then: Instant| now.saturating_duration_since(then);
        if known.under_way.is_empty() {
            let idle = since(known.idle);
            return if known.next == 0 {
                State::Unused(idle)
            } else {
                State::Idle(idle)
            };
        }
        let longest = known.under_way.values().flatten().min();
        longest.map_or(State::Busy, |then| State::Owed(since(*then)))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    fn note(&self, turn: Option<Instant>) {
        self.streams.lock().under_way.insert(self.number, turn);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut known = self.streams.lock();
        known.under_way.remove(&self.number);
        if known.under_way.is_empty() {
            known.idle = Instant::now();
        }
    }
}

impl Taken {
    pub(super) fn new(body: Body, under_way: UnderWay) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            under_way,
        }
    }
}

impl HttpBody for Taken {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Whoever asks has taken what was there, and it is our turn.
        self.under_way.note(None);
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.under_way.note(Some(Instant::now()));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(body.lower() + rest);
        hint
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::BodyExt;

    use super::*;

    const A_WHILE: Duration = Duration::from_secs(3);

    fn streams() -> Arc<Streams> {
        Arc::new(Streams::new(Instant::now()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_unused_then_busy_then_idle() {
        let streams = streams();
        let state = || streams.state(Instant::now());
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(state(), State::Unused(A_WHILE));
        let one = streams.begin();
        let other = streams.begin();
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(state(), State::Busy);
        drop(one);
        assert_eq!(state(), State::Busy);
        drop(other);
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(state(), State::Idle(A_WHILE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_owes_from_one_piece_to_the_next() {
        let streams = streams();
        let state = || streams.state(Instant::now());
        let text = "x".repeat(2 * PIECE + 1);
        let body = Body::from(text.clone());
        let mut taken = Taken::new(body, streams.begin());
        let mut read = Vec::new();
        assert_eq!(taken.size_hint().exact(), Some(text.len() as u64));
        while let Some(frame) = taken.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            assert!(data.len() <= PIECE);
            read.extend(data);
            let left = (text.len() - read.len()) as u64;
            assert_eq!(taken.size_hint().exact(), Some(left));
            tokio::time::sleep(A_WHILE).await;
            assert_eq!(state(), State::Owed(A_WHILE));
        }
        assert_eq!(read, text.as_bytes());
        assert!(taken.is_end_stream());
        assert_eq!(state(), State::Busy);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_us_owes_nothing() {
        let streams = streams();
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let mut taken = Taken::new(body, streams.begin());
        let waited = tokio::time::timeout(A_WHILE, taken.frame()).await;
        assert!(waited.is_err());
        assert_eq!(streams.state(Instant::now()), State::Busy);
    }
}
