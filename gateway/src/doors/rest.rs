//! What of a request's body nobody has read when its answer is there.
//!
//! Who is refused early is often still sending. If the connection is closed then, many
//! clients fail with what they send and never look at the answer: `fetch` does in Node.
//! So some of the rest is read before the answer is given, as much as PocketBase reads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::Mutex;

use crate::pipeline::RequestBody;

/// Bytes that are read, at most.
const MOST: usize = 256 << 10;

/// For how long; who is slower is answered without.
const LONGEST: Duration = Duration::from_millis(500);

/// What is left of a body that was lent.
pub(super) struct Rest {
    body: Arc<Mutex<Body>>,
    begun: Arc<AtomicBool>,
}

/// Lends a body to be read.
pub(super) fn lend(body: Body) -> (RequestBody, Rest) {
    let shared = Arc::new(Mutex::new(body));
    let begun = Arc::new(AtomicBool::new(false));
    let rest = Rest {
        body: Arc::clone(&shared),
        begun: Arc::clone(&begun),
    };
    let frames = stream::unfold((shared, begun), async |(shared, begun)| {
        begun.store(true, Ordering::Relaxed);
        let frame = shared.lock().await.frame().await?;
        Some((frame.map_err(io::Error::other), (shared, begun)))
    });
    (StreamBody::new(frames).boxed_unsync(), rest)
}

impl Rest {
    /// Whether somebody began to read it.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Reads it, within the bounds, once nobody else does.
    pub(super) async fn read(self) {
        let Some(body) = Arc::into_inner(self.body) else {
            return;
        };
        let mut body = body.into_inner();
        let reading = async {
            let mut read = 0;
            while read < MOST
                && let Some(Ok(frame)) = body.frame().await
            {
                read += frame.data_ref().map_or(0, bytes::Bytes::len);
            }
        };
        // Whether it came to its end makes no difference to the answer.
        let _ = tokio::time::timeout(LONGEST, reading).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use bytes::Bytes;

    use super::*;

    /// A body of pieces of a thousand bytes without an end, and how many were taken.
    fn endless() -> (Body, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let pieces = stream::repeat_with(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, io::Error>(Bytes::from_static(&[0; 1_000]))
        });
        (Body::from_stream(pieces), taken)
    }

    #[tokio::test]
    async fn so_much_of_it_is_read_and_no_more() {
        let (body, taken) = endless();
        let (lent, rest) = lend(body);
        drop(lent);
        rest.read().await;
        assert_eq!(taken.load(Ordering::Relaxed), 263);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_come_is_not_waited_for() {
        let (lent, rest) = lend(Body::from_stream(stream::pending::<io::Result<Bytes>>()));
        drop(lent);
        let start = tokio::time::Instant::now();
        rest.read().await;
        assert_eq!(start.elapsed(), LONGEST);
    }

    #[tokio::test]
    async fn what_was_lent_is_all_of_it_and_is_left_alone_while_it_is_read() {
        let pieces = ["a", "b", "c"].map(|piece| Ok::<_, io::Error>(Bytes::from(piece)));
        let body = Body::from_stream(stream::iter(pieces));
        let (lent, rest) = lend(body);
        assert!(!rest.has_begun());
        let begun = Arc::clone(&rest.begun);
        rest.read().await;
        let whole = lent.collect().await;
        assert!(begun.load(Ordering::Relaxed));
        assert_eq!(whole.unwrap().to_bytes(), "abc");
    }
}
