//! Event streams: who holds one, what it waits for, and what it is told.
//!
//! So far they serve one purpose: logins at a provider that the official SDKs do
//! in a popup. The page opens a stream and is given a client id; that id goes to
//! the provider as the login's `state`; the provider sends the popup back with it
//! and a code, and the code is told on the stream. All of it happens here:
//! PocketBase sees nothing but the code, in the page's own login.
//!
//! A client id is a secret, and is bound to the address that it was given to.
//! It is found as the key of a map: whoever has none of these 256 random bits
//! right learns nothing from the time that a look takes, so nothing here is
//! compared in constant time.

mod error;
mod events;
mod outcome;
mod streams;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

pub use error::RealtimeError;
pub use events::Events;
pub use outcome::Outcome;
pub use streams::Counts;

use self::streams::{Stream, Streams};

/// How many streams there may be, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Streams at once, over all.
    pub pending: usize,
    /// Streams at once of one IPv4 address, or of one IPv6 network of 64 bits.
    pub pending_per_address: usize,
    /// The longest that one is held; at most an hour.
    pub pending_for: Duration,
}

/// Holds the streams.
pub struct Realtime {
    settings: Settings,
    random: SystemRandom,
    streams: Arc<Mutex<Streams>>,
}

/// How long a stream is held that nobody subscribes on: the SDKs do so at once.
const UNSUBSCRIBED: Duration = Duration::from_secs(30);

/// Random bytes of a client id.
const ID_BYTES: usize = 32;

impl Realtime {
    /// Holds none yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            random: SystemRandom::new(),
            streams: Arc::default(),
        }
    }

    /// Opens a stream, under a client id that nobody else has. It ends when its time
    /// is over, whether it is read or not, and all of it is gone when it is dropped.
    /// To be called within a runtime.
    ///
    /// # Errors
    ///
    /// Too many streams, of this address or over all; the end of the gateway.
    pub fn connect(&self, address: IpAddr) -> Result<Events, RealtimeError> {
        let id = self.id()?;
        let now = Instant::now();
        let latest = now + self.settings.pending_for;
        let ends = latest.min(now + UNSUBSCRIBED);
        // One outcome is all that is ever told: nothing can pile up behind a slow reader.
        let (sender, receiver) = mpsc::channel(1);
        let mut streams = lock(&self.streams);
        streams.admit(address, &self.settings)?;
        // Begun under the lock: a timer that is over at once finds its stream.
        let timer = expire(Arc::downgrade(&self.streams), Arc::clone(&id), ends);
        let stream = Stream {
            address: address.to_canonical(),
            flow: streams::Flow::Opened,
            ends,
            latest,
            events: sender,
            timer: AbortOnDropHandle::new(tokio::spawn(timer)),
        };
        streams.insert(Arc::clone(&id), stream);
        drop(streams);
        Ok(Events::new(id, receiver, Arc::clone(&self.streams)))
    }

    /// Replaces what a stream waits for: `@oauth2`, or nothing. What it waits for
    /// is told once, and after that it can't wait for it again: the id was a login's
    /// `state`, and such a one is good for one login.
    ///
    /// # Errors
    ///
    /// [`RealtimeError::Unknown`] where there is no such stream, or one of another
    /// address, or one that was told already; another topic. Then all is as it was.
    pub fn subscribe(
        &self,
        id: &str,
        address: IpAddr,
        topics: &[String],
    ) -> Result<(), RealtimeError> {
        lock(&self.streams).subscribe(id, address.to_canonical(), topics)
    }

    /// Tells the stream whose client id is the outcome's `state` how the login at the
    /// provider ended. It then waits no more, and stays open until its client closes
    /// it or its time is over.
    ///
    /// # Errors
    ///
    /// [`RealtimeError::Unknown`] where no stream of this address waits under that id;
    /// an outcome that is too large. A stream that does wait goes on waiting.
    pub fn deliver(&self, address: IpAddr, outcome: &Outcome) -> Result<(), RealtimeError> {
        let event = outcome.event()?;
        lock(&self.streams).deliver(&outcome.state, address.to_canonical(), event)
    }

    /// Ends all streams, and lets none begin any more.
    pub fn end(&self) {
        let ended = lock(&self.streams).end();
        drop(ended);
    }

    /// What there is now, and what came of those that were.
    #[must_use]
    pub fn counts(&self) -> Counts {
        lock(&self.streams).counts()
    }

    fn id(&self) -> Result<Arc<str>, RealtimeError> {
        let mut bytes = [0; ID_BYTES];
        self.random
            .fill(&mut bytes)
            .map_err(|_| RealtimeError::Random)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes).into())
    }
}

/// Takes a stream out when its time is over; its reader need not look for that.
async fn expire(streams: Weak<Mutex<Streams>>, id: Arc<str>, mut ends: Instant) {
    loop {
        tokio::time::sleep_until(ends).await;
        let Some(streams) = streams.upgrade() else {
            return;
        };
        let later = lock(&streams).expire(&id, Instant::now());
        match later {
            Some(later) => ends = later,
            None => return,
        }
    }
}

fn lock(streams: &Mutex<Streams>) -> MutexGuard<'_, Streams> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
