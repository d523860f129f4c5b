//! One call of one rule: an instance, what it is given and what it says.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::Resource;

use super::bindings::hapta::rule::types;
use super::chain::Seat;
use super::component::Rule;
use super::document::Document;
use super::engine::Engine;
use super::fault::{Denial, Fault, RuleError};
use super::host::{CallState, Place, THE_ONE, Voice};
use super::instance::Instance;
use super::lane::Crossed;
use super::store::{FIRST_TICK, fault};
use super::tally::{Outcome, Usage};
use super::{Cost, Dossier, convert, ready};
use crate::exchange::{Exchange, Types, files, hold_body, hold_uploads};
use crate::filter::Filter;
use crate::schema::Hidden;
use crate::surface::Unnamed;

/// The edits of all records of a reply together, in those of one call.
const REPLY_EDITS: usize = 16;

/// What a rule's `before` left behind when it let the request pass.
pub(super) struct Before {
    pub(super) body: Option<Value>,
    pub(super) narrowing: Option<Filter>,
}

/// A rule's instance for the reveals and `after` of one reply.
pub(super) struct Live {
    seat: Arc<Seat>,
    engine: Arc<Engine>,
    dossier: Arc<Dossier>,
    /// None only while it is dropped.
    instance: Option<Instance>,
    /// What its calls came to so far; told when the reply is done with it.
    outcome: Outcome,
    /// Whether a call has begun and not ended.
    in_call: bool,
}

/// The right to hold an instance of each of some rules.
pub(super) struct Entered {
    _rules: Vec<OwnedSemaphorePermit>,
    _pool: OwnedSemaphorePermit,
}

/// Waits for room for one instance of each of these rules, at most as long as
/// a call of the slowest may take.
///
/// All of it is taken before any instance is made, the rules in the order of
/// the generation and the pool last and at once: so nobody waits for room while
/// holding what another waits for.
pub(super) async fn enter(engine: &Engine, seats: &[&Arc<Seat>]) -> Result<Entered, RuleError> {
    let room = async {
        let mut permits = Vec::with_capacity(seats.len());
        for seat in seats {
            permits.push(Arc::clone(&seat.rule.running).acquire_owned().await.ok()?);
        }
        let count = u32::try_from(seats.len()).ok()?;
        let pool = Arc::clone(&engine.pool)
            .acquire_many_owned(count)
            .await
            .ok()?;
        Some(Entered {
            _rules: permits,
            _pool: pool,
        })
    };
    let deadlines = seats.iter().map(|seat| seat.rule.limits().deadline);
    let patience = deadlines.max().unwrap_or_default();
    match tokio::time::timeout(patience, room).await {
        Ok(Some(entered)) => Ok(entered),
        Ok(None) | Err(_) => Err(RuleError::Busy {
            rule: seats
                .first()
                .map(|seat| seat.rule.name.clone())
                .unwrap_or_default(),
        }),
    }
}

/// Runs `before` in an instance of its own, which is gone before its room is.
pub(super) async fn before(
    engine: &Arc<Engine>,
    seat: &Arc<Seat>,
    room: impl Send + 'static,
    mut state: CallState,
    body: Option<Document>,
) -> Result<Result<Before, Denial>, RuleError> {
    let crossed = Crossed::default();
    let dossier = Arc::clone(&state.dossier);
    state.is_before = true;
    if let Some(body) = body {
        state.put_body(body);
    }
    if let Some(trace) = &dossier.trace {
        trace.called("before", None);
    }
    let start = Instant::now();
    let (making, rule, own) = (Arc::clone(engine), Arc::clone(&seat.rule), crossed.clone());
    let call = Box::pin(async move {
        let _room = room;
        let mut instance = Instance::obtain(&making, &rule, state, &own).await?;
        let request = Resource::new_borrow(THE_ONE);
        let said = instance
            .hooks
            .call_before(&mut instance.store, request)
            .await;
        let usage = instance.usage();
        instance.store.data_mut().flush_printed();
        let ended = match said {
            Ok(Ok(())) => left_behind(instance.store.data_mut()).map(Ok),
            Ok(Err(denial)) => Ok(Err(convert::denial(denial))),
            Err(error) => Err(fault(&error)),
        };
        if ended.is_ok() {
            ready::done(&making, &rule, instance);
        }
        Ok((ended, usage))
    });
    let deadline = seat.rule.limits().deadline;
    let ended = engine.slow_lane.run(deadline, &crossed, call).await;
    let (ended, usage) = ended.unwrap_or_else(|fault| (Err(fault), Usage::default()));
    let outcome = Outcome {
        allowed: matches!(ended, Ok(Ok(_))).into(),
        denied: matches!(ended, Ok(Err(_))).into(),
        fault: ended.as_ref().err().map(Fault::code),
        took: start.elapsed(),
        usage,
    };
    seat.told(&dossier, &outcome);
    if let Some(trace) = &dossier.trace {
        trace.ended("before", verdict(&ended), outcome.took);
    }
    ended.map_err(|fault| seat.rule.faulted(fault))
}

/// A verdict in words, for a trace.
fn verdict<T>(ended: &Result<Result<T, Denial>, Fault>) -> String {
    match ended {
        Ok(Ok(_)) => "allow".to_owned(),
        Ok(Err(denial)) => format!("deny {}", denial.code),
        Err(fault) => format!("fault {}", fault.code()),
    }
}

/// What is left of a call that let the request pass. A body that the rule
/// edited is held to the same form as one that a client sent.
fn left_behind(state: &mut CallState) -> Result<Before, Fault> {
    let narrowing = state.narrowing.take();
    if state.voice == Voice::Member {
        // It was only read, and the others of the group read it too.
        return Ok(Before {
            body: None,
            narrowing: None,
        });
    }
    let body = match state.take_value(Place::Body) {
        Some((body, touched)) if touched.is_empty() => Some(body),
        Some((body, touched)) => {
            let exchange = &state.exchange;
            let surface = &exchange.client.surface;
            let collection = exchange.collection.as_deref();
            let held = hold_body(&exchange.operation, collection, body, surface);
            let held = held.map_err(|error| Fault::BadEdit(error.to_string()))?;
            // What the client sent may be observed; what a rule writes has a name.
            let unnamed = held.unnamed.iter().map(Unnamed::key);
            if let Some(key) = unnamed
                .flatten()
                .find(|key| touched.iter().any(|own| own == key))
            {
                return Err(Fault::BadEdit(format!(
                    "there is no field for the key \"{key}\""
                )));
            }
            if let (Some(collection), Value::Object(body)) = (collection, &held.body) {
                // Whose files they are, and of what type, was looked at before.
                let takes = files::Takes {
                    operation: &exchange.operation,
                    collection,
                    hidden: Hidden::Told,
                    types: &Types::default(),
                };
                let files = hold_uploads(&exchange.uploads, body, &takes);
                files.map_err(|error| Fault::BadEdit(error.to_string()))?;
            }
            Some(held.body)
        }
        None => None,
    };
    Ok(Before { body, narrowing })
}

impl Live {
    /// Takes an instance for the records of a reply and the reply itself.
    pub(super) async fn start(
        engine: &Arc<Engine>,
        seat: &Arc<Seat>,
        mut state: CallState,
        crossed: &Crossed,
    ) -> Result<Self, Fault> {
        let edits = seat.rule.limits().edit_bytes();
        state.budget.edit_bytes = edits.saturating_mul(REPLY_EDITS);
        let dossier = Arc::clone(&state.dossier);
        let instance = Instance::obtain(engine, &seat.rule, state, crossed).await?;
        Ok(Self {
            seat: Arc::clone(seat),
            engine: Arc::clone(engine),
            dossier,
            instance: Some(instance),
            outcome: Outcome::default(),
            in_call: false,
        })
    }

    /// Runs `reveal` on one record of a collection, and holds the rule to its
    /// manifest. A full voice edits the record where it is; with a denial it is gone.
    pub(super) async fn reveal(
        &mut self,
        collection: &str,
        record: Document,
    ) -> Result<Result<Value, Denial>, Fault> {
        if let Some(trace) = &self.dossier.trace {
            trace.called("reveal", Some(collection));
        }
        let start = self.begin(Place::Record, record);
        let called = match &mut self.instance {
            Some(Instance { store, hooks, .. }) => {
                let (request, record) = (
                    Resource::new_borrow(THE_ONE),
                    Resource::new_borrow(Place::Record as u32),
                );
                hooks.call_reveal(store, request, record).await
            }
            None => return Err(Fault::Host),
        };
        let ended = match called {
            Ok(Ok(())) => self.revealed(collection).map(Ok),
            Ok(Err(denial)) => Ok(Err(convert::denial(denial))),
            Err(error) => Err(fault(&error)),
        };
        self.end("reveal", start, &ended);
        ended
    }

    /// The record after a reveal that let it pass.
    fn revealed(&mut self, collection: &str) -> Result<Value, Fault> {
        let state = self.instance.as_mut().map(|live| live.store.data_mut());
        let taken = state.and_then(|state| state.take_value(Place::Record));
        let (record, touched) = taken.unwrap_or_default();
        let manifest = &self.seat.rule.manifest;
        match touched
            .into_iter()
            .find(|field| !manifest.may_touch(collection, field))
        {
            Some(field) => Err(Fault::UndeclaredField(field)),
            None => Ok(record),
        }
    }

    /// Runs `after` on the whole reply.
    pub(super) async fn after(
        &mut self,
        status: u16,
        body: Option<Document>,
    ) -> Result<Result<Option<Value>, Denial>, Fault> {
        if let Some(trace) = &self.dossier.trace {
            trace.called("after", None);
        }
        let start = match body {
            Some(body) => self.begin(Place::Answer, body),
            None => self.begin_call(),
        };
        let said: wasmtime::Result<Result<(), types::Denial>> = match &mut self.instance {
            Some(Instance { store, hooks, .. }) => {
                store.data_mut().status = status;
                let (request, response) =
                    (Resource::new_borrow(THE_ONE), Resource::new_borrow(THE_ONE));
                hooks.call_after(store, request, response).await
            }
            None => return Err(Fault::Host),
        };
        let ended = match said {
            Ok(Ok(())) => {
                let state = self.instance.as_mut().map(|live| live.store.data_mut());
                let taken = state.and_then(|state| state.take_value(Place::Answer));
                Ok(Ok(taken.map(|(body, _)| body)))
            }
            Ok(Err(denial)) => Ok(Err(convert::denial(denial))),
            Err(error) => Err(fault(&error)),
        };
        self.end("after", start, &ended);
        ended
    }

    fn begin(&mut self, place: Place, document: Document) -> Instant {
        if let Some(live) = &mut self.instance {
            live.store.data_mut().put(place, document);
        }
        self.begin_call()
    }

    /// Every record is a call of its own, with a call's bounds. Edits add up,
    /// since all of them stay in memory until the reply is written.
    fn begin_call(&mut self) -> Instant {
        let limits = self.seat.rule.limits();
        if let Some(live) = &mut self.instance {
            let budget = &mut live.store.data_mut().budget;
            budget.ticks = limits.cpu_ticks();
            budget.host_calls = limits.host_calls;
            live.store.set_epoch_deadline(FIRST_TICK);
        }
        self.in_call = true;
        Instant::now()
    }

    fn end<T>(
        &mut self,
        moment: &'static str,
        start: Instant,
        ended: &Result<Result<T, Denial>, Fault>,
    ) {
        self.in_call = false;
        let took = start.elapsed();
        self.outcome.took += took;
        if let Some(trace) = &self.dossier.trace {
            trace.ended(moment, verdict(ended), took);
        }
        match ended {
            Ok(Ok(_)) => self.outcome.allowed += 1,
            Ok(Err(_)) => self.outcome.denied += 1,
            Err(fault) => self.outcome.fault = Some(fault.code()),
        }
        if let Some(live) = &mut self.instance {
            let usage = live.usage();
            self.outcome.usage.host_calls += usage.host_calls;
            self.outcome.usage.memory = usage.memory;
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.in_call {
            // The reply's time ran out in it.
            self.outcome.fault = Some(Fault::Deadline.code());
        }
        if self.outcome.calls() > 0 {
            self.seat.told(&self.dossier, &self.outcome);
        }
        if let Some(mut instance) = self.instance.take() {
            instance.store.data_mut().flush_printed();
            if self.outcome.fault.is_none() {
                ready::done(&self.engine, &self.seat.rule, instance);
            }
        }
    }
}

impl Seat {
    /// Takes down what calls came to, for metrics and for the request's line.
    fn told(&self, dossier: &Dossier, outcome: &Outcome) {
        self.tally.count(outcome);
        dossier.spend(Cost {
            rule: Arc::clone(&self.rule.terms.name),
            calls: outcome.calls(),
            nanos: outcome.nanos(),
            host_calls: outcome.usage.host_calls,
            memory: outcome.usage.memory,
        });
    }
}

impl Rule {
    /// Makes an instance of the rule and drops it, and calls nothing. This is the
    /// floor under every call: what wasmtime takes for itself, without the
    /// bounds and permits of a call. For measuring what those cost.
    ///
    /// # Errors
    ///
    /// When there is no instance to be had.
    pub async fn start_and_drop(
        &self,
        engine: &Engine,
        exchange: &Arc<Exchange>,
        dossier: &Arc<Dossier>,
    ) -> Result<(), RuleError> {
        let state = CallState::new(Arc::clone(exchange), Arc::clone(dossier), &self.terms);
        let mut store = Store::new(&engine.wasmtime, state);
        store.set_epoch_deadline(u64::MAX / 2);
        let started = self.pre.instance_pre().instantiate_async(&mut store).await;
        started
            .map(drop)
            .map_err(|error| self.faulted(fault(&error)))
    }

    /// An edit that can't be sent: the fault of the rule that made it.
    pub(super) fn bad_edit(&self, problem: &impl std::fmt::Display) -> RuleError {
        self.faulted(Fault::BadEdit(problem.to_string()))
    }

    pub(super) fn limits(&self) -> &super::Limits {
        &self.terms.limits
    }

    pub(super) fn denied(&self, denial: Denial) -> RuleError {
        RuleError::Denied {
            rule: self.name.clone(),
            denial,
        }
    }

    pub(super) fn faulted(&self, fault: Fault) -> RuleError {
        let rule = self.name.clone();
        match fault {
            Fault::Chained => RuleError::Chained { rule },
            fault => RuleError::Faulted { rule, fault },
        }
    }
}
