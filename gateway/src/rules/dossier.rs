//! What the rules of one request share: what they asked PocketBase, what they
//! counted, noted and cost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::Notes;
use super::answers::Answers;
use super::counters::{Counters, Key, NoRoom, Taken};
use super::scene::Scene;
use super::trace::Trace;
use crate::exchange::Exchange;
use crate::operation::{Operation, RecordId};
use crate::schema::Collection;
use crate::upstream::{Found, Standing, Upstream, UpstreamError};

/// Notes of one request: they are for one line.
const NOTES: usize = 32;

/// Bytes of a note's key, and of its value.
const NOTE_BYTES: usize = 200;

/// Rules whose cost is kept: more than a chain has in practice.
const COSTS: usize = 64;

/// What one request's rules share: answers asked for once, their notes, which
/// outlive a rule that denies or fails, and what they counted.
///
/// What was counted is given back when this is dropped before the request was
/// sent, or when [`Dossier::undone`] says that it was not done.
#[derive(Default)]
pub struct Dossier {
    /// Names the request in what rules write to the log.
    id: String,
    /// Who is asked.
    answers: Answers,
    /// Where host calls are written down; none in production.
    pub(super) trace: Option<Arc<Trace>>,
    stored: OnceCell<Option<Arc<Value>>>,
    /// Answers to what rules asked of other records, by the question.
    read: Mutex<HashMap<(Standing, String), Found>>,
    /// Questions that may still go to PocketBase.
    reads_left: AtomicU32,
    notes: Mutex<Notes>,
    costs: Mutex<Vec<Cost>>,
    counted: Counted,
}

/// What the rules of the request added to counters.
#[derive(Default)]
struct Counted {
    /// None where nothing counts: outside a request, and for a rule in shadow.
    counters: Option<Arc<Counters>>,
    /// Whether an addition is only worked out.
    is_shadow: bool,
    taken: Mutex<Vec<Taken>>,
    /// Whether the request may have been done: then what was counted stays.
    counts: AtomicBool,
}

/// What one rule took for one request, all its calls together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// By name.
    pub rule: Arc<str>,
    /// Of its hooks.
    pub calls: u32,
    /// By the clock, host calls and waiting included.
    pub nanos: u64,
    /// Of all interfaces of the contract.
    pub host_calls: u32,
    /// The most linear memory of a call, in bytes.
    pub memory: usize,
}

/// The answer to a question of a rule.
pub(super) enum Read {
    /// It was asked before in the request.
    Known(Found),
    /// PocketBase was asked now, and waited for.
    Asked(Found),
}

/// Why a question of a rule has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// No request is behind the call.
    #[error("nobody asks")]
    Nobody,
    /// The request's budget is used up.
    #[error("the rules of the request asked for as many records as they may")]
    Exhausted,
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

impl Dossier {
    /// An empty one, for a request of this id.
    pub(super) fn new(
        id: &str,
        upstream: Arc<Upstream>,
        counters: Arc<Counters>,
        reads: u32,
    ) -> Self {
        Self {
            id: id.to_owned(),
            answers: Answers::PocketBase(upstream),
            reads_left: AtomicU32::new(reads),
            counted: Counted::on(Some(counters), false),
            ..Self::default()
        }
    }

    /// For a request that nobody sent: what PocketBase would answer is told, and what
    /// is counted stays in the scene.
    pub(super) fn told(scene: &Arc<Scene>, trace: Option<Arc<Trace>>, reads: u32) -> Self {
        Self {
            id: "laboratory".to_owned(),
            answers: Answers::Told(Arc::clone(scene)),
            trace,
            reads_left: AtomicU32::new(reads),
            counted: Counted::on(Some(Arc::clone(&scene.counters)), false),
            ..Self::default()
        }
    }

    /// For calls that no request is behind.
    pub(super) fn nothing() -> Self {
        Self::default()
    }

    /// For a rule in shadow: it asks by itself, on a budget of its own, and
    /// nothing that it counts counts.
    pub(super) fn shadow(&self, reads: u32) -> Self {
        Self {
            id: self.id.clone(),
            answers: self.answers.clone(),
            reads_left: AtomicU32::new(reads),
            counted: Counted::on(self.counted.counters.clone(), true),
            ..Self::default()
        }
    }

    /// For rules that are asked about something else in the same request: what is
    /// noted, counted and stored there is told apart, what may be asked is not.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            id: self.id.clone(),
            answers: self.answers.clone(),
            reads_left: AtomicU32::new(self.reads_left.load(Ordering::Relaxed)),
            counted: Counted::on(self.counted.counters.clone(), false),
            ..Self::default()
        }
    }

    /// The request's id; none where there is no request.
    pub(super) fn id(&self) -> Option<&str> {
        (!self.id.is_empty()).then_some(self.id.as_str())
    }

    /// What was noted so far; further notes begin anew.
    #[must_use]
    pub fn take_notes(&self) -> Notes {
        std::mem::take(&mut lock(&self.notes))
    }

    /// Adds a note, while there is room.
    pub(super) fn note(&self, key: String, value: String) {
        let mut notes = lock(&self.notes);
        if notes.len() < NOTES {
            notes.push((short(key), short(value)));
        }
    }

    /// Takes over what was noted and spent in one that is [`Dossier::beside`] it.
    pub fn absorb(&self, other: &Self) {
        let left = other.reads_left.load(Ordering::Relaxed);
        self.reads_left.store(left, Ordering::Relaxed);
        for (key, value) in other.take_notes() {
            self.note(key, value);
        }
        for cost in other.costs() {
            self.spend(cost);
        }
    }

    /// Adds what a call took to what its rule took so far.
    pub fn spend(&self, cost: Cost) {
        let mut costs = lock(&self.costs);
        let has_room = costs.len() < COSTS;
        match costs.iter_mut().find(|known| known.rule == cost.rule) {
            Some(known) => known.add(&cost),
            None if has_room => costs.push(cost),
            None => {}
        }
    }

    /// What each rule took so far, in the order in which they were first called.
    #[must_use]
    pub fn costs(&self) -> Vec<Cost> {
        lock(&self.costs).clone()
    }

    /// Whether it is known what is stored, so that asking waits for nobody.
    pub(super) fn knows_stored(&self) -> bool {
        self.answers.are_at_hand() || self.stored.initialized()
    }

    /// The record as PocketBase holds it now, read at the first call.
    pub(super) async fn stored(
        &self,
        collection: &Arc<Collection>,
        id: &RecordId,
    ) -> Result<Option<Arc<Value>>, UpstreamError> {
        let found = self
            .stored
            .get_or_try_init(|| self.answers.stored(collection, id));
        found.await.cloned()
    }

    /// The collection of this name; none where there is none, or no request.
    pub(super) fn collection(&self, name: &str) -> Option<Arc<Collection>> {
        self.answers.collection(name)
    }

    /// What PocketBase answers a question about other records; asked once, and
    /// at most as often as all rules of the request may ask together.
    pub(super) async fn read(
        &self,
        standing: Standing,
        collection: &str,
        operation: Operation,
        exchange: &Arc<Exchange>,
    ) -> Result<Read, ReadError> {
        if matches!(self.answers, Answers::Nobody) {
            return Err(ReadError::Nobody);
        }
        let question = operation.upstream_path_and_query(collection);
        if let Some(found) = lock(&self.read).get(&(standing, question.clone())) {
            return Ok(Read::Known(found.clone()));
        }
        let take = |left: u32| left.checked_sub(1);
        let taken = self
            .reads_left
            .try_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.map_err(|_| ReadError::Exhausted)?;
        let reading = self.answers.read(standing, collection, operation, exchange);
        let found = reading.await.ok_or(ReadError::Nobody)??;
        lock(&self.read).insert((standing, question), found.clone());
        Ok(Read::Asked(found))
    }

    /// Adds to a counter of a rule, and tells its total.
    pub(super) fn count(&self, key: Key, amount: i64, lasts: Duration) -> Result<i64, NoRoom> {
        let counted = &self.counted;
        let Some(counters) = &counted.counters else {
            return Ok(amount);
        };
        let now = Instant::now();
        if counted.is_shadow {
            return Ok(counters.would_be(&key, amount, now));
        }
        let (total, taken) = counters.add(key, amount, lasts, now)?;
        lock(&counted.taken).push(taken);
        Ok(total)
    }

    /// The request goes to PocketBase now: what was counted stays, unless it
    /// becomes known that the request was not done.
    pub fn sent(&self) {
        self.counted.counts.store(true, Ordering::Relaxed);
    }

    /// The request was certainly not done.
    pub fn undone(&self) {
        self.counted.counts.store(false, Ordering::Relaxed);
    }
}

impl Counted {
    fn on(counters: Option<Arc<Counters>>, is_shadow: bool) -> Self {
        Self {
            counters,
            is_shadow,
            taken: Mutex::default(),
            counts: AtomicBool::new(false),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if *self.counts.get_mut() {
            return;
        }
        let taken = self.taken.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = &self.counters {
            for taken in taken.iter() {
                counters.give_back(taken);
            }
        }
    }
}

impl Cost {
    fn add(&mut self, more: &Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.nanos = self.nanos.saturating_add(more.nanos);
        self.host_calls = self.host_calls.saturating_add(more.host_calls);
        self.memory = self.memory.max(more.memory);
    }
}

fn short(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(NOTE_BYTES));
    text
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(counters: &Arc<Counters>) -> Dossier {
        Dossier {
            counted: Counted::on(Some(Arc::clone(counters)), false),
            ..Dossier::default()
        }
    }

    fn add(dossier: &Dossier) -> i64 {
        let key = Key {
            rule: "quota".to_owned(),
            key: "alice".to_owned(),
        };
        dossier.count(key, 1, Duration::from_mins(1)).unwrap()
    }

    #[test]
    fn what_was_counted_for_a_request_that_was_not_done_is_given_back() {
        let counters = Arc::new(Counters::default());
        let denied = counting(&counters);
        assert_eq!(add(&denied), 1);
        drop(denied);
        let refused = counting(&counters);
        assert_eq!(add(&refused), 1);
        refused.sent();
        refused.undone();
        drop(refused);
        let done = counting(&counters);
        assert_eq!(add(&done), 1);
        done.sent();
        drop(done);
        assert_eq!(add(&counting(&counters)), 2);
    }

    #[test]
    fn in_shadow_nothing_is_counted() {
        let counters = Arc::new(Counters::default());
        let shadow = counting(&counters).shadow(1);
        assert_eq!((add(&shadow), add(&shadow)), (1, 1));
        assert_eq!(counters.len(), 0);
    }

    #[test]
    fn costs_add_up_by_rule_and_have_a_bound() {
        let dossier = Dossier::nothing();
        let cost = |rule: &str, memory| Cost {
            rule: rule.into(),
            calls: 1,
            nanos: 10,
            host_calls: 2,
            memory,
        };
        dossier.spend(cost("a", 5));
        dossier.spend(cost("a", 3));
        for number in 0..2 * COSTS {
            dossier.spend(cost(&number.to_string(), 0));
        }
        let costs = dossier.costs();
        assert_eq!(costs.len(), COSTS);
        let first = costs.first().unwrap();
        assert_eq!(
            (first.calls, first.nanos, first.host_calls, first.memory),
            (2, 20, 4, 5)
        );
    }
}
