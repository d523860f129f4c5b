//! Counts that outlive a request, for quotas: see `wit/counters.wit`.
//!
//! A counter belongs to a rule by its name. All of them are in memory and
//! bounded in number; where there is no room the caller is told, since a quota that forgets
//! is no quota.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Counters of all rules together.
const COUNTERS: usize = 100_000;

/// Bytes of a counter's key.
const KEY_BYTES: usize = 200;

/// How long a counter may last: the longest month, and a day.
const LONGEST: Duration = Duration::from_hours(32 * 24);

/// Those that have ended are looked for at most this often: looking takes all of them.
const SWEEP: Duration = Duration::from_secs(1);

/// All counters.
#[derive(Default)]
pub(super) struct Counters(Mutex<Known>);

#[derive(Default)]
struct Known {
    counts: HashMap<Key, Count>,
    /// When those that had ended were last taken out.
    swept: Option<Instant>,
}

/// Names a counter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// By name, so that a rule keeps its counters when its file changes.
    pub(super) rule: String,
    pub(super) key: String,
}

#[derive(Clone, Copy)]
struct Count {
    total: i64,
    ends: Instant,
}

/// A counter has no room, or a key is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

/// What was added, and to which life of the counter: to be given back.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    key: Key,
    amount: i64,
    ends: Instant,
}

impl Counters {
    /// Adds to a counter, and tells its total and what to give back.
    pub(super) fn add(
        &self,
        key: Key,
        amount: i64,
        lasts: Duration,
        now: Instant,
    ) -> Result<(i64, Taken), NoRoom> {
        let mut known = self.lock();
        if key.key.len() > KEY_BYTES || !known.has_room_for(&key, now) {
            return Err(NoRoom);
        }
        let fresh = Count {
            total: 0,
            ends: now + lasts.min(LONGEST),
        };
        let count = known.counts.entry(key.clone()).or_insert(fresh);
        if count.ends <= now {
            *count = fresh;
        }
        count.total = count.total.saturating_add(amount);
        let taken = Taken {
            key,
            amount,
            ends: count.ends,
        };
        Ok((count.total, taken))
    }

    /// What the total would be, for a rule whose word does not count.
    pub(super) fn would_be(&self, key: &Key, amount: i64, now: Instant) -> i64 {
        let known = self.lock();
        let total = known
            .counts
            .get(key)
            .filter(|count| count.ends > now)
            .map_or(0, |count| count.total);
        total.saturating_add(amount)
    }

    /// Gives back what was added, unless the counter has begun anew since.
    pub(super) fn give_back(&self, taken: &Taken) {
        let mut known = self.lock();
        if let Some(count) = known.counts.get_mut(&taken.key)
            && count.ends == taken.ends
        {
            count.total = count.total.saturating_sub(taken.amount);
        }
    }

    /// How many there are, those that have ended included.
    pub(super) fn len(&self) -> usize {
        self.lock().counts.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn has_room_for(&mut self, key: &Key, now: Instant) -> bool {
        let is_full = |counts: &HashMap<Key, Count>| counts.len() >= COUNTERS;
        let was_swept = self.swept.is_some_and(|swept| now < swept + SWEEP);
        if is_full(&self.counts) && !self.counts.contains_key(key) && !was_swept {
            self.counts.retain(|_, count| count.ends > now);
            self.swept = Some(now);
        }
        !is_full(&self.counts) || self.counts.contains_key(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn key(name: &str) -> Key {
        Key {
            rule: "quota".to_owned(),
            key: name.to_owned(),
        }
    }

    #[test]
    fn a_counter_adds_up_and_begins_anew_when_its_time_is_over() {
        let (counters, now) = (Counters::default(), Instant::now());
        let add = |at| counters.add(key("alice"), 1, DAY, at).unwrap().0;
        assert_eq!((add(now), add(now + DAY / 2)), (1, 2));
        // The time is that of its beginning: adding does not prolong it.
        assert_eq!(add(now + DAY), 1);
    }

    #[test]
    fn what_is_given_back_is_as_if_it_never_was() {
        let (counters, now) = (Counters::default(), Instant::now());
        let (_, first) = counters.add(key("alice"), 2, DAY, now).unwrap();
        counters.add(key("alice"), 3, DAY, now).unwrap();
        counters.give_back(&first);
        assert_eq!(counters.would_be(&key("alice"), 0, now), 3);
        // Another life of the counter owes nothing to this one.
        let (_, old) = counters.add(key("bob"), 5, DAY, now).unwrap();
        counters.add(key("bob"), 1, DAY, now + DAY).unwrap();
        counters.give_back(&old);
        assert_eq!(counters.would_be(&key("bob"), 0, now + DAY), 1);
    }

    #[test]
    fn looking_at_what_would_be_adds_nothing() {
        let (counters, now) = (Counters::default(), Instant::now());
        assert_eq!(counters.would_be(&key("alice"), 7, now), 7);
        assert_eq!(counters.len(), 0);
    }

    #[test]
    fn rules_do_not_see_each_others_counters() {
        let (counters, now) = (Counters::default(), Instant::now());
        counters.add(key("alice"), 1, DAY, now).unwrap();
        let other = Key {
            rule: "other".to_owned(),
            key: "alice".to_owned(),
        };
        assert_eq!(counters.add(other, 1, DAY, now).unwrap().0, 1);
    }

    #[test]
    fn there_is_room_for_so_many_and_those_that_ended_make_room() {
        let (counters, now) = (Counters::default(), Instant::now());
        for number in 0..COUNTERS {
            counters.add(key(&number.to_string()), 1, DAY, now).unwrap();
        }
        let more = |at| {
            counters
                .add(key("one more"), 1, DAY, at)
                .map(|(total, _)| total)
        };
        assert_eq!(more(now), Err(NoRoom));
        assert_eq!(counters.add(key("7"), 1, DAY, now).unwrap().0, 2);
        assert_eq!(more(now + DAY), Ok(1));
        assert!(counters.len() <= 2);
    }

    #[test]
    fn a_key_has_a_bound() {
        let long = key(&"k".repeat(KEY_BYTES + 1));
        let added = Counters::default().add(long, 1, DAY, Instant::now());
        assert_eq!(added.map(|(total, _)| total), Err(NoRoom));
    }
}
