//! What a rule's calls meet on this side: one file per interface of the contract.

mod counters;
mod json;
mod log;
mod records;
mod shown;
mod types;
mod wasi;

use std::sync::Arc;

use serde_json::Value;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{ResourceLimiter, StoreLimits};

use super::bindings;
use super::document::Document;
use super::fault::Fault;
use super::{Dossier, Terms};
use crate::exchange::{Exchange, Touched};
use crate::filter::Filter;

/// Marks handles to documents; the handle's number is a `Place`.
#[derive(Debug)]
pub struct DocumentHandle;
/// Marks handles to the request.
#[derive(Debug)]
pub struct RequestHandle;
/// Marks handles to the response.
#[derive(Debug)]
pub struct ResponseHandle;

/// The number behind every request and response handle: a call has one of each.
pub(super) const THE_ONE: u32 = 0;

/// Which document a handle stands for. Handles need no table: a call knows
/// these five documents, and wasmtime lets no guest forge a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Principal = 0,
    Body = 1,
    Stored = 2,
    Record = 3,
    Answer = 4,
}

/// How much a rule's word counts in a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Voice {
    /// It denies, edits and narrows.
    #[default]
    Full,
    /// It is one of a group: it denies, and changes nothing.
    Member,
    /// It is heard by nobody but the operator.
    Shadow,
}

/// What one store holds: everything that one rule may see and do in one call,
/// or in the calls for the records of one reply.
pub(super) struct CallState {
    pub(super) terms: Arc<Terms>,
    pub(super) exchange: Arc<Exchange>,
    /// What `stored` found, shared by all rules of the request.
    pub(super) dossier: Arc<Dossier>,
    pub(super) voice: Voice,
    pub(super) documents: [Option<Document>; PLACES],
    /// The documents that the rule asked for. Their handles count on from the places above.
    found: Vec<Option<Document>>,
    /// How many the instance had in earlier calls: their handles stand for nothing any more.
    found_before: usize,
    pub(super) status: u16,
    /// Whether the moment is `before`: only then a list or a subscription can be narrowed.
    pub(super) is_before: bool,
    pub(super) narrowing: Option<Filter>,
    /// Whether a host call has waited since the last tick that was noticed.
    pub(super) waited: bool,
    pub(super) budget: Budget,
    /// Lines that the rule may still write to the log.
    lines: u8,
    pub(super) memory: MemoryLimit,
    /// What a guest's runtime wants of WASI; none until it wants something.
    wasi: Option<Box<wasi::Wasi>>,
    /// Whether `configure` runs, which has no clock and no randomness.
    pub(super) configuring: bool,
}

/// How many documents a call knows by their place.
const PLACES: usize = 5;

/// What is left of a rule's bounds.
#[derive(Debug)]
pub(super) struct Budget {
    /// Ticks of CPU, counted while the guest runs.
    pub(super) ticks: u32,
    pub(super) host_calls: u32,
    /// Bytes of edits and notes.
    pub(super) edit_bytes: usize,
}

/// Refuses memory beyond the rule's bound, by a fault that says so.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    /// What is left for all memories of the rule together, in bytes.
    left: usize,
    /// What is in use, in bytes.
    used: usize,
    /// Instances, memories and tables: wasmtime's own counts.
    counts: StoreLimits,
}

/// Gives the linker everything that a rule can be granted, and nothing else.
/// What a rule was not granted it does not import: see `powers`.
pub(super) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    bindings::hapta::rule::json::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    bindings::hapta::rule::types::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    bindings::hapta::rule::records::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    bindings::hapta::rule::counters::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    bindings::hapta::rule::log::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wasi::link(linker)
}

impl CallState {
    pub(super) fn new(exchange: Arc<Exchange>, dossier: Arc<Dossier>, terms: &Arc<Terms>) -> Self {
        let limits = &terms.limits;
        let principal = exchange
            .principal
            .record()
            .map(|vouched| Document::read_only(Arc::clone(&vouched.record)));
        Self {
            terms: Arc::clone(terms),
            exchange,
            dossier,
            voice: Voice::Full,
            documents: [principal, None, None, None, None],
            found: Vec::new(),
            found_before: 0,
            status: 0,
            is_before: false,
            narrowing: None,
            waited: false,
            budget: Budget {
                ticks: limits.cpu_ticks(),
                host_calls: limits.host_calls,
                edit_bytes: limits.edit_bytes(),
            },
            lines: log::LINES,
            memory: MemoryLimit::new(limits.memory_bytes()),
            wasi: None,
            configuring: false,
        }
    }

    /// Takes over what belongs to the instance and not to the call that it was
    /// made for: its memory, and what its runtime holds of WASI.
    pub(super) fn inherit(mut self, from: &mut Self) -> Self {
        self.memory = std::mem::replace(&mut from.memory, MemoryLimit::new(0));
        self.wasi = from.wasi.take();
        self.found_before = from.found_before + from.found.len();
        self
    }

    pub(super) fn document(&self, place: Place) -> Option<&Document> {
        self.documents.get(place as usize).and_then(Option::as_ref)
    }

    pub(super) fn put(&mut self, place: Place, document: Document) {
        if let Some(slot) = self.documents.get_mut(place as usize) {
            *slot = Some(document);
        }
    }

    pub(super) fn take(&mut self, place: Place) -> Option<Document> {
        self.documents
            .get_mut(place as usize)
            .and_then(Option::take)
    }

    /// Puts in the request's body, its secrets masked.
    pub(super) fn put_body(&mut self, body: Document) {
        let masked = self.exchange.masked();
        self.put(Place::Body, body.masking(masked));
    }

    /// Puts in the record as it is stored, its secrets masked.
    pub(super) fn put_stored(&mut self, record: Document) {
        let collection = self.exchange.collection.as_ref();
        let masked =
            collection.map_or_else(Arc::default, |collection| Arc::clone(&collection.masked));
        self.put(Place::Stored, record.masking(masked));
    }

    /// Takes bytes off what edits and notes may weigh; false: there are not as many.
    fn weigh(&mut self, bytes: usize) -> bool {
        let left = self.budget.edit_bytes.checked_sub(bytes);
        self.budget.edit_bytes = left.unwrap_or(self.budget.edit_bytes);
        left.is_some()
    }

    pub(super) fn take_value(&mut self, place: Place) -> Option<(Value, Vec<String>)> {
        self.take(place).map(Document::into_parts)
    }

    /// Whether earlier parts of the batch change something so, if there is a batch: in
    /// `before`. Afterwards all of it is done, and read as it is.
    fn is_touched(&self, so: impl FnOnce(&Touched) -> bool) -> bool {
        let place = self.exchange.batch.as_ref().filter(|_| self.is_before);
        place.is_some_and(|place| so(&place.touched))
    }

    /// Counts one call of the host.
    fn count(&mut self) -> wasmtime::Result<()> {
        match self.budget.host_calls.checked_sub(1) {
            Some(left) => {
                self.budget.host_calls = left;
                Ok(())
            }
            None => Err(Fault::HostCalls.into()),
        }
    }
}

impl MemoryLimit {
    pub(super) fn new(bytes: usize) -> Self {
        let counts = wasmtime::StoreLimitsBuilder::new()
            .instances(64)
            .memories(8)
            .tables(64)
            .build();
        Self {
            left: bytes,
            used: 0,
            counts,
        }
    }

    /// The linear memory in use, in bytes.
    pub(super) fn used(&self) -> usize {
        self.used
    }
}

impl MemoryLimit {
    /// What is left, in bytes.
    pub(super) fn left(&self) -> usize {
        self.left
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        match self.left.checked_sub(more) {
            Some(left) => {
                self.left = left;
                self.used = self.used.saturating_add(more);
                Ok(true)
            }
            None => Err(Fault::Memory.into()),
        }
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS {
            return Err(Fault::Memory.into());
        }
        self.counts.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.counts.instances()
    }

    fn tables(&self) -> usize {
        self.counts.tables()
    }

    fn memories(&self) -> usize {
        self.counts.memories()
    }
}

/// The elements one table may have; the pool is made for as many.
pub(super) const TABLE_ELEMENTS: usize = 20_000;
