//! What waits for the reader of one stream.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::counts::Tally;
use super::{Closing, Settings};

/// What waits for one reader, bounded by events and bytes. While nothing does,
/// nothing is allocated for it.
pub struct Outbox {
    id: Arc<str>,
    /// Events, at most.
    queue: usize,
    /// Bytes, at most, but for a single event that is larger.
    queue_bytes: usize,
    waiting: Mutex<Waiting>,
    /// Wakes the reader.
    told: Notify,
    tally: Arc<Tally>,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Bytes>,
    /// Of these events.
    bytes: usize,
    end: End,
}

/// What is behind the events that wait.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum End {
    /// More of them.
    #[default]
    Open,
    /// The last one.
    Closing(Closing),
    /// Nothing.
    Over,
}

/// What a reader finds.
pub(super) enum Taken {
    Event(Bytes),
    Nothing,
    /// Nor will there be anything.
    End,
}

impl Outbox {
    pub(super) fn new(id: Arc<str>, settings: &Settings, tally: Arc<Tally>) -> Self {
        Self {
            id,
            queue: settings.queue,
            queue_bytes: settings.queue_bytes,
            waiting: Mutex::default(),
            told: Notify::new(),
            tally,
        }
    }

    /// Puts an event last. Where there is no room for it, the stream ends: what waits
    /// is dropped, and the last that it tells is why. One that has ended takes nothing.
    ///
    /// An event that nothing waits before always has room: else a single record that is
    /// larger than the bound would end whoever connects again.
    pub fn push(&self, event: Bytes) {
        let mut waiting = self.lock();
        if waiting.end != End::Open {
            return;
        }
        let bytes = waiting.bytes.saturating_add(event.len());
        let has_room = waiting.events.len() < self.queue && bytes <= self.queue_bytes;
        if has_room || waiting.events.is_empty() {
            waiting.bytes = bytes;
            waiting.events.push_back(event);
            self.tally.waiting.fetch_add(1, Relaxed);
            drop(waiting);
            self.told.notify_one();
            return;
        }
        drop(waiting);
        self.tally.dropped.fetch_add(1, Relaxed);
        self.close(Closing::SlowReader);
    }

    /// Ends the stream, unless it has ended. It takes nothing more at once, and is taken out
    /// of all that it waits for by the next sweep: whoever calls this may hold locks that
    /// the end of a membership takes.
    pub fn close(&self, why: Closing) {
        if self.shut(why) {
            self.tally.ended(Arc::clone(&self.id));
        }
    }

    /// Whether it takes nothing more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().end != End::Open
    }

    /// Ends it, for who takes the stream out as well; false if it had ended.
    pub(super) fn shut(&self, why: Closing) -> bool {
        let mut waiting = self.lock();
        if waiting.end != End::Open {
            return false;
        }
        waiting.end = End::Closing(why);
        let dropped = if why.keeps_what_waits() {
            VecDeque::new()
        } else {
            waiting.clear()
        };
        drop(waiting);
        self.forget(&dropped, why);
        self.tally.count(why);
        self.told.notify_one();
        true
    }

    /// Nobody reads any more.
    pub(super) fn abandon(&self) {
        let mut waiting = self.lock();
        waiting.end = End::Over;
        let dropped = waiting.clear();
        drop(waiting);
        self.tally.waiting.fetch_sub(dropped.len(), Relaxed);
    }

    /// Takes what is first.
    pub(super) fn take(&self) -> Taken {
        let mut waiting = self.lock();
        if let Some(event) = waiting.events.pop_front() {
            waiting.bytes = waiting.bytes.saturating_sub(event.len());
            if waiting.events.is_empty() {
                waiting.clear();
            }
            self.tally.waiting.fetch_sub(1, Relaxed);
            return Taken::Event(event);
        }
        match waiting.end {
            End::Open => Taken::Nothing,
            End::Closing(why) => {
                waiting.end = End::Over;
                Taken::Event(why.event().into())
            }
            End::Over => Taken::End,
        }
    }

    /// Ends when there may be something to take. For the one reader; cancel-safe.
    pub(super) async fn told(&self) {
        self.told.notified().await;
    }

    fn forget(&self, events: &VecDeque<Bytes>, why: Closing) {
        self.tally.waiting.fetch_sub(events.len(), Relaxed);
        if why == Closing::SlowReader {
            let dropped = u64::try_from(events.len()).unwrap_or(u64::MAX);
            self.tally.dropped.fetch_add(dropped, Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// All that waits, to be dropped without the lock; nothing is kept for more.
    fn clear(&mut self) -> VecDeque<Bytes> {
        self.bytes = 0;
        std::mem::take(&mut self.events)
    }
}

/// Empty: the client id is a secret, and events are somebody's.
impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outbox")
    }
}

#[cfg(test)]
mod tests;
