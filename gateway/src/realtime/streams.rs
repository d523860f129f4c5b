//! All streams and their bounds: what the station's lock is for.
//!
//! Nothing that a client asks for or waits for ends under that lock: what is taken
//! out is handed to the caller, who drops it when the lock is free again.

mod waits;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::time::Instant;

use self::waits::{Due, Flow, Waits};
use super::{Closing, Counts, Holder, Identity, Open, Outbox, RealtimeError, Settings};
use crate::network::subscriber;
use crate::principal::Token;

/// What has an outbox told of records, until it is dropped. None: nothing.
pub(super) type Joined = Option<Box<dyn Send>>;

/// A client id, and the address that it is named from; canonical.
type At<'a> = (&'a str, IpAddr);

/// The streams, by client id.
#[derive(Default)]
pub(super) struct Streams {
    /// Each as long as its connection, also when it has ended: it costs as much.
    held: HashMap<Arc<str>, Stream>,
    /// How many each subscriber of a network has; one that has none is not kept.
    pub(super) of_block: HashMap<IpAddr, usize>,
    /// How many topics each of those has; one that has none is not kept.
    pub(super) topics_of_block: HashMap<IpAddr, usize>,
    /// Those of each record; one that has none is not kept.
    pub(super) of_principal: HashMap<Identity, Vec<Arc<str>>>,
    /// Before then a sweep finds nothing that is over.
    due: Due,
    has_ended: bool,
    /// But for what is there now.
    counts: Counts,
}

/// A stream that has a place.
pub(super) struct Stream {
    /// Canonical.
    address: IpAddr,
    identity: Identity,
    outbox: Arc<Outbox>,
    /// None: it has ended.
    waits: Option<Waits>,
}

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
        let own = self.of_block.get(&subscriber(address)).copied();
        if own.unwrap_or(0) >= settings.per_address {
            self.counts.of_address += 1;
            return Err(RealtimeError::TooMany);
        }
        if self.held.len() >= settings.streams {
            self.counts.full += 1;
            return Err(RealtimeError::Full);
        }
        Ok(())
    }

    pub(super) fn insert(
        &mut self,
        (id, outbox): (Arc<str>, Arc<Outbox>),
        address: IpAddr,
        now: Instant,
        settings: &Settings,
    ) {
        *self.of_block.entry(subscriber(address)).or_default() += 1;
        let waits = Waits::new(subscriber(address), now);
        self.due.note(&waits, settings);
        let stream = Stream {
            address,
            identity: Identity::Guest,
            outbox,
            waits: Some(waits),
        };
        self.held.insert(id, stream);
    }

    /// Takes one out with its place, if it is there.
    pub(super) fn remove(&mut self, id: &str) -> Option<Stream> {
        let stream = self.held.remove(id)?;
        self.give_up_topics(stream.waits.iter());
        let block = subscriber(stream.address);
        if let Some(own) = self.of_block.get_mut(&block) {
            *own -= 1;
            if *own == 0 {
                self.of_block.remove(&block);
            }
        }
        if let Some(own) = self.of_principal.get_mut(&stream.identity) {
            own.retain(|other| **other != *id);
            if own.is_empty() {
                self.of_principal.remove(&stream.identity);
            }
        }
        Some(stream)
    }

    /// Whether a stream may be asked by this identity.
    pub(super) fn check(
        &mut self,
        at: At<'_>,
        identity: &Identity,
        settings: &Settings,
    ) -> Result<(), RealtimeError> {
        let (own, ..) = self.of(at)?;
        if own == identity {
            return Ok(());
        }
        if *own != Identity::Guest {
            return Err(RealtimeError::OtherIdentity);
        }
        let held = self.of_principal.get(identity).map_or(0, Vec::len);
        if held >= settings.per_principal {
            self.counts.of_principal += 1;
            return Err(RealtimeError::TooManyOfPrincipal);
        }
        Ok(())
    }

    /// Takes over all that is asked for but records: whose outbox these are to tell, and
    /// as which of those who ask.
    pub(super) fn begin(
        &mut self,
        at: At<'_>,
        holder: Holder,
        now: Instant,
        settings: &Settings,
    ) -> Result<(Arc<Outbox>, u64), RealtimeError> {
        self.check(at, &holder.identity, settings)?;
        self.ask_topics(at, holder.topics, settings)?;
        let (own, outbox, waits) = self.of(at)?;
        waits.ask(holder.login, now, settings)?;
        waits.token = holder.token;
        waits.expires = holder.expires;
        waits.turn += 1;
        let (outbox, turn, due) = (Arc::clone(outbox), waits.turn, Due::of(waits, settings));
        if *own != holder.identity {
            own.clone_from(&holder.identity);
            if let Some((id, _)) = self.held.get_key_value(at.0) {
                let held = self.of_principal.entry(holder.identity).or_default();
                held.push(Arc::clone(id));
            }
        }
        self.due.meet(due);
        Ok((outbox, turn))
    }

    /// Takes over what was joined, and hands back what ends: what was joined before, or
    /// this, where somebody asked later. As an error if the stream has ended.
    pub(super) fn finish(
        &mut self,
        id: &str,
        (turn, generation): (u64, u64),
        joined: Joined,
        settings: &Settings,
    ) -> Result<Joined, Joined> {
        let stream = self.held.get_mut(id);
        let Some(waits) = stream.and_then(|stream| stream.waits.as_mut()) else {
            return Err(joined);
        };
        if turn < waits.done {
            // Somebody who asked later is told already.
            return Ok(joined);
        }
        waits.done = turn;
        waits.generation = generation;
        let before = waits.join(joined, Instant::now());
        self.due.note(waits, settings);
        Ok(before)
    }

    pub(super) fn deliver(
        &mut self,
        at: At<'_>,
        event: Bytes,
        now: Instant,
    ) -> Result<(), RealtimeError> {
        let (_, outbox, waits) = self.of(at)?;
        if waits.flow != Flow::Subscribed || waits.is_late(now) {
            return Err(RealtimeError::Unknown);
        }
        outbox.push(event);
        if outbox.is_closed() {
            return Err(RealtimeError::Unknown);
        }
        waits.flow = Flow::Delivered;
        self.counts.delivered += 1;
        Ok(())
    }

    pub(super) fn close_where(
        &mut self,
        why: Closing,
        is: impl Fn(&Open<'_>) -> bool,
    ) -> Vec<Waits> {
        let mut ended = Vec::new();
        for stream in self.held.values_mut() {
            if stream.open().is_some_and(|open| is(&open)) {
                ended.extend(stream.close(why));
            }
        }
        self.give_up_topics(&ended);
        ended
    }

    pub(super) fn tokens(&self, identity: &Identity) -> Vec<Token> {
        let own = self.of_principal.get(identity).into_iter().flatten();
        let open = own.filter_map(|id| self.held.get(id)?.waits.as_ref());
        let mut tokens: Vec<_> = open
            .filter_map(|waits| Some((waits.expires, waits.token.as_ref()?)))
            .collect();
        tokens.sort_by_key(|(expires, _)| std::cmp::Reverse(*expires));
        let mut different: Vec<Token> = Vec::new();
        for (_, token) in tokens {
            if !different.contains(token) {
                different.push(token.clone());
            }
        }
        different
    }

    /// Ends what is over at this time, and takes out those that ended by themselves.
    pub(super) fn sweep(
        &mut self,
        (now, clock): (Instant, SystemTime),
        ended: &[Arc<str>],
        settings: &Settings,
    ) -> Vec<Waits> {
        let gone = ended.iter().filter_map(|id| {
            let stream = self.held.get_mut(id)?;
            stream.waits.take()
        });
        let mut gone: Vec<_> = gone.collect();
        if !self.due.has_come(now, clock) {
            self.give_up_topics(&gone);
            return gone;
        }
        self.due = Due::default();
        for stream in self.held.values_mut() {
            let Some(waits) = &mut stream.waits else {
                continue;
            };
            let over = waits.over((now, clock), settings);
            if waits.is_late(now) {
                self.counts.expired += 1;
                waits.flow = Flow::Late;
            }
            match over {
                Some(why) => gone.extend(stream.close(why)),
                None => self.due.note(waits, settings),
            }
        }
        self.give_up_topics(&gone);
        gone
    }

    /// Ends all of them, and admits none from now on.
    pub(super) fn end(&mut self) -> Vec<Waits> {
        self.has_ended = true;
        self.close_where(Closing::Shutdown, |_| true)
    }

    pub(super) fn refused_topics(&mut self) {
        self.counts.topics += 1;
    }

    pub(super) fn counts(&self) -> Counts {
        let waits = self.held.values().filter_map(|held| held.waits.as_ref());
        Counts {
            streams: self.held.len(),
            logins: waits.filter(|one| one.flow == Flow::Subscribed).count(),
            ..self.counts
        }
    }

    /// Takes so many topics for a stream in the place of those that it had.
    fn ask_topics(
        &mut self,
        at: At<'_>,
        topics: usize,
        settings: &Settings,
    ) -> Result<(), RealtimeError> {
        let (.., waits) = self.of(at)?;
        let (block, before) = (waits.block, waits.topics);
        let others = self
            .topics_of_block
            .get(&block)
            .map_or(0, |all| all - before);
        if topics > before && others + topics > settings.topics_per_address {
            self.counts.topics_of_address += 1;
            return Err(RealtimeError::TopicsOfAddress(settings.topics_per_address));
        }
        let (.., waits) = self.of(at)?;
        waits.topics = topics;
        match others + topics {
            0 => self.topics_of_block.remove(&block),
            all => self.topics_of_block.insert(block, all),
        };
        Ok(())
    }

    fn give_up_topics<'a>(&mut self, ended: impl IntoIterator<Item = &'a Waits>) {
        for waits in ended {
            if let Some(all) = self.topics_of_block.get_mut(&waits.block) {
                *all -= waits.topics;
                if *all == 0 {
                    self.topics_of_block.remove(&waits.block);
                }
            }
        }
    }

    /// One that is open, in its parts.
    fn of(
        &mut self,
        (id, address): At<'_>,
    ) -> Result<(&mut Identity, &Arc<Outbox>, &mut Waits), RealtimeError> {
        let stream = self.held.get_mut(id);
        let own = stream.filter(|own| own.address == address && !own.outbox.is_closed());
        own.and_then(|own| Some((&mut own.identity, &own.outbox, own.waits.as_mut()?)))
            .ok_or(RealtimeError::Unknown)
    }
}

impl Stream {
    fn open(&self) -> Option<Open<'_>> {
        let waits = self.waits.as_ref()?;
        Some(Open {
            address: self.address,
            identity: &self.identity,
            token: waits.token.as_ref(),
            generation: waits.generation,
            has_records: waits.has_records(),
        })
    }

    /// Ends it; it keeps its place.
    fn close(&mut self, why: Closing) -> Option<Waits> {
        self.outbox.shut(why);
        self.waits.take()
    }
}

#[cfg(test)]
mod tests;
