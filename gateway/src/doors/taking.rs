//! Long answers from memory, as slowly as they are taken: in pieces, within a time, and their
//! asker's place among the requests under way is given up with the last byte of them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

use crate::limits::Running;

/// The longest time for all of it. Who takes nothing for a while is let go sooner.
const LONGEST: Duration = Duration::from_mins(5);

/// What is handed on at once, in bytes.
const PIECE: usize = 32 << 10;

/// What is left of an answer.
pub(super) struct Taking {
    rest: Bytes,
    until: Instant,
}

/// An answer with the place that it holds.
struct Held {
    bytes: Bytes,
    _running: Option<Arc<Running>>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Taking {
    /// The place is held by each piece, wherever it waits.
    pub(super) fn new(bytes: Bytes, running: Option<Arc<Running>>) -> Self {
        let held = Held {
            bytes,
            _running: running,
        };
        Self {
            rest: Bytes::from_owner(held),
            until: Instant::now() + LONGEST,
        }
    }
}

/// The same for an answer that is compressed as it is taken.
pub(super) struct Keeping {
    body: Body,
    until: Instant,
    _running: Arc<Running>,
}

impl Keeping {
    pub(super) fn new(body: Body, running: Arc<Running>) -> Self {
        Self {
            body,
            until: Instant::now() + LONGEST,
            _running: running,
        }
    }
}

impl HttpBody for Keeping {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if Instant::now() >= self.until {
            self.body = Body::empty();
            let late = io::Error::from(io::ErrorKind::TimedOut);
            return Poll::Ready(Some(Err(axum::Error::new(late))));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl HttpBody for Taking {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        // Asked for whenever something was taken; of whoever takes nothing others see.
        if Instant::now() >= self.until {
            self.rest = Bytes::new();
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroU32;

    use http_body_util::BodyExt;

    use super::*;
    use crate::limits::{Limits, Mode, Rate, Settings};
    use crate::principal::Principal;

    fn limits() -> Arc<Limits> {
        let rate = Rate {
            limit: NonZeroU32::MIN,
            every: Duration::from_secs(1),
            max_uses: 0,
            ban_for: Duration::from_secs(1),
        };
        Limits::new(&Settings {
            mode: Mode::On,
            classes: BTreeMap::new(),
            collections: BTreeMap::new(),
            account: rate,
            address: rate,
            bad_token: rate,
            running: 1,
            keys: 10,
        })
    }

    #[tokio::test]
    async fn its_place_is_held_by_whatever_of_it_is_not_sent_yet() {
        let limits = limits();
        let who = limits.who(&Principal::Guest, [127, 0, 0, 1].into());
        let running = limits.enter(who).unwrap().map(Arc::new);
        let mut taking = Taking::new(Bytes::from(vec![7; 2 * PIECE]), running);
        let first = taking.frame().await;
        let second = taking.frame().await;
        assert!(taking.is_end_stream());
        drop((taking, first));
        assert!(limits.enter(who).is_err());
        drop(second);
        assert!(limits.enter(who).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn it_comes_whole_in_pieces_or_not_at_all_when_its_time_is_over() {
        let bytes = Bytes::from(vec![7; 3 * PIECE + 1]);
        let taking = Taking::new(bytes.clone(), None);
        assert_eq!(taking.size_hint().exact(), Some(bytes.len() as u64));
        assert_eq!(taking.collect().await.unwrap().to_bytes(), bytes);
        let mut slow = Taking::new(bytes, None);
        assert!(slow.frame().await.unwrap().is_ok());
        tokio::time::advance(LONGEST).await;
        assert!(slow.frame().await.unwrap().is_err());
        assert!(slow.frame().await.is_none());
    }
}
