//! What is counted of streams and events.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::Closing;

/// What there is and what was, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Streams whose connection is there, ended or not.
    pub streams: usize,
    /// Streams that wait for the outcome of a login.
    pub logins: usize,
    /// Events that wait for readers.
    pub waiting: usize,
    /// Streams refused because there were [`Settings::streams`](super::Settings::streams).
    pub full: u64,
    /// Streams refused because an address had [`Settings::per_address`](super::Settings::per_address).
    pub of_address: u64,
    /// Subscriptions refused because a principal had [`Settings::per_principal`](super::Settings::per_principal).
    pub of_principal: u64,
    /// Subscriptions refused because of more topics than [`Settings::topics`](super::Settings::topics).
    pub topics: u64,
    /// Subscriptions refused because an address had
    /// [`Settings::topics_per_address`](super::Settings::topics_per_address).
    pub topics_of_address: u64,
    /// Streams that the gateway ended, in the order of [`Closing::ALL`].
    pub closed: [u64; Closing::ALL.len()],
    /// Events that slow readers missed.
    pub dropped: u64,
    /// Logins whose outcome was told.
    pub delivered: u64,
    /// Logins whose time was over before any outcome.
    pub expired: u64,
}

/// What outboxes count themselves, without the lock of the streams.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) waiting: AtomicUsize,
    pub(super) dropped: AtomicU64,
    closed: [AtomicU64; Closing::ALL.len()],
    /// The client ids of those that ended in the midst of being told something:
    /// taken out by the next sweep, as whoever tells may hold locks of its own.
    ended: Mutex<Vec<Arc<str>>>,
}

impl Tally {
    pub(super) fn count(&self, why: Closing) {
        let all = Closing::ALL.iter().zip(&self.closed);
        for (_, count) in all.filter(|(closing, _)| **closing == why) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn ended(&self, id: Arc<str>) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push(id);
    }

    /// Those since the last time.
    pub(super) fn take_ended(&self) -> Vec<Arc<str>> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *ended)
    }

    pub(super) fn add_to(&self, counts: &mut Counts) {
        counts.waiting = self.waiting.load(Relaxed);
        counts.dropped = self.dropped.load(Relaxed);
        for (count, closed) in counts.closed.iter_mut().zip(&self.closed) {
            *count = closed.load(Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
