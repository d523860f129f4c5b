//! All open streams and their bounds: what the station's lock is for.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::outcome::TOPIC;
use super::{RealtimeError, Settings};

/// The open streams, by client id.
#[derive(Default)]
pub(super) struct Streams {
    open: HashMap<Arc<str>, Stream>,
    /// How many each block has; one that has none is not kept.
    pub(super) of_block: HashMap<Block, usize>,
    has_ended: bool,
    /// But for `pending`.
    counts: Counts,
}

/// An open stream. Its reader is told of its end by the drop of `events`.
pub(super) struct Stream {
    /// Canonical.
    pub(super) address: IpAddr,
    pub(super) flow: Flow,
    /// When it is taken out; only ever moved to `latest`.
    pub(super) ends: Instant,
    /// The last moment that it may see.
    pub(super) latest: Instant,
    pub(super) events: mpsc::Sender<Bytes>,
    /// Takes it out at the end; stops with it.
    #[expect(dead_code, reason = "held for its drop")]
    pub(super) timer: AbortOnDropHandle<()>,
}

/// How far the login of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Nobody waits.
    Opened,
    /// The client waits for the outcome.
    Subscribed,
    /// The outcome was told: nothing more is.
    Delivered,
}

/// What there is and what was, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Streams that are open.
    pub pending: usize,
    /// Refused because there were [`Settings::pending`].
    pub full: u64,
    /// Refused because an address had [`Settings::pending_per_address`].
    pub too_many: u64,
    /// Logins whose outcome was told.
    pub delivered: u64,
    /// Streams whose time was over before any outcome.
    pub expired: u64,
}

/// Whose streams are counted together. Whoever has one address of IPv6 has its
/// whole network of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Block {
    V4(Ipv4Addr),
    V6(u128),
}

/// How much of a topic that is not served is told.
const TOPIC_CHARS: usize = 64;

impl Streams {
    /// Whether one more may be opened.
    pub(super) fn admit(
        &mut self,
        address: IpAddr,
        settings: &Settings,
    ) -> Result<(), RealtimeError> {
        if self.has_ended {
            return Err(RealtimeError::Ended);
        }
        let own = self.of_block.get(&block(address)).copied();
        if own.unwrap_or(0) >= settings.pending_per_address {
            self.counts.too_many += 1;
            return Err(RealtimeError::TooMany);
        }
        if self.open.len() >= settings.pending {
            self.counts.full += 1;
            return Err(RealtimeError::Full);
        }
        Ok(())
    }

    pub(super) fn insert(&mut self, id: Arc<str>, stream: Stream) {
        *self.of_block.entry(block(stream.address)).or_default() += 1;
        self.open.insert(id, stream);
    }

    /// Takes one out, if it is there.
    pub(super) fn remove(&mut self, id: &str) -> Option<Stream> {
        let stream = self.open.remove(id)?;
        let block = block(stream.address);
        if let Some(own) = self.of_block.get_mut(&block) {
            *own -= 1;
            if *own == 0 {
                self.of_block.remove(&block);
            }
        }
        Some(stream)
    }

    pub(super) fn subscribe(
        &mut self,
        id: &str,
        address: IpAddr,
        topics: &[String],
    ) -> Result<(), RealtimeError> {
        let stream = self.of(id, address)?;
        if let Some(other) = topics.iter().find(|topic| *topic != TOPIC) {
            let told = other.chars().take(TOPIC_CHARS).collect();
            return Err(RealtimeError::Topic(told));
        }
        stream.flow = match (stream.flow, topics.is_empty()) {
            (Flow::Opened | Flow::Subscribed, true) => Flow::Opened,
            (Flow::Opened | Flow::Subscribed, false) => Flow::Subscribed,
            (Flow::Delivered, true) => Flow::Delivered,
            (Flow::Delivered, false) => return Err(RealtimeError::Unknown),
        };
        if stream.flow == Flow::Subscribed {
            stream.ends = stream.latest;
        }
        Ok(())
    }

    pub(super) fn deliver(
        &mut self,
        id: &str,
        address: IpAddr,
        event: Bytes,
    ) -> Result<(), RealtimeError> {
        let stream = self.of(id, address)?;
        if stream.flow != Flow::Subscribed {
            return Err(RealtimeError::Unknown);
        }
        // Else its client has just closed it.
        let sent = stream.events.try_send(event);
        sent.map_err(|_| RealtimeError::Unknown)?;
        stream.flow = Flow::Delivered;
        self.counts.delivered += 1;
        Ok(())
    }

    /// Takes out a stream whose time is over. If it has more time since: until when.
    pub(super) fn expire(&mut self, id: &str, now: Instant) -> Option<Instant> {
        let stream = self.open.get(id)?;
        if stream.ends > now {
            return Some(stream.ends);
        }
        if stream.flow != Flow::Delivered {
            self.counts.expired += 1;
        }
        self.remove(id);
        None
    }

    /// Takes out all of them, and admits none from now on.
    pub(super) fn end(&mut self) -> HashMap<Arc<str>, Stream> {
        self.has_ended = true;
        self.of_block.clear();
        std::mem::take(&mut self.open)
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            pending: self.open.len(),
            ..self.counts
        }
    }

    fn of(&mut self, id: &str, address: IpAddr) -> Result<&mut Stream, RealtimeError> {
        let stream = self.open.get_mut(id);
        let own = stream.filter(|stream| stream.address == address);
        own.ok_or(RealtimeError::Unknown)
    }
}

fn block(address: IpAddr) -> Block {
    match address.to_canonical() {
        IpAddr::V4(address) => Block::V4(address),
        IpAddr::V6(address) => Block::V6(address.to_bits() >> 64),
    }
}

#[cfg(test)]
mod tests;
