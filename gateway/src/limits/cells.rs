//! Where limits remember who has asked how much: a cell for each limit and subject,
//! within one bound for all of them.
//!
//! A cell that stands where a new one would is worth nothing and is given up. When
//! all places are taken by cells that count, those who come anew share one cell
//! for each limit: nobody's is given up for theirs, so a flood of keys resets nothing.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::nanos::Nanos;
use governor::state::StateStore;

use super::clock::Clock;
use super::subject::Subject;

/// Each is locked by itself, for a few lines.
const SHARDS: usize = 64;

/// How long a cell stays beyond its time, so that no rounding gives one up too early.
const SPARE: u64 = 1_000_000;

/// All cells of all limits.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) clock: Clock,
    shards: Vec<Mutex<Shard>>,
    place: RandomState,
    held: AtomicUsize,
    most: AtomicUsize,
    /// How often somebody had to share.
    crowded: AtomicU64,
}

type Shard = HashMap<Key, Cell>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    subject: Subject,
    limit: u32,
}

/// Times are nanoseconds of the store's clock.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    /// When all that was used is there again.
    full: u64,
    /// Until when refusals are counted.
    counts: u64,
    refused: u32,
}

/// The cells of one limit.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    store: Arc<Store>,
    limit: u32,
    /// Where the limit's own time begins.
    since: u64,
    shared: Arc<Mutex<Cell>>,
}

/// What is known of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The first in its time.
    pub(super) is_first: bool,
    /// How many there were in that time; none where it is not known whose they are.
    pub(super) count: u32,
}

impl Store {
    pub(super) fn new(most: usize) -> Arc<Self> {
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS);
        Arc::new(Self {
            clock: Clock::start(),
            shards: shards.collect(),
            place: RandomState::new(),
            held: AtomicUsize::new(0),
            most: AtomicUsize::new(most),
            crowded: AtomicU64::new(0),
        })
    }

    /// Changes the bound; what is there stays for its time.
    pub(super) fn bound(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// How many cells there are.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// How often somebody had to share a cell, since the start.
    pub(super) fn crowded(&self) -> u64 {
        self.crowded.load(Ordering::Relaxed)
    }

    /// Gives up what is worth nothing any more, and its memory.
    pub(super) fn sweep(&self) {
        let now = self.clock.nanos();
        for shard in &self.shards {
            let mut shard = lock(shard);
            let before = shard.len();
            shard.retain(|_, cell| cell.counts_at(now));
            self.held.fetch_sub(before - shard.len(), Ordering::Relaxed);
            let needed = shard.len() * 2;
            if shard.capacity() > needed * 2 {
                shard.shrink_to(needed);
            }
        }
    }

    /// A place for one cell more, if there is one.
    fn take_place(&self) -> bool {
        let most = self.most.load(Ordering::Relaxed);
        let one_more = |held: usize| (held < most).then_some(held + 1);
        let taken = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok()
    }

    fn shard(&self, key: &Key) -> Option<MutexGuard<'_, Shard>> {
        let place = self.place.hash_one(key);
        let place = usize::try_from(place % SHARDS as u64).ok()?;
        self.shards.get(place).map(lock)
    }
}

impl Cell {
    /// Whether a new one would stand elsewhere.
    fn counts_at(&self, now: u64) -> bool {
        self.full.max(self.counts).saturating_add(SPARE) > now
    }

    fn refuse(&mut self, now: u64, every: Duration) -> u32 {
        if now >= self.counts {
            let every = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX);
            self.counts = now.saturating_add(every);
            self.refused = 0;
        }
        self.refused = self.refused.saturating_add(1);
        self.refused
    }
}

impl Cells {
    /// Those of a new limit; no other has its number.
    pub(super) fn new(store: &Arc<Store>, limit: u32) -> Self {
        Self {
            store: Arc::clone(store),
            limit,
            since: store.clock.nanos(),
            shared: Arc::default(),
        }
    }

    /// Counts a refusal, within a time that begins with the first.
    pub(super) fn refused(&self, subject: Subject, every: Duration) -> Refused {
        let now = self.store.clock.nanos();
        let key = Key {
            subject,
            limit: self.limit,
        };
        if let Some(mut shard) = self.store.shard(&key)
            && (shard.contains_key(&key) || self.store.take_place())
        {
            let cell = shard.entry(key).or_insert_with(|| self.newcomer());
            let count = cell.refuse(now, every);
            let is_first = count == 1;
            return Refused { is_first, count };
        }
        // Who shares a cell must not be banned for what others did.
        let is_first = lock(&self.shared).refuse(now, every) == 1;
        Refused { is_first, count: 0 }
    }

    /// Has some of what was used be there again at once.
    pub(super) fn give_back(&self, subject: Subject, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let key = Key {
            subject,
            limit: self.limit,
        };
        let give = |cell: &mut Cell| cell.full = cell.full.saturating_sub(time);
        if let Some(mut shard) = self.store.shard(&key)
            && let Some(cell) = shard.get_mut(&key)
        {
            give(cell);
            return;
        }
        give(&mut lock(&self.shared));
    }

    /// A cell of its own. What may have been used of the shared one stays used.
    fn newcomer(&self) -> Cell {
        let full = lock(&self.shared).full;
        Cell {
            full,
            ..Cell::default()
        }
    }

    fn turn<T, E>(
        &self,
        cell: &mut Cell,
        measure: impl Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    ) -> Result<T, E> {
        let full = cell.full.saturating_sub(self.since);
        let (outcome, full) = measure(Some(Nanos::new(full)))?;
        cell.full = full.as_u64().saturating_add(self.since);
        Ok(outcome)
    }
}

impl StateStore for Cells {
    type Key = Subject;

    fn measure_and_replace<T, F, E>(&self, subject: &Subject, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let key = Key {
            subject: *subject,
            limit: self.limit,
        };
        if let Some(mut shard) = self.store.shard(&key) {
            if let Some(cell) = shard.get_mut(&key) {
                return self.turn(cell, measure);
            }
            if self.store.take_place() {
                let mut cell = self.newcomer();
                let outcome = self.turn(&mut cell, measure);
                shard.insert(key, cell);
                return outcome;
            }
        }
        self.store.crowded.fetch_add(1, Ordering::Relaxed);
        self.turn(&mut lock(&self.shared), measure)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn who(number: u32) -> Subject {
        Subject::of_address(Ipv4Addr::from_bits(number).into())
    }

    /// Takes all that there is for ten seconds from now.
    fn take(cells: &Cells, who: Subject) -> bool {
        let now = cells.store.clock.nanos() - cells.since;
        let taken = cells.measure_and_replace(&who, |full| {
            if full.is_some_and(|full| full.as_u64() > now) {
                return Err(());
            }
            Ok(((), Nanos::new(now + 10_000_000_000)))
        });
        taken.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_place_shares_one_and_keeps_what_it_used_of_it() {
        let store = Store::new(2);
        let cells = Cells::new(&store, 0);
        assert!(take(&cells, who(1)) && take(&cells, who(2)));
        // The third has the shared one to itself, the fourth comes too late.
        assert!(take(&cells, who(3)) && !take(&cells, who(4)));
        assert_eq!((store.held(), store.crowded()), (2, 2));
        assert!(!take(&cells, who(1)), "nobody's is given up");
        let other = Cells::new(&store, 1);
        assert!(
            take(&other, who(4)),
            "each limit has a shared one of its own"
        );

        tokio::time::advance(Duration::from_secs(5)).await;
        store.bound(3);
        assert!(
            !take(&cells, who(3)),
            "a place of its own is no second chance"
        );
        assert_eq!(store.held(), 3);
        tokio::time::advance(Duration::from_secs(6)).await;
        store.sweep();
        assert!((5..8).all(|number| take(&cells, who(number))));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_over_gives_back_its_memory() {
        let store = Store::new(100_000);
        let cells = Cells::new(&store, 0);
        let capacity = || -> usize {
            let shards = store.shards.iter();
            shards.map(|shard| lock(shard).capacity()).sum()
        };
        for number in 0..100_000 {
            assert!(take(&cells, who(number)));
        }
        store.sweep();
        assert_eq!(store.held(), 100_000);
        // With what a map has beside: a control byte, and room to double.
        let bytes = capacity() * (size_of::<(Key, Cell)>() + 1) * 8 / 7 / store.held();
        assert!(bytes <= 200, "{bytes} bytes a cell");
        tokio::time::advance(Duration::from_secs(11)).await;
        store.sweep();
        assert_eq!((store.held(), capacity()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_counted_within_their_time_and_keep_a_cell() {
        let store = Store::new(1);
        let cells = Cells::new(&store, 0);
        let every = Duration::from_secs(10);
        let refused = |who| cells.refused(who, every);
        let counted = |is_first, count| Refused { is_first, count };
        assert_eq!(refused(who(1)), counted(true, 1));
        assert_eq!(refused(who(1)), counted(false, 2));
        // Those without a place are told of once, and nobody among them is known.
        assert_eq!(refused(who(2)), counted(true, 0));
        assert_eq!(refused(who(3)), counted(false, 0));
        tokio::time::advance(Duration::from_secs(9)).await;
        store.sweep();
        assert_eq!(refused(who(1)), counted(false, 3));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(refused(who(1)), counted(true, 1));
        assert_eq!(refused(who(2)), counted(true, 0));
    }
}
