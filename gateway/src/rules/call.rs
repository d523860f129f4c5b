//! One call of one rule: an instance, its bounds, and what it says.
//!
//! Here alone traps are told apart, by type. Whatever is no verdict is a
//! [`Fault`], and a fault refuses.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::Resource;
use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline};

use super::bindings::{self, hapta::rule::types};
use super::component::Rule;
use super::convert;
use super::document::Document;
use super::engine::Engine;
use super::fault::{Fault, RuleError};
use super::host::{CallState, Place, THE_ONE};
use super::lane::Crossed;
use super::{Asked, Notes};
use crate::exchange::Exchange;
use crate::filter::Filter;

/// Ticks until a fresh store notices its first one. With less, a call that
/// happens to start just before a tick would count as long.
const FIRST_TICK: u64 = 2;

/// What a rule's `before` left behind when it let the request pass.
pub(super) struct Before {
    pub(super) body: Option<Value>,
    pub(super) narrowing: Option<Filter>,
    pub(super) notes: Notes,
}

/// A rule's instance for the reveals and `after` of one reply.
pub(super) struct Live {
    pub(super) rule: Arc<Rule>,
    store: Store<CallState>,
    instance: bindings::Rule,
}

/// The right to hold an instance: one of the pool's and one of the rule's.
pub(super) struct Entered {
    _pool: OwnedSemaphorePermit,
    _rule: OwnedSemaphorePermit,
}

/// What a rule made of a record.
#[derive(Debug, PartialEq)]
pub(super) enum Revealed {
    Kept(Value),
    Denied(super::Denial),
}

/// Waits for an instance, at most as long as a call of the rule may take.
pub(super) async fn enter(engine: &Engine, rule: &Rule) -> Result<Entered, RuleError> {
    let (mine, all) = (Arc::clone(&rule.running), Arc::clone(&engine.pool));
    // Mostly there is room, and a timer costs more than looking.
    if let Ok(mine) = Arc::clone(&mine).try_acquire_owned()
        && let Ok(all) = Arc::clone(&all).try_acquire_owned()
    {
        return Ok(Entered {
            _rule: mine,
            _pool: all,
        });
    }
    let both = async {
        let mine = mine.acquire_owned().await.ok()?;
        let all = all.acquire_owned().await.ok()?;
        Some(Entered {
            _rule: mine,
            _pool: all,
        })
    };
    match tokio::time::timeout(rule.limits.deadline, both).await {
        Ok(Some(entered)) => Ok(entered),
        Ok(None) | Err(_) => Err(RuleError::Busy {
            rule: rule.name.clone(),
        }),
    }
}

/// Runs `before` in a fresh instance.
pub(super) async fn before(
    engine: &Arc<Engine>,
    rule: &Arc<Rule>,
    exchange: &Arc<Exchange>,
    asked: &Arc<Asked>,
    body: Option<Value>,
) -> Result<Before, RuleError> {
    let entered = enter(engine, rule).await?;
    let crossed = Crossed::default();
    let mut state = CallState::new(Arc::clone(exchange), Arc::clone(asked), &rule.limits);
    state.is_before = true;
    if let Some(body) = body {
        state.put_body(Document::editable(body));
    }
    let mut store = store(engine, state, &crossed);
    let called = Arc::clone(rule);
    let call = async move {
        let _entered = entered;
        let run = async {
            let instance = called.pre.instantiate_async(&mut store).await?;
            instance
                .call_before(&mut store, Resource::new_borrow(THE_ONE))
                .await
        };
        let verdict = run.await.map_err(|error| fault(&error))?;
        let mut state = store.into_data();
        let body = state.take_value(Place::Body).map(|(body, _)| body);
        Ok((
            verdict,
            Before {
                body,
                narrowing: state.narrowing,
                notes: state.notes,
            },
        ))
    };
    match engine
        .slow_lane
        .run(rule.limits.deadline, &crossed, call)
        .await
    {
        Ok((Ok(()), before)) => Ok(before),
        Ok((Err(denial), _)) => Err(rule.denied(denial)),
        Err(fault) => Err(rule.faulted(fault)),
    }
}

impl Live {
    /// Makes an instance for the records of a reply and the reply itself.
    pub(super) async fn start(
        engine: &Engine,
        rule: &Arc<Rule>,
        state: CallState,
        crossed: &Crossed,
    ) -> Result<Self, Fault> {
        let mut store = store(engine, state, crossed);
        let instance = rule
            .pre
            .instantiate_async(&mut store)
            .await
            .map_err(|error| fault(&error))?;
        Ok(Self {
            rule: Arc::clone(rule),
            store,
            instance,
        })
    }

    /// Runs `reveal` on one record of a collection, and holds the rule to its manifest.
    pub(super) async fn reveal(
        &mut self,
        collection: &str,
        record: Value,
    ) -> Result<Revealed, Fault> {
        self.store
            .data_mut()
            .put(Place::Record, Document::editable(record));
        self.refill();
        let verdict = self
            .instance
            .call_reveal(
                &mut self.store,
                Resource::new_borrow(THE_ONE),
                Resource::new_borrow(Place::Record as u32),
            )
            .await
            .map_err(|error| fault(&error))?;
        if let Err(denial) = verdict {
            return Ok(Revealed::Denied(convert::denial(denial)));
        }
        let (record, touched) = self
            .store
            .data_mut()
            .take_value(Place::Record)
            .unwrap_or_default();
        match touched
            .into_iter()
            .find(|field| !self.rule.manifest.may_touch(collection, field))
        {
            Some(field) => Err(Fault::UndeclaredField(field)),
            None => Ok(Revealed::Kept(record)),
        }
    }

    /// Runs `after` on the whole reply.
    pub(super) async fn after(
        &mut self,
        status: u16,
        body: Option<Document>,
    ) -> Result<Result<Option<Value>, super::Denial>, Fault> {
        let state = self.store.data_mut();
        state.status = status;
        if let Some(body) = body {
            state.put(Place::Answer, body);
        }
        self.refill();
        let verdict: Result<(), types::Denial> = self
            .instance
            .call_after(
                &mut self.store,
                Resource::new_borrow(THE_ONE),
                Resource::new_borrow(THE_ONE),
            )
            .await
            .map_err(|error| fault(&error))?;
        Ok(match verdict {
            Ok(()) => Ok(self
                .store
                .data_mut()
                .take_value(Place::Answer)
                .map(|(body, _)| body)),
            Err(denial) => Err(convert::denial(denial)),
        })
    }

    pub(super) fn take_notes(&mut self) -> Notes {
        std::mem::take(&mut self.store.data_mut().notes)
    }

    /// Every record is a call of its own, with a call's bounds.
    fn refill(&mut self) {
        let limits = &self.rule.limits;
        let budget = &mut self.store.data_mut().budget;
        budget.ticks = limits.cpu_ticks();
        budget.host_calls = limits.host_calls;
        budget.edit_bytes = limits.edit_bytes();
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
        asked: &Arc<Asked>,
    ) -> Result<(), RuleError> {
        let state = CallState::new(Arc::clone(exchange), Arc::clone(asked), &self.limits);
        let mut store = Store::new(&engine.wasmtime, state);
        store.set_epoch_deadline(u64::MAX / 2);
        let started = self.pre.instance_pre().instantiate_async(&mut store).await;
        started
            .map(drop)
            .map_err(|error| self.faulted(fault(&error)))
    }

    pub(super) fn denied(&self, denial: types::Denial) -> RuleError {
        RuleError::Denied {
            rule: self.name.clone(),
            denial: convert::denial(denial),
        }
    }

    /// An edit that can't be sent: the fault of the rule that made it.
    pub(super) fn bad_edit(&self, problem: &impl std::fmt::Display) -> RuleError {
        self.faulted(Fault::BadEdit(problem.to_string()))
    }

    pub(super) fn limits(&self) -> &super::Limits {
        &self.limits
    }

    pub(super) fn faulted(&self, fault: Fault) -> RuleError {
        RuleError::Faulted {
            rule: self.name.clone(),
            fault,
        }
    }
}

/// A store with its bounds on.
pub(super) fn store(engine: &Engine, state: CallState, crossed: &Crossed) -> Store<CallState> {
    let mut store = Store::new(&engine.wasmtime, state);
    store.limiter(|state| &mut state.memory);
    store.set_epoch_deadline(FIRST_TICK);
    store.epoch_deadline_callback(on_tick(crossed.clone()));
    store
}

/// What happens when a guest notices a tick: it pays, and lets others run.
pub(super) fn on_tick(
    crossed: Crossed,
) -> impl FnMut(StoreContextMut<'_, CallState>) -> wasmtime::Result<UpdateDeadline> + Send + Sync + 'static
{
    move |mut store| {
        crossed.set();
        let budget = &mut store.data_mut().budget;
        match budget.ticks.checked_sub(1) {
            Some(left) => {
                budget.ticks = left;
                Ok(UpdateDeadline::Yield(1))
            }
            None => Err(Fault::Cpu.into()),
        }
    }
}

/// Tells what ended a call. Ours are found by type; the rest are wasmtime's traps.
pub(super) fn fault(error: &wasmtime::Error) -> Fault {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return fault.clone();
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Fault::Stack,
        Some(trap) => Fault::Trap(trap.to_string()),
        None => Fault::Trap(error.root_cause().to_string()),
    }
}
