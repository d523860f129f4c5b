//! What the rules of one request asked PocketBase and noted for the log.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use super::Notes;
use crate::operation::RecordId;
use crate::schema::Collection;
use crate::upstream::{Upstream, UpstreamError};

/// Notes of one request: they are for one line.
const NOTES: usize = 32;

/// Rules of one request whose costs are kept.
const COSTS: usize = 64;

/// Bytes of a note's key, and of its value.
const NOTE_BYTES: usize = 200;

/// What one request's rules share: answers asked for once, and their notes,
/// which outlive a rule that denies or fails.
#[derive(Default)]
pub struct Dossier {
    /// None only for calls outside a request, which have nothing to ask about.
    upstream: Option<Arc<Upstream>>,
    stored: OnceCell<Option<Arc<Value>>>,
    notes: Mutex<Notes>,
    costs: Mutex<Vec<Cost>>,
}

/// What one rule cost in one request, over all its calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// By name.
    pub rule: String,
    /// Of `before`, `reveal` and `after` together.
    pub calls: u32,
    /// On the clock.
    pub nanos: u64,
    /// What it asked the gateway for, so many times.
    pub host_calls: u32,
    /// Bytes of linear memory: the most that any of its instances had.
    pub memory: usize,
}

impl Dossier {
    /// An empty one, for a request.
    #[must_use]
    pub fn new(upstream: Arc<Upstream>) -> Self {
        Self {
            upstream: Some(upstream),
            ..Self::default()
        }
    }

    /// For calls that no request is behind.
    pub(super) fn nothing() -> Self {
        Self::default()
    }

    /// What was noted so far; further notes begin anew.
    #[must_use]
    pub fn take_notes(&self) -> Notes {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds what some calls of a rule cost to what it cost before.
    pub fn spend(&self, cost: Cost) {
        let mut costs = self.costs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = costs.iter_mut().find(|known| known.rule == cost.rule) {
            known.add(&cost);
        } else if costs.len() < COSTS {
            costs.push(cost);
        }
    }

    /// What each rule cost so far, in the order in which they were first called.
    #[must_use]
    pub fn costs(&self) -> Vec<Cost> {
        let costs = self.costs.lock().unwrap_or_else(PoisonError::into_inner);
        costs.clone()
    }

    /// Adds a note, while there is room.
    pub(super) fn note(&self, key: String, value: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < NOTES {
            notes.push((short(key), short(value)));
        }
    }

    /// The record as PocketBase holds it now, read at the first call.
    pub(super) async fn stored(
        &self,
        collection: &Arc<Collection>,
        id: &RecordId,
    ) -> Result<Option<Arc<Value>>, UpstreamError> {
        let Some(upstream) = &self.upstream else {
            return Ok(None);
        };
        let found = self
            .stored
            .get_or_try_init(|| read(upstream, collection, id));
        found.await.cloned()
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

/// Reads a record on the threads that serve requests, wherever the rule that
/// asks may run: connections made on the slow lane would stay slow.
async fn read(
    upstream: &Arc<Upstream>,
    collection: &Arc<Collection>,
    id: &RecordId,
) -> Result<Option<Arc<Value>>, UpstreamError> {
    let (asked, collection, id) = (Arc::clone(upstream), Arc::clone(collection), id.clone());
    let reading = upstream
        .runtime()
        .spawn(async move { asked.stored(&collection, &id).await });
    let read = AbortOnDropHandle::new(reading).await;
    Ok(read
        .map_err(|error| UpstreamError::Away(error.to_string()))??
        .map(Arc::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(rule: &str, nanos: u64, memory: usize) -> Cost {
        Cost {
            rule: rule.to_owned(),
            calls: 1,
            nanos,
            host_calls: 2,
            memory,
        }
    }

    #[test]
    fn costs_add_up_by_rule_and_memory_is_the_most() {
        let dossier = Dossier::nothing();
        dossier.spend(cost("a", 10, 500));
        dossier.spend(cost("b", 1, 1));
        dossier.spend(cost("a", 5, 400));
        let both = Cost {
            calls: 2,
            host_calls: 4,
            ..cost("a", 15, 500)
        };
        assert_eq!(dossier.costs(), [both, cost("b", 1, 1)]);
    }

    #[test]
    fn costs_have_a_bound() {
        let dossier = Dossier::nothing();
        for n in 0..=COSTS {
            dossier.spend(cost(&n.to_string(), 1, 1));
        }
        assert_eq!(dossier.costs().len(), COSTS);
    }
}
