//! Writes to one record, one after another.
//!
//! PocketBase has no versions to compare, and reads a record, changes it and
//! writes it in steps: of many `n+1` at once it loses most, and a rule that looks
//! at the stored record before it lets a write pass may look at what another write
//! is about to change. So the record's lock is held from before the rules are
//! asked until PocketBase has answered. It covers writes through this gateway.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::operation::RecordId;

/// How long, and with how many others, a write may wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// For all the records of one request.
    pub wait: Duration,
    /// Writes that wait for one record.
    pub waiting: usize,
}

/// A record, as locks know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey {
    /// The collection's id.
    pub collection: String,
    /// The record's; case counts.
    pub record: RecordId,
}

/// The records that are written to.
#[derive(Debug)]
pub struct Locks {
    settings: Settings,
    lines: Mutex<BTreeMap<RecordKey, Line>>,
    late: AtomicU64,
    crowded: AtomicU64,
}

/// Who writes to one record, and who waits for it.
#[derive(Debug)]
struct Line {
    turn: Arc<Semaphore>,
    /// Whoever has the turn or waits for it; with the last of them the line is gone.
    members: usize,
}

/// The right to write to some records, until it is dropped.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "held for its end alone")] Vec<Turn>);

/// The right to write to one record.
#[derive(Debug)]
struct Turn {
    /// Above the place, so that it is passed on before the place is given up.
    _permit: OwnedSemaphorePermit,
    place: Place,
}

/// A place in a record's line, until it is dropped.
#[derive(Debug)]
struct Place {
    locks: Arc<Locks>,
    key: RecordKey,
}

/// What is locked now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LockCounts {
    /// Records that are written to.
    pub records: usize,
    /// Writes that wait for another to end.
    pub waiting: usize,
    /// Writes refused because they had waited too long, since the start.
    pub late: u64,
    /// Writes refused because too many waited already, since the start.
    pub crowded: u64,
}

/// Why a write does not get its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// With the bound, [`Settings::wait`].
    #[error("other writes to the record took longer than {0:?}")]
    Late(Duration),
    /// With the bound, [`Settings::waiting`].
    #[error("{0} writes wait for the record already")]
    Crowded(usize),
}

impl Locks {
    /// Nothing is locked yet.
    #[must_use]
    pub fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            lines: Mutex::default(),
            late: AtomicU64::new(0),
            crowded: AtomicU64::new(0),
        })
    }

    /// Waits until nobody else writes to any of these records. Whoever waits for one
    /// holds none of the others meanwhile: so no two wait for one another, and who
    /// makes many wait for one record does not keep anybody from the rest.
    ///
    /// # Errors
    ///
    /// When too many wait, or for too long.
    pub async fn hold(self: &Arc<Self>, mut keys: Vec<RecordKey>) -> Result<Held, LockError> {
        keys.sort_unstable();
        keys.dedup();
        let until = Instant::now() + self.settings.wait;
        let mut waited_for = None;
        loop {
            let busy = match self.take(&keys, waited_for) {
                Ok(turns) => return Ok(Held(turns)),
                Err(busy) => busy,
            };
            let (place, turn) = self.line_up(&busy)?;
            let permit = tokio::time::timeout_at(until, turn.acquire_owned()).await;
            // Nobody closes a line.
            let Ok(Ok(permit)) = permit else {
                self.late.fetch_add(1, Ordering::Relaxed);
                return Err(LockError::Late(self.settings.wait));
            };
            waited_for = Some(Turn {
                _permit: permit,
                place,
            });
        }
    }

    /// Takes all of them at once, one of which may be taken already, or tells one that
    /// somebody has or waits for.
    fn take(
        self: &Arc<Self>,
        keys: &[RecordKey],
        mut taken: Option<Turn>,
    ) -> Result<Vec<Turn>, RecordKey> {
        let mut turns = Vec::with_capacity(keys.len());
        for key in keys {
            let turn = match taken.take_if(|turn| turn.place.key == *key) {
                Some(turn) => turn,
                None => self.take_now(key).ok_or_else(|| key.clone())?,
            };
            turns.push(turn);
        }
        Ok(turns)
    }

    fn take_now(self: &Arc<Self>, key: &RecordKey) -> Option<Turn> {
        let mut lines = self.lines();
        let Entry::Vacant(line) = lines.entry(key.clone()) else {
            return None;
        };
        let turn = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&turn).try_acquire_owned().ok()?;
        line.insert(Line { turn, members: 1 });
        drop(lines);
        Some(Turn {
            _permit: permit,
            place: self.place(key),
        })
    }

    /// What is locked now.
    #[must_use]
    pub fn counts(&self) -> LockCounts {
        let lines = self.lines();
        let members = lines.values().map(|line| line.members);
        LockCounts {
            records: lines.len(),
            waiting: members.map(|members| members.saturating_sub(1)).sum(),
            late: self.late.load(Ordering::Relaxed),
            crowded: self.crowded.load(Ordering::Relaxed),
        }
    }

    fn line_up(self: &Arc<Self>, key: &RecordKey) -> Result<(Place, Arc<Semaphore>), LockError> {
        let mut lines = self.lines();
        let line = lines.entry(key.clone()).or_insert_with(|| Line {
            turn: Arc::new(Semaphore::new(1)),
            members: 0,
        });
        if line.members > self.settings.waiting {
            self.crowded.fetch_add(1, Ordering::Relaxed);
            return Err(LockError::Crowded(self.settings.waiting));
        }
        line.members += 1;
        let turn = Arc::clone(&line.turn);
        Ok((self.place(key), turn))
    }

    fn place(self: &Arc<Self>, key: &RecordKey) -> Place {
        Place {
            locks: Arc::clone(self),
            key: key.clone(),
        }
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<RecordKey, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.locks.lines();
        if let Entry::Occupied(mut line) = lines.entry(self.key.clone()) {
            let line_of = line.get_mut();
            line_of.members = line_of.members.saturating_sub(1);
            if line_of.members == 0 {
                line.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn locks(wait: Duration, waiting: usize) -> Arc<Locks> {
        Locks::new(Settings { wait, waiting })
    }

    fn key(record: &str) -> RecordKey {
        RecordKey {
            collection: "c".to_owned(),
            record: RecordId::new(record).unwrap(),
        }
    }

    #[track_caller]
    fn check(locks: &Locks, records: usize, waiting: usize) {
        let counts = locks.counts();
        assert_eq!((counts.records, counts.waiting), (records, waiting));
    }

    #[tokio::test(start_paused = true)]
    async fn one_writes_and_the_next_waits_for_its_end() {
        let locks = locks(Duration::from_secs(5), 10);
        let first = locks.hold(vec![key("a")]).await.unwrap();
        let mut second = Box::pin(locks.hold(vec![key("a")]));
        assert!(second.as_mut().now_or_never().is_none());
        check(&locks, 1, 1);
        let other = locks.hold(vec![key("b")]).now_or_never();
        assert!(other.unwrap().is_ok());
        drop(first);
        let second = second.await.unwrap();
        check(&locks, 1, 0);
        drop(second);
        check(&locks, 0, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_gives_up_its_place() {
        let locks = locks(Duration::from_secs(5), 10);
        let _held = locks.hold(vec![key("b")]).await.unwrap();
        let mut late = Box::pin(locks.hold(vec![key("a"), key("b"), key("c")]));
        assert!(late.as_mut().now_or_never().is_none());
        // It keeps nobody from the others meanwhile.
        let others = locks.hold(vec![key("a"), key("c")]).now_or_never();
        assert!(others.unwrap().is_ok());
        let late = late.await;
        assert_eq!(late.unwrap_err(), LockError::Late(Duration::from_secs(5)));
        check(&locks, 1, 0);
        assert_eq!(locks.counts().late, 1);
        let mut gone = Box::pin(locks.hold(vec![key("b")]));
        assert!(gone.as_mut().now_or_never().is_none());
        drop(gone);
        check(&locks, 1, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_more_than_may_wait_is_refused_at_once() {
        let locks = locks(Duration::from_secs(5), 1);
        let held = locks.hold(vec![key("a")]).await.unwrap();
        let mut waits = Box::pin(locks.hold(vec![key("a")]));
        assert!(waits.as_mut().now_or_never().is_none());
        let refused = locks.hold(vec![key("a")]).now_or_never().unwrap();
        assert_eq!(refused.unwrap_err(), LockError::Crowded(1));
        assert_eq!(locks.counts().crowded, 1);
        drop(held);
        assert!(waits.await.is_ok());
    }

    #[tokio::test]
    async fn whoever_wants_several_in_whatever_order_gets_them_and_nothing_is_left() {
        let locks = locks(Duration::from_mins(1), 1_000);
        let within = Arc::new(Mutex::new(BTreeMap::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..200_usize {
            let (locks, within) = (Arc::clone(&locks), Arc::clone(&within));
            tasks.spawn(async move {
                let names = ["a", "b", "c", "a"];
                let turned = names.iter().cycle().skip(number % 4).take(1 + number % 3);
                let keys: Vec<RecordKey> = turned.map(|name| key(name)).collect();
                let held = locks.hold(keys.clone()).await.unwrap();
                let mine: std::collections::BTreeSet<_> = keys.into_iter().collect();
                for key in &mine {
                    let before = within.lock().unwrap().insert(key.clone(), number);
                    assert_eq!(before, None);
                }
                tokio::task::yield_now().await;
                for key in &mine {
                    assert_eq!(within.lock().unwrap().remove(key), Some(number));
                }
                drop(held);
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        check(&locks, 0, 0);
    }
}
