//! What the calls of one rule came to, in one generation: counted where they
//! end, told by whoever prints metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::fault::Fault;

/// The upper bounds of the histogram, in nanoseconds: 1 µs, doubling, to half a second.
const BUCKETS: usize = 20;

const FIRST_BUCKET: u64 = 1_000;

/// Counts the calls of one rule. Every number only grows.
#[derive(Debug, Default)]
pub struct Tally {
    allowed: AtomicU64,
    denied: AtomicU64,
    faults: [AtomicU64; Fault::CODES.len()],
    /// By the first bound that is not less; the last is for all beyond.
    buckets: [AtomicU64; BUCKETS + 1],
    nanos: AtomicU64,
    host_calls: AtomicU64,
    memory: AtomicUsize,
    skipped: AtomicU64,
}

/// What the rules of one generation came to so far.
#[derive(Clone, Debug)]
pub struct Tallies {
    /// Its number.
    pub generation: u64,
    /// Each rule by name, whether it is in shadow, and its count.
    pub rules: Vec<(String, bool, Arc<Tally>)>,
}

/// What one call took of its rule's bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) host_calls: u32,
    /// Bytes of linear memory.
    pub(super) memory: usize,
}

/// What one call, or all reveals of a rule for one reply, came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) allowed: u32,
    pub(super) denied: u32,
    /// The code of the fault that ended it.
    pub(super) fault: Option<&'static str>,
    pub(super) took: Duration,
    pub(super) usage: Usage,
}

/// What a tally says at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Calls that let pass.
    pub allowed: u64,
    /// Calls that denied.
    pub denied: u64,
    /// Calls that ended without a verdict, by the fault's code; those that there were.
    pub faults: Vec<(&'static str, u64)>,
    /// Calls by their time: the upper bound in nanoseconds, and how many took at most that and
    /// more than the bound before. The last has no bound.
    pub times: Vec<(Option<u64>, u64)>,
    /// The time of all calls together, in nanoseconds.
    pub nanos: u64,
    /// Host calls of all calls.
    pub host_calls: u64,
    /// The most linear memory that a call had, in bytes.
    pub memory: usize,
    /// Calls in shadow that were left out, as there was no room for them.
    pub skipped: u64,
}

impl Tally {
    /// Takes down an outcome; its time is one observation.
    pub(super) fn count(&self, outcome: &Outcome) {
        let nanos = outcome.nanos();
        add(&self.allowed, outcome.allowed.into());
        add(&self.denied, outcome.denied.into());
        if let Some(code) = outcome.fault {
            let at = Fault::CODES.iter().position(|known| *known == code);
            if let Some(count) = at.and_then(|at| self.faults.get(at)) {
                add(count, 1);
            }
        }
        if let Some(bucket) = self.buckets.get(bucket(nanos)) {
            add(bucket, 1);
        }
        add(&self.nanos, nanos);
        add(&self.host_calls, outcome.usage.host_calls.into());
        self.memory
            .fetch_max(outcome.usage.memory, Ordering::Relaxed);
    }

    /// Takes down that a call in shadow was left out.
    pub(super) fn skip(&self) {
        add(&self.skipped, 1);
    }

    /// What was counted so far.
    #[must_use]
    pub fn told(&self) -> Told {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let bounds = (0..BUCKETS)
            .map(|at| Some(FIRST_BUCKET << at))
            .chain([None]);
        Told {
            allowed: read(&self.allowed),
            denied: read(&self.denied),
            faults: Fault::CODES
                .into_iter()
                .zip(self.faults.iter().map(read))
                .filter(|(_, count)| *count > 0)
                .collect(),
            times: bounds.zip(self.buckets.iter().map(read)).collect(),
            nanos: read(&self.nanos),
            host_calls: read(&self.host_calls),
            memory: self.memory.load(Ordering::Relaxed),
            skipped: read(&self.skipped),
        }
    }
}

impl Outcome {
    /// The calls there were.
    pub(super) fn calls(&self) -> u32 {
        self.allowed + self.denied + u32::from(self.fault.is_some())
    }

    /// How long they took together.
    pub(super) fn nanos(&self) -> u64 {
        u64::try_from(self.took.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The first bucket whose bound is not less.
fn bucket(nanos: u64) -> usize {
    let micros = nanos.div_ceil(FIRST_BUCKET).max(1);
    let doublings = micros.next_power_of_two().trailing_zeros() as usize;
    doublings.min(BUCKETS)
}

fn add(count: &AtomicU64, more: u64) {
    if more > 0 {
        count.fetch_add(more, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_the_first_bucket_that_holds_it() {
        for (nanos, at) in [
            (0, 0),
            (1, 0),
            (1_000, 0),
            (1_001, 1),
            (2_000, 1),
            (7_300, 3),
            (FIRST_BUCKET << 19, 19),
            ((FIRST_BUCKET << 19) + 1, 20),
            (u64::MAX / 2, 20),
        ] {
            assert_eq!(bucket(nanos), at, "{nanos}");
        }
    }

    #[test]
    fn what_is_counted_is_told() {
        let tally = Tally::default();
        let outcome = |memory| Outcome {
            took: Duration::from_nanos(1_500),
            usage: Usage {
                host_calls: 3,
                memory,
            },
            ..Outcome::default()
        };
        tally.count(&Outcome {
            allowed: 1,
            ..outcome(10)
        });
        tally.count(&Outcome {
            denied: 1,
            ..outcome(30)
        });
        tally.count(&Outcome {
            fault: Some(Fault::Cpu.code()),
            ..outcome(20)
        });
        let told = tally.told();
        assert_eq!((told.allowed, told.denied), (1, 1));
        assert_eq!(told.faults, [("rule_cpu", 1)]);
        assert_eq!((told.nanos, told.host_calls, told.memory), (4_500, 9, 30));
        assert_eq!(told.times.get(1), Some(&(Some(2_000), 3)));
        let calls: u64 = told.times.iter().map(|(_, count)| count).sum();
        assert_eq!(calls, 3);
    }

    #[test]
    fn every_fault_has_its_place() {
        for code in Fault::CODES {
            let tally = Tally::default();
            tally.count(&Outcome {
                fault: Some(code),
                ..Outcome::default()
            });
            assert_eq!(tally.told().faults, [(code, 1)]);
        }
    }
}
