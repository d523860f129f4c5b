//! Event streams: who holds one, what it waits for, and what it is told.
//!
//! A client opens a stream and is given a client id. With that it says, in requests
//! of their own, what the stream is to tell: changes of records, and the outcome of
//! a login at a provider that is done in a popup. For the latter the id goes to the
//! provider as the login's `state`; the provider sends the popup back with it and a
//! code, and the code is told on the stream. Of that PocketBase sees nothing but the
//! code, in the page's own login.
//!
//! What is told waits in an [`Outbox`] of bounded size until it is read. Whoever reads
//! too slowly is told so, and the stream ends.
//!
//! A client id is a secret, and is bound to the address that it was given to.
//! It is found as the key of a map: whoever has none of these 256 random bits
//! right learns nothing from the time that a look takes, so nothing here is
//! compared in constant time.

mod class;
mod closing;
mod counts;
mod error;
mod events;
mod hub;
mod line;
mod order;
mod outbox;
mod outcome;
mod shown;
mod streams;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;

pub use class::{Class, Membership, Person, Watched};
pub use closing::Closing;
pub use counts::Counts;
pub use error::RealtimeError;
pub use events::Events;
pub use hub::{HubCounts, Listener, Most, Want};
pub use line::{Ear, Line};
pub use order::{Sighting, Turn, digest};
pub use outbox::Outbox;
pub use outcome::Outcome;
pub use shown::{Had, SHOWN};

use self::counts::Tally;
use self::hub::Hub;
use self::streams::Streams;
use crate::principal::Token;

/// How many streams there may be, what waits for them, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Streams at once, over all.
    pub streams: usize,
    /// Streams at once of one IPv4 address, or of one IPv6 network of 64 bits.
    pub per_address: usize,
    /// Streams at once of one record that is logged in.
    pub per_principal: usize,
    /// Topics of one stream.
    pub topics: usize,
    /// Topics of all streams of one IPv4 address, or of one IPv6 network of 64 bits.
    pub topics_per_address: usize,
    /// Events that wait for one reader.
    pub queue: usize,
    /// Bytes of these events; a single one may be larger.
    pub queue_bytes: usize,
    /// The longest that a stream is held on which nothing is subscribed to.
    pub unsubscribed: Duration,
    /// The longest that the outcome of a login is waited for.
    pub login_for: Duration,
    /// How often a client hears that the stream is alive.
    pub heartbeat: Duration,
    /// How long clients are told to wait before they connect again: anything between
    /// these, so that they don't come all at once.
    pub retry: (Duration, Duration),
}

/// How PocketBase is asked for changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A connection for each class of equal subscribers.
    Classes,
    /// One connection of the gateway's own, and a question for each class and event.
    Feed,
}

/// Who a stream belongs to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Identity {
    /// Nobody that is known.
    Guest,
    /// A record that is logged in.
    Record {
        /// The name of its collection, as the schema spells it.
        collection: String,
        /// Its id.
        id: String,
    },
}

/// Who asks for what a stream is to tell.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Whose the stream is, or becomes.
    pub identity: Identity,
    /// What it is asked with.
    pub token: Option<Token>,
    /// When that token is good no more, by the clock on the wall.
    pub expires: Option<SystemTime>,
    /// The generation of rules that permitted it.
    pub generation: u64,
    /// Whether the outcome of a login is among what is asked for.
    pub login: bool,
    /// Topics of records that are asked for.
    pub topics: usize,
}

/// A stream that is open, for who decides whether it stays so.
#[derive(Debug)]
pub struct Open<'a> {
    /// Of its client; canonical.
    pub address: IpAddr,
    /// Whose it is.
    pub identity: &'a Identity,
    /// What it was asked with last.
    pub token: Option<&'a Token>,
    /// The generation of rules that permitted what it waits for; 0 where nothing was asked.
    pub generation: u64,
    /// Whether it waits for records.
    pub has_records: bool,
}

/// Holds the streams.
pub struct Realtime {
    settings: Settings,
    random: SystemRandom,
    streams: Arc<Mutex<Streams>>,
    hub: Arc<Mutex<Hub>>,
    tally: Arc<Tally>,
}

/// Random bytes of a client id.
const ID_BYTES: usize = 32;

impl Realtime {
    /// Holds none yet.
    #[must_use]
    pub fn new(settings: Settings, mode: Mode, most: Most) -> Self {
        Self {
            settings,
            random: SystemRandom::new(),
            streams: Arc::default(),
            hub: Arc::new(Mutex::new(Hub::new(mode, most))),
            tally: Arc::default(),
        }
    }

    /// Opens a stream, under a client id that nobody else has; a guest's until it is
    /// asked by somebody. All of it is gone when it is dropped. To be called within a runtime.
    ///
    /// # Errors
    ///
    /// Too many streams, of this address or over all; the end of the gateway.
    pub fn connect(&self, address: IpAddr) -> Result<Events, RealtimeError> {
        let id: Arc<str> = URL_SAFE_NO_PAD.encode(self.random::<ID_BYTES>()?).into();
        let times = (self.retry()?, self.settings.heartbeat);
        let tally = Arc::clone(&self.tally);
        let outbox = Arc::new(Outbox::new(Arc::clone(&id), &self.settings, tally));
        let mut streams = lock(&self.streams);
        streams.admit(address, &self.settings)?;
        let address = address.to_canonical();
        let own = (Arc::clone(&id), Arc::clone(&outbox));
        streams.insert(own, address, Instant::now(), &self.settings);
        drop(streams);
        Ok(Events::new(id, times, outbox, Arc::clone(&self.streams)))
    }

    /// Whether this stream may be asked by this identity from this address: to be
    /// known before rules cost anything.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    pub fn check(
        &self,
        id: &str,
        address: IpAddr,
        identity: &Identity,
    ) -> Result<(), RealtimeError> {
        let at = (id, address.to_canonical());
        lock(&self.streams).check(at, identity, &self.settings)
    }

    /// Whether a stream may have so many topics.
    ///
    /// # Errors
    ///
    /// [`RealtimeError::TooManyTopics`].
    pub fn fits(&self, topics: usize) -> Result<(), RealtimeError> {
        let most = self.settings.topics;
        if topics > most {
            lock(&self.streams).refused_topics();
            return Err(RealtimeError::TooManyTopics(most));
        }
        Ok(())
    }

    /// Replaces what a stream waits for. `join` makes what has its outbox told, and takes
    /// its time for it; what it made before ends after that. Where two ask at once, all is
    /// as the later one has it.
    ///
    /// The outcome of a login is told once, and after that can't be waited for again:
    /// the id was a login's `state`, and such a one is good for one login.
    ///
    /// # Errors
    ///
    /// [`RealtimeError::Unknown`] where there is no such stream, or one of another
    /// address, or one whose login is over; [`RealtimeError::OtherIdentity`] where it
    /// is another record's; too many streams of the one that it would become; those of
    /// `join`. Then it is told of the same records as before.
    pub async fn subscribe<M: Send + 'static, E: From<RealtimeError>>(
        &self,
        id: &str,
        address: IpAddr,
        holder: Holder,
        join: impl AsyncFnOnce(&Arc<Outbox>) -> Result<Vec<M>, E>,
    ) -> Result<(), E> {
        let at = (id, address.to_canonical());
        let generation = holder.generation;
        let begun = lock(&self.streams).begin(at, holder, Instant::now(), &self.settings);
        let (outbox, turn) = begun?;
        let joined = join(&outbox).await?;
        let joined: streams::Joined = if joined.is_empty() {
            None
        } else {
            Some(Box::new(joined))
        };
        let now = (turn, generation);
        let done = lock(&self.streams).finish(id, now, joined, &self.settings);
        // Memberships end here, where nothing is locked.
        done.map(drop).map_err(|unused| {
            drop(unused);
            RealtimeError::Unknown.into()
        })
    }

    /// Gives an outbox a place among those who are told the same.
    ///
    /// # Errors
    ///
    /// [`RealtimeError::Lines`].
    pub fn join(
        &self,
        listener: &Listener,
        want: Want,
        outbox: &Arc<Outbox>,
    ) -> Result<Membership, RealtimeError> {
        let own = Arc::downgrade(&self.hub);
        lock(&self.hub).join(listener, want, outbox, own)
    }

    /// The lines to PocketBase that joining made necessary, each once.
    #[must_use]
    pub fn take_begun(&self) -> Vec<Arc<Line>> {
        lock(&self.hub).take_begun()
    }

    /// Everybody who listens and is no guest.
    #[must_use]
    pub fn people(&self) -> Vec<Arc<Person>> {
        lock(&self.hub).people()
    }

    /// Who listens as this identity.
    #[must_use]
    pub fn person(&self, identity: &Identity) -> Option<Arc<Person>> {
        lock(&self.hub).person(identity)
    }

    /// The line on which it is told what becomes of an account, and as what; none for
    /// guests, and for who does not listen.
    #[must_use]
    pub fn account(&self, identity: &Identity) -> Option<(Arc<Line>, Arc<str>)> {
        lock(&self.hub).account(identity)
    }

    /// Has the connections of an identity opened anew.
    pub fn renew(&self, identity: &Identity) {
        lock(&self.hub).renew(identity);
    }

    /// All classes of equal subscribers.
    #[must_use]
    pub fn classes(&self) -> Vec<Arc<Class>> {
        lock(&self.hub).classes()
    }

    /// How many listen, and on how many lines.
    #[must_use]
    pub fn hub_counts(&self) -> HubCounts {
        lock(&self.hub).counts()
    }

    /// Tells the stream whose client id is the outcome's `state` how the login at the
    /// provider ended. It waits for no other, and stays open until its client closes
    /// it or, where it waits for nothing else, the login's time is over.
    ///
    /// # Errors
    ///
    /// [`RealtimeError::Unknown`] where no stream of this address waits under that id;
    /// an outcome that is too large. A stream that does wait goes on waiting.
    pub fn deliver(&self, address: IpAddr, outcome: &Outcome) -> Result<(), RealtimeError> {
        let event = outcome.event()?;
        let at = (outcome.state.as_str(), address.to_canonical());
        lock(&self.streams).deliver(at, event, Instant::now())
    }

    /// Ends the streams for which this holds, and tells how many these are. It is asked
    /// with the streams locked: it must not ask this station anything.
    pub fn close_where(&self, why: Closing, is: impl Fn(&Open<'_>) -> bool) -> usize {
        let ended = lock(&self.streams).close_where(why, is);
        ended.len()
    }

    /// The different tokens that open streams of a record were asked with last, that
    /// which is good for longest first. A guest has none.
    #[must_use]
    pub fn tokens(&self, identity: &Identity) -> Vec<Token> {
        lock(&self.streams).tokens(identity)
    }

    /// Ends what is over: streams that wait for nothing, logins, tokens; and takes out
    /// those that ended while something was told. To be called now and then.
    pub fn sweep(&self, now: Instant) {
        let ended = self.tally.take_ended();
        let clock = (now, SystemTime::now());
        let ended = lock(&self.streams).sweep(clock, &ended, &self.settings);
        drop(ended);
    }

    /// Ends all streams, and lets none begin any more.
    pub fn end(&self) {
        let ended = lock(&self.streams).end();
        drop(ended);
    }

    /// What there is now, and what came of those that were.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = lock(&self.streams).counts();
        self.tally.add_to(&mut counts);
        counts
    }

    fn retry(&self) -> Result<Duration, RealtimeError> {
        let (least, most) = self.settings.retry;
        let part = u32::from_le_bytes(self.random()?);
        let part = f64::from(part) / f64::from(u32::MAX);
        Ok(least + most.saturating_sub(least).mul_f64(part))
    }

    fn random<const BYTES: usize>(&self) -> Result<[u8; BYTES], RealtimeError> {
        let mut bytes = [0; BYTES];
        let filled = self.random.fill(&mut bytes);
        filled.map_err(|_| RealtimeError::Random)?;
        Ok(bytes)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
