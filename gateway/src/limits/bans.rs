//! Who is kept out for a while.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::subject::Subject;

/// Beyond so many nobody more is kept out: their limits hold all the same.
const MOST: usize = 100_000;

/// Who is kept out, and until when, in nanoseconds of the station's clock.
#[derive(Debug, Default)]
pub(super) struct Bans {
    until: Mutex<HashMap<Subject, u64>>,
    /// So that nobody waits for the lock where there are none.
    held: AtomicUsize,
}

impl Bans {
    /// How much longer somebody is kept out, in nanoseconds.
    pub(super) fn rest(&self, who: Subject, now: u64) -> Option<u64> {
        if self.held() == 0 {
            return None;
        }
        let until = self.until().get(&who).copied()?;
        until.checked_sub(now).filter(|rest| *rest > 0)
    }

    /// Keeps somebody out from now on, unless there are too many already; tells whether.
    pub(super) fn begin(&self, who: Subject, now: u64, until: u64) -> bool {
        let mut all = self.until();
        if all.len() >= MOST {
            all.retain(|_, until| *until > now);
        }
        let has_room = all.len() < MOST || all.contains_key(&who);
        if has_room {
            all.insert(who, until);
        }
        self.held.store(all.len(), Ordering::Relaxed);
        has_room
    }

    /// Gives up those that are over.
    pub(super) fn sweep(&self, now: u64) {
        let mut all = self.until();
        all.retain(|_, until| *until > now);
        let needed = all.len() * 2;
        if all.capacity() > needed * 2 {
            all.shrink_to(needed);
        }
        self.held.store(all.len(), Ordering::Relaxed);
    }

    /// Lets everybody in again.
    pub(super) fn clear(&self) {
        *self.until() = HashMap::new();
        self.held.store(0, Ordering::Relaxed);
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn until(&self) -> MutexGuard<'_, HashMap<Subject, u64>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn who(number: usize) -> Subject {
        let bits = u32::try_from(number).unwrap();
        Subject::of_address(Ipv4Addr::from_bits(bits).into())
    }

    #[test]
    fn a_ban_is_one_subjects_and_ends_with_its_time() {
        let bans = Bans::default();
        assert!(bans.begin(who(1), 0, 100));
        assert_eq!(bans.rest(who(1), 40), Some(60));
        assert_eq!(
            (bans.rest(who(1), 100), bans.rest(who(2), 40)),
            (None, None)
        );
        bans.sweep(100);
        assert_eq!(bans.held(), 0);
    }

    #[test]
    fn bans_are_bounded_and_those_that_are_over_make_room() {
        let bans = Bans::default();
        for number in 0..MOST {
            assert!(bans.begin(who(number), 0, 100));
        }
        assert!(!bans.begin(who(MOST), 50, 150));
        // One that goes on needs no room of its own.
        assert!(bans.begin(who(7), 50, 150));
        assert!(bans.begin(who(MOST), 100, 200));
        assert_eq!(bans.held(), 2);
    }
}
