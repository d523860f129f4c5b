//! Counts the faults of rules in what is in force: too many are an alarm, and
//! where that is asked for, a reason to go back to what was in force before.
//!
//! Whoever asks can make a rule fail that has a fault, again and again. So for going
//! back only the faults of several known users count, and of each only his share.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::now_ms;
use crate::rules::Fault;
use crate::state::Alarm;

/// How many faults are too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmSettings {
    /// Within a minute; at least 1.
    pub faults: usize,
    /// None: what is in force stays, whatever it does.
    pub go_back: Option<GoBack>,
}

/// When the generation before comes into force by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoBack {
    /// Faults of users that are known, of each his share at most; at least `principals`.
    pub faults: usize,
    /// Different users among them; at least 2.
    pub principals: usize,
    /// All of it within so long.
    pub within: Duration,
}

/// Faults of more than a minute ago alarm nobody.
const ALARM_WINDOW: Duration = Duration::from_mins(1);

/// A fault of a rule.
pub(crate) struct Seen<'a> {
    /// Of the generation with this number.
    pub(crate) generation: u64,
    /// Who asked, as `collection/id`; none for a guest.
    pub(crate) principal: Option<&'a str>,
    /// What went wrong.
    pub(crate) fault: &'a Fault,
}

/// What is to be done about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is counted.
    Nothing,
    /// Somebody should look.
    Alarm {
        /// Within a minute, as far as they are counted.
        faults: usize,
    },
    /// Also, and the generation before should come into force.
    GoBack,
}

/// The faults of the generation in force.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    generation: u64,
    /// Not more than alarm.
    recent: VecDeque<Instant>,
    /// Of each user not more than his share, and of not more users than are needed.
    known: HashMap<String, VecDeque<Instant>>,
    since_ms: Option<u64>,
    logged: Option<Instant>,
    /// Going back is asked for once.
    went_back: bool,
}

impl Faults {
    /// Counts a fault of the generation in force.
    pub(crate) fn note(&self, settings: &AlarmSettings, seen: &Seen<'_>, now: Instant) -> Verdict {
        if matches!(seen.fault, Fault::Pool) {
            // Too little room is no fault of a rule.
            return Verdict::Nothing;
        }
        let mut window = self.window(seen.generation);
        window.count(settings, now);
        let go_back = window.count_known(settings, seen, now);
        if go_back && !window.went_back {
            window.went_back = true;
            return Verdict::GoBack;
        }
        let is_due = window
            .logged
            .is_none_or(|logged| now.duration_since(logged) >= ALARM_WINDOW);
        if window.since_ms.is_some() && is_due {
            window.logged = Some(now);
            let faults = window.recent.len();
            return Verdict::Alarm { faults };
        }
        Verdict::Nothing
    }

    /// Whether the generation in force fails too often: an alarm stands until a
    /// minute has gone by without a fault.
    pub(crate) fn standing(&self, generation: u64, now: Instant) -> Option<Alarm> {
        let mut window = self.window(generation);
        window.expire(now);
        if window.recent.is_empty() {
            window.since_ms = None;
            window.logged = None;
        }
        window.since_ms.map(|since_ms| Alarm {
            faults: window.recent.len(),
            since_ms,
        })
    }

    /// That of this generation; of another nothing counts any more.
    fn window(&self, generation: u64) -> MutexGuard<'_, Window> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.generation != generation {
            *window = Window {
                generation,
                ..Window::default()
            };
        }
        window
    }
}

impl Window {
    fn count(&mut self, settings: &AlarmSettings, now: Instant) {
        self.expire(now);
        self.recent.push_back(now);
        while self.recent.len() > settings.faults {
            self.recent.pop_front();
        }
        if self.recent.len() == settings.faults {
            self.since_ms.get_or_insert_with(now_ms);
        }
    }

    /// Whether enough faults of enough users have come together.
    fn count_known(&mut self, settings: &AlarmSettings, seen: &Seen<'_>, now: Instant) -> bool {
        let (Some(go_back), Some(principal)) = (&settings.go_back, seen.principal) else {
            return false;
        };
        if !is_of_the_rule(seen.fault) {
            return false;
        }
        for faults in self.known.values_mut() {
            expire(faults, go_back.within, now);
        }
        self.known.retain(|_, faults| !faults.is_empty());
        // Whoever finds no place among so many has nothing to add to them.
        if self.known.len() < go_back.faults || self.known.contains_key(principal) {
            let share = go_back.faults.div_ceil(go_back.principals);
            let faults = self.known.entry(principal.to_owned()).or_default();
            faults.push_back(now);
            while faults.len() > share {
                faults.pop_front();
            }
        }
        let faults: usize = self.known.values().map(VecDeque::len).sum();
        faults >= go_back.faults && self.known.len() >= go_back.principals
    }

    fn expire(&mut self, now: Instant) {
        expire(&mut self.recent, ALARM_WINDOW, now);
    }
}

fn expire(faults: &mut VecDeque<Instant>, window: Duration, now: Instant) {
    while faults
        .front()
        .is_some_and(|fault| now.duration_since(*fault) >= window)
    {
        faults.pop_front();
    }
}

/// Whether another version of the rule could do better: not where PocketBase was
/// slow, or the gateway failed.
fn is_of_the_rule(fault: &Fault) -> bool {
    match fault {
        Fault::Trap(_)
        | Fault::Failed(_)
        | Fault::Cpu
        | Fault::Memory
        | Fault::Stack
        | Fault::HostCalls
        | Fault::UndeclaredField(_)
        | Fault::UndeclaredDrop
        | Fault::BadEdit(_) => true,
        Fault::Deadline | Fault::Host | Fault::Pool | Fault::Chained => false,
    }
}

impl Default for AlarmSettings {
    fn default() -> Self {
        Self {
            faults: 20,
            go_back: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> AlarmSettings {
        AlarmSettings {
            faults: 3,
            go_back: Some(GoBack {
                faults: 6,
                principals: 3,
                within: Duration::from_secs(10),
            }),
        }
    }

    fn trap(principal: Option<&str>) -> Seen<'_> {
        static TRAP: Fault = Fault::Memory;
        Seen {
            generation: 1,
            principal,
            fault: &TRAP,
        }
    }

    /// The verdicts on the faults of these principals, a second apart.
    fn verdicts(principals: &[&str]) -> Vec<Verdict> {
        let (faults, start) = (Faults::default(), Instant::now());
        let noted = principals.iter().enumerate().map(|(at, principal)| {
            let principal = Some(*principal).filter(|name| !name.is_empty());
            let now = start + Duration::from_secs(at as u64);
            faults.note(&settings(), &trap(principal), now)
        });
        noted.collect()
    }

    #[test]
    fn many_faults_in_a_minute_alarm_once_a_minute() {
        let (faults, start) = (Faults::default(), Instant::now());
        let at = |seconds| {
            let now = start + Duration::from_secs(seconds);
            faults.note(&settings(), &trap(None), now)
        };
        let alarm = Verdict::Alarm { faults: 3 };
        assert_eq!([at(0), at(50)], [Verdict::Nothing; 2]);
        assert_eq!(at(61), Verdict::Nothing, "the first is a minute ago");
        assert_eq!([at(62), at(63)], [alarm, Verdict::Nothing]);
        assert_eq!([at(121), at(122)], [Verdict::Nothing, alarm]);
        let standing = |seconds| faults.standing(1, start + Duration::from_secs(seconds));
        assert!(standing(123).is_some() && standing(181).is_some());
        assert!(standing(182).is_none(), "a minute without a fault");
    }

    #[test]
    fn another_generation_begins_anew() {
        let (faults, now) = (Faults::default(), Instant::now());
        for _ in 0..3 {
            faults.note(&settings(), &trap(None), now);
        }
        assert!(faults.standing(1, now).is_some());
        assert!(faults.standing(2, now).is_none());
        assert!(faults.standing(1, now).is_none());
    }

    #[test]
    fn several_users_bring_it_back_and_one_alone_never() {
        let back = |principals: &[&str]| verdicts(principals).contains(&Verdict::GoBack);
        assert!(back(&["a", "a", "b", "b", "c", "c"]));
        assert!(!back(&["a"; 100]), "one");
        assert!(!back(&[""; 100]), "guests");
        assert!(
            !back(&["a", "b", "", "", "", "a", "b", "", "a"]),
            "two and guests"
        );
        // One who fails all the time and others who once did.
        let mut crowd = ["a"; 40];
        (crowd[33], crowd[36]) = ("b", "c");
        assert!(!back(&crowd), "of one only his share counts");
        assert!(
            !back(&["a", "b", "c", "a", "b", "", "", "", "", "", "", "c"]),
            "too slow"
        );
    }

    #[test]
    fn going_back_is_asked_for_once() {
        let all = verdicts(&["a", "b", "c", "a", "b", "c", "a", "b", "c", "a"]);
        let back = all.iter().filter(|verdict| **verdict == Verdict::GoBack);
        assert_eq!(back.count(), 1);
    }

    #[test]
    fn a_slow_pocketbase_brings_nothing_back() {
        let (faults, now) = (Faults::default(), Instant::now());
        for at in 0..100 {
            let principal = format!("user {at}");
            let seen = Seen {
                fault: &Fault::Deadline,
                ..trap(Some(&principal))
            };
            assert_ne!(faults.note(&settings(), &seen, now), Verdict::GoBack);
        }
    }

    #[test]
    fn what_is_counted_is_bounded() {
        let (faults, now) = (Faults::default(), Instant::now());
        for at in 0..1_000 {
            let principal = format!("user {at}");
            faults.note(&settings(), &trap(Some(&principal)), now);
        }
        let window = faults.window(1);
        assert!(window.recent.len() <= 3 && window.known.len() <= 6);
    }
}
