//! Proofs that were seen: each is good once.
//!
//! One is remembered for as long as it is good. Those of people who are logged in and
//! those of guests have rooms of their own, and nobody fills either alone: else whoever
//! makes up keys could keep everybody else out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::exchange::proof::{Proof, ProofError};
use crate::network::subscriber;
use crate::principal::Thumbprint;

/// The proofs that are remembered.
#[derive(Debug)]
pub struct Proofs {
    since: u64,
    known: Mutex<Memory>,
    guests: Mutex<Memory>,
    hasher: RandomState,
    replayed: AtomicU64,
    full: AtomicU64,
    crowded: AtomicU64,
}

/// Whose room a proof takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose<'a> {
    /// Somebody whose session is bound to the key: the key counts.
    Key(Thumbprint),
    /// Somebody who is logged in and can sign with any key: the record counts, by the name of
    /// its collection and its id.
    Record(&'a str, &'a str),
    /// A guest: the address counts, of IPv6 its network of 64 bits.
    Address(IpAddr),
}

/// What became of proofs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProofCounts {
    /// Remembered now.
    pub held: usize,
    /// Refused since they were seen before.
    pub replayed: u64,
    /// Refused for want of room.
    pub full: u64,
    /// Refused since one client sent so many.
    pub crowded: u64,
}

/// What part of a room one may take.
const SHARE: usize = 64;

/// What part of the whole is the guests'.
const GUESTS: usize = 4;

/// A table that is not given back, however empty it is.
const SMALL: usize = 1_024;

#[derive(Debug, Default)]
struct Memory {
    seen: HashSet<u128>,
    /// By the last second in which they are good, with whose they are.
    ending: BTreeMap<u64, Vec<(u128, u64)>>,
    /// How many each has.
    held: HashMap<u64, usize>,
}

impl Proofs {
    /// Has seen none, and takes none that was made before it was there: a gateway that
    /// has forgotten it may have seen it.
    #[must_use]
    pub fn new(now: u64) -> Self {
        Self {
            since: now,
            known: Mutex::default(),
            guests: Mutex::default(),
            hasher: RandomState::new(),
            replayed: AtomicU64::new(0),
            full: AtomicU64::new(0),
            crowded: AtomicU64::new(0),
        }
    }

    /// Older proofs are not good: seconds since 1970.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Whether a proof was seen before. It is asked before anybody acts on what came with it; that
    /// it was not is certain only when it was remembered.
    ///
    /// # Errors
    ///
    /// When it was.
    pub fn check(&self, proof: &Proof) -> Result<(), ProofError> {
        let has = |memory| lock(memory).seen.contains(&proof.id);
        if has(&self.known) || has(&self.guests) {
            self.replayed.fetch_add(1, Ordering::Relaxed);
            return Err(ProofError::Replayed);
        }
        Ok(())
    }

    /// Remembers a proof, of which there may be so many in all.
    ///
    /// # Errors
    ///
    /// When it was seen before, or there is no room to find that out the next time.
    pub fn once(
        &self,
        proof: &Proof,
        whose: Whose<'_>,
        most: usize,
        now: u64,
    ) -> Result<(), ProofError> {
        let (memory, most) = match whose {
            Whose::Key(_) | Whose::Record(..) => (&self.known, most),
            Whose::Address(_) => (&self.guests, most / GUESTS),
        };
        let owner = self.hasher.hash_one(whose.plain());
        let put = lock(memory).put(proof, owner, most, now);
        let count = match put {
            Err(ProofError::Replayed) => &self.replayed,
            Err(ProofError::Full) => &self.full,
            Err(ProofError::TooMany) => &self.crowded,
            _ => return put,
        };
        count.fetch_add(1, Ordering::Relaxed);
        put
    }

    /// What became of them so far.
    #[must_use]
    pub fn counts(&self, now: u64) -> ProofCounts {
        let held = |memory| {
            let mut memory = lock(memory);
            memory.forget(now);
            memory.seen.len()
        };
        ProofCounts {
            held: held(&self.known) + held(&self.guests),
            replayed: self.replayed.load(Ordering::Relaxed),
            full: self.full.load(Ordering::Relaxed),
            crowded: self.crowded.load(Ordering::Relaxed),
        }
    }
}

impl Whose<'_> {
    /// One client has many addresses of a network, and one network.
    fn plain(self) -> Self {
        match self {
            Self::Address(address) => Self::Address(subscriber(address)),
            Self::Key(_) | Self::Record(..) => self,
        }
    }
}

impl Memory {
    fn put(&mut self, proof: &Proof, owner: u64, most: usize, now: u64) -> Result<(), ProofError> {
        self.forget(now);
        if self.seen.contains(&proof.id) {
            return Err(ProofError::Replayed);
        }
        if self.seen.len() >= most {
            return Err(ProofError::Full);
        }
        let held = self.held.entry(owner).or_default();
        if *held >= (most / SHARE).max(1) {
            return Err(ProofError::TooMany);
        }
        *held += 1;
        self.seen.insert(proof.id);
        let ending = self.ending.entry(proof.until).or_default();
        ending.push((proof.id, owner));
        Ok(())
    }

    fn forget(&mut self, now: u64) {
        while let Some(first) = self.ending.first_entry().filter(|first| *first.key() < now) {
            for (id, owner) in first.remove() {
                self.seen.remove(&id);
                let left = self.held.get_mut(&owner).map(|held| {
                    *held -= 1;
                    *held
                });
                if left == Some(0) {
                    self.held.remove(&owner);
                }
            }
        }
        // A flood is over one day.
        if self.seen.capacity() > SMALL && self.seen.len() < self.seen.capacity() / 8 {
            self.seen.shrink_to(SMALL);
            self.held.shrink_to(SMALL);
        }
    }
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    const NOW: u64 = 1_800_000_000;
    const MOST: usize = SHARE * 8;

    fn proof(id: u128, until: u64) -> Proof {
        let key = Thumbprint([1; 32]);
        Proof { key, id, until }
    }

    fn key(number: usize) -> Whose<'static> {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        Whose::Key(Thumbprint(bytes))
    }

    #[test]
    fn a_proof_is_good_once_for_as_long_as_it_is_good() {
        let proofs = Proofs::new(NOW);
        let once = |proof: Proof, now| proofs.once(&proof, key(1), MOST, now);
        assert_eq!(once(proof(1, NOW + 60), NOW), Ok(()));
        assert_eq!(once(proof(2, NOW + 60), NOW), Ok(()));
        for now in [NOW, NOW + 1, NOW + 60] {
            let again = once(proof(1, NOW + 60), now);
            assert_eq!(again, Err(ProofError::Replayed));
            let seen = proofs.check(&proof(1, NOW + 60));
            assert_eq!(seen, Err(ProofError::Replayed));
            assert_eq!(proofs.check(&proof(3, NOW + 60)), Ok(()));
        }
        let counts = ProofCounts {
            held: 2,
            replayed: 6,
            ..ProofCounts::default()
        };
        assert_eq!(proofs.counts(NOW + 60), counts);
        assert_eq!(proofs.counts(NOW + 61).held, 0);
    }

    #[test]
    fn nobody_takes_all_the_room_and_guests_take_none_of_others() {
        let proofs = Proofs::new(NOW);
        let mut ids = 0..;
        let mut put = |whose| proofs.once(&proof(ids.next().unwrap(), NOW), whose, MOST, NOW);
        for _ in 0..8 {
            assert_eq!(put(key(0)), Ok(()));
        }
        assert_eq!(put(key(0)), Err(ProofError::TooMany));
        for number in 8..MOST {
            assert_eq!(put(key(number / 8)), Ok(()));
        }
        assert_eq!(put(key(MOST)), Err(ProofError::Full));
        // One network of IPv6 is one guest.
        let address = |network: u16, last| {
            Whose::Address(Ipv6Addr::new(1, 2, 3, network, 0, 0, 0, last).into())
        };
        assert_eq!(put(address(1, 1)), Ok(()));
        assert_eq!(put(address(1, 2)), Ok(()));
        assert_eq!(put(address(1, 3)), Err(ProofError::TooMany));
        assert_eq!(put(address(2, 3)), Ok(()));
        let counts = proofs.counts(NOW);
        assert_eq!((counts.held, counts.full, counts.crowded), (MOST + 3, 1, 2));
        // When they are over there is room again.
        let later = proofs.once(&proof(0, NOW + 9), key(0), MOST, NOW + 1);
        assert_eq!((later, proofs.counts(NOW + 1).held), (Ok(()), 1));
    }

    #[test]
    fn memory_is_given_back_after_a_flood() {
        let proofs = Proofs::new(NOW);
        let most = SHARE * 100_000;
        for id in 0..100_000 {
            proofs.once(&proof(id, NOW), key(1), most, NOW).unwrap();
        }
        assert_eq!(proofs.counts(NOW + 1).held, 0);
        let memory = lock(&proofs.known);
        assert!(memory.seen.capacity() <= 2 * SMALL && memory.ending.is_empty());
        assert!(memory.held.is_empty());
    }
}
