//! One call of one rule: an instance, what it is given and what it says.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;
use wasmtime::component::Resource;

use super::Dossier;
use super::bindings::{self, hapta::rule::types};
use super::component::Rule;
use super::convert;
use super::document::Document;
use super::engine::Engine;
use super::fault::{Fault, RuleError};
use super::host::{CallState, Place, THE_ONE};
use super::lane::Crossed;
use super::store::{FIRST_TICK, fault, store};
use crate::exchange::{Exchange, hold_body};
use crate::filter::Filter;
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
    pub(super) rule: Arc<Rule>,
    store: Store<CallState>,
    instance: bindings::Rule,
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
pub(super) async fn enter(engine: &Engine, rules: &[&Arc<Rule>]) -> Result<Entered, RuleError> {
    let room = async {
        let mut permits = Vec::with_capacity(rules.len());
        for rule in rules {
            permits.push(Arc::clone(&rule.running).acquire_owned().await.ok()?);
        }
        let count = u32::try_from(rules.len()).ok()?;
        let pool = Arc::clone(&engine.pool)
            .acquire_many_owned(count)
            .await
            .ok()?;
        Some(Entered {
            _rules: permits,
            _pool: pool,
        })
    };
    let patience = rules
        .iter()
        .map(|rule| rule.limits.deadline)
        .max()
        .unwrap_or_default();
    match tokio::time::timeout(patience, room).await {
        Ok(Some(entered)) => Ok(entered),
        Ok(None) | Err(_) => Err(RuleError::Busy {
            rule: rules
                .first()
                .map(|rule| rule.name.clone())
                .unwrap_or_default(),
        }),
    }
}

/// Runs `before` in a fresh instance.
pub(super) async fn before(
    engine: &Arc<Engine>,
    rule: &Arc<Rule>,
    mut state: CallState,
    body: Option<Value>,
) -> Result<Before, RuleError> {
    let entered = enter(engine, &[rule]).await?;
    let crossed = Crossed::default();
    state.is_before = true;
    if let Some(body) = body {
        state.put_masked(Place::Body, Document::editable(body));
    }
    let store = store(engine, state, &crossed);
    let called = Arc::clone(rule);
    let call = async move {
        // In this order, so that the instance is gone before its room is.
        let _entered = entered;
        let mut store = store;
        let run = async {
            let instance = called.pre.instantiate_async(&mut store).await?;
            let request = Resource::new_borrow(THE_ONE);
            instance.call_before(&mut store, request).await
        };
        match run.await.map_err(|error| fault(&error))? {
            Ok(()) => left_behind(store.into_data()).map(Ok),
            Err(denial) => Ok(Err(denial)),
        }
    };
    let lane = &engine.slow_lane;
    match lane.run(rule.limits.deadline, &crossed, call).await {
        Ok(Ok(before)) => Ok(before),
        Ok(Err(denial)) => Err(rule.denied(denial)),
        Err(fault) => Err(rule.faulted(fault)),
    }
}

/// What is left of a call that let the request pass. A body that the rule
/// edited is held to the same form as one that a client sent.
fn left_behind(mut state: CallState) -> Result<Before, Fault> {
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
            Some(held.body)
        }
        None => None,
    };
    Ok(Before {
        body,
        narrowing: state.narrowing,
    })
}

impl Live {
    /// Makes an instance for the records of a reply and the reply itself.
    pub(super) async fn start(
        engine: &Engine,
        rule: &Arc<Rule>,
        state: CallState,
        crossed: &Crossed,
    ) -> Result<Self, Fault> {
        let mut state = state;
        state.budget.edit_bytes = rule.limits.edit_bytes().saturating_mul(REPLY_EDITS);
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

    /// Runs `reveal` on one record of a collection, and holds the rule to its
    /// manifest. The record is edited where it is; with a denial it is gone.
    pub(super) async fn reveal(
        &mut self,
        collection: &str,
        record: &mut Value,
    ) -> Result<Option<super::Denial>, Fault> {
        self.store
            .data_mut()
            .put(Place::Record, Document::editable(record.take()));
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
            return Ok(Some(convert::denial(denial)));
        }
        let touched;
        (*record, touched) = self
            .store
            .data_mut()
            .take_value(Place::Record)
            .unwrap_or_default();
        match touched
            .into_iter()
            .find(|field| !self.rule.manifest.may_touch(collection, field))
        {
            Some(field) => Err(Fault::UndeclaredField(field)),
            None => Ok(None),
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

    /// Every record is a call of its own, with a call's bounds. Edits add up,
    /// since all of them stay in memory until the reply is written.
    fn refill(&mut self) {
        let limits = &self.rule.limits;
        let budget = &mut self.store.data_mut().budget;
        budget.ticks = limits.cpu_ticks();
        budget.host_calls = limits.host_calls;
        self.store.set_epoch_deadline(FIRST_TICK);
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
        let state = CallState::new(Arc::clone(exchange), Arc::clone(dossier), &self.limits);
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
