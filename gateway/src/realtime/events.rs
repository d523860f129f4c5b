//! One stream, as its client reads it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::lock;
use super::streams::Streams;

/// How often a client that is told nothing hears that the stream is alive, and
/// the gateway that the client is.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// A comment. Without an empty line behind it: some SDKs take that for an event.
const COMMENT: &[u8] = b":\n";

/// A stream of events. Dropping it gives up its client id and its place.
pub struct Events {
    place: Place,
    /// Until it is read.
    greeting: Option<Bytes>,
    /// Ends when the stream is taken out.
    told: mpsc::Receiver<Bytes>,
    heartbeat: Interval,
}

/// A place among the streams, given up when it is dropped.
struct Place {
    id: Arc<str>,
    streams: Arc<Mutex<Streams>>,
}

impl Events {
    pub(super) fn new(
        id: Arc<str>,
        told: mpsc::Receiver<Bytes>,
        streams: Arc<Mutex<Streams>>,
    ) -> Self {
        let greeting = format!("id:{id}\nevent:PB_CONNECT\ndata:{{\"clientId\":\"{id}\"}}\n\n");
        let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        // A reader that was away is not owed those that it missed.
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            place: Place { id, streams },
            greeting: Some(greeting.into()),
            told,
            heartbeat,
        }
    }

    /// The client id, which its client alone is told.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.place.id
    }

    /// What to send next: the client id first, then what is told, and a comment
    /// from time to time. None: the stream has ended.
    pub async fn next(&mut self) -> Option<Bytes> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        tokio::select! {
            biased;
            event = self.told.recv() => event,
            _ = self.heartbeat.tick() => Some(Bytes::from_static(COMMENT)),
        }
    }

    /// All of it, for a door to send.
    pub fn into_stream(self) -> impl Stream<Item = Bytes> + Send + 'static {
        stream::unfold(self, |mut events| async move {
            let next = events.next().await?;
            Some((next, events))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let removed = lock(&self.streams).remove(&self.id);
        drop(removed);
    }
}

/// Empty: the client id is a secret.
impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
