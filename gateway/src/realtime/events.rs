//! One stream, as its client reads it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::lock;
use super::outbox::{Outbox, Taken};
use super::streams::Streams;

/// A comment. Without an empty line behind it: some SDKs take that for an event.
const COMMENT: &[u8] = b":\n";

/// A stream of events. Dropping it gives up its client id and its place.
pub struct Events {
    place: Place,
    /// Until it is read: how long its client is to wait before it connects again.
    greets: Option<Duration>,
    outbox: Arc<Outbox>,
    /// How often a client that is told nothing hears that the stream is alive, and
    /// the gateway that the client is.
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
        (retry, heartbeat): (Duration, Duration),
        outbox: Arc<Outbox>,
        streams: Arc<Mutex<Streams>>,
    ) -> Self {
        let mut heartbeat = tokio::time::interval_at(Instant::now() + heartbeat, heartbeat);
        // A reader that was away is not owed those that it missed.
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            place: Place { id, streams },
            greets: Some(retry),
            outbox,
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
        if let Some(retry) = self.greets.take() {
            return Some(greeting(self.id(), retry));
        }
        loop {
            match self.outbox.take() {
                Taken::Event(event) => return Some(event),
                Taken::End => return None,
                Taken::Nothing => {}
            }
            tokio::select! {
                biased;
                () = self.outbox.told() => {}
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(COMMENT)),
            }
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

fn greeting(id: &str, retry: Duration) -> Bytes {
    let retry = retry.as_millis();
    let data = format!("{{\"clientId\":\"{id}\"}}");
    format!("retry:{retry}\nid:{id}\nevent:PB_CONNECT\ndata:{data}\n\n").into()
}

impl Drop for Place {
    fn drop(&mut self) {
        let removed = lock(&self.streams).remove(&self.id);
        drop(removed);
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.outbox.abandon();
    }
}

/// Empty: the client id is a secret.
impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}

#[cfg(test)]
mod tests;
