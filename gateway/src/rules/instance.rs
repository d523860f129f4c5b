//! One instance of a rule: made for a call, or taken from those made ahead.

use std::sync::Arc;

use serde_json::json;
use wasmtime::Store;
use wasmtime::component::Resource;

use super::bindings;
use super::component::Rule;
use super::document::Document;
use super::engine::Engine;
use super::fault::Fault;
use super::host::{CallState, Place, THE_ONE};
use super::lane::Crossed;
use super::ready::{self, Room};
use super::snapshot::CONFIGURE_TICKS;
use super::store::{FIRST_TICK, fault, on_tick, store};
use super::tally::Usage;
use super::{Dossier, Terms};
use crate::exchange::Exchange;

/// An instance with its store.
pub(super) struct Instance {
    pub(super) store: Store<CallState>,
    pub(super) hooks: bindings::Rule,
    /// How many calls it has had, for one that is used again.
    pub(super) calls: u32,
    /// Its room among the instances that wait, once it has waited.
    pub(super) room: Option<Room>,
}

impl Instance {
    /// An instance for a call: one that waits ready, or a fresh one.
    pub(super) async fn obtain(
        engine: &Arc<Engine>,
        rule: &Arc<Rule>,
        state: CallState,
        crossed: &Crossed,
    ) -> Result<Self, Fault> {
        if let Some(mut waiting) = rule.ready.take() {
            waiting.take_on(state, crossed);
            return Ok(waiting);
        }
        ready::refill(engine, rule);
        if rule.each.is_none() {
            return Self::start(engine, rule, state, crossed).await;
        }
        let mut made =
            Self::configured(engine, rule, rule.terms.limits.cpu_ticks(), crossed).await?;
        made.take_on(state, crossed);
        Ok(made)
    }

    /// An instance as it comes out of the component.
    pub(super) async fn start(
        engine: &Engine,
        rule: &Rule,
        state: CallState,
        crossed: &Crossed,
    ) -> Result<Self, Fault> {
        let mut store = store(engine, state, crossed);
        let started = rule.pre.instantiate_async(&mut store).await;
        Ok(Self {
            hooks: started.map_err(|error| fault(&error))?,
            store,
            calls: 0,
            room: None,
        })
    }

    /// An instance made ready off the path of requests: configured where it
    /// must be, and warmed by a call about nothing.
    pub(super) async fn ahead(
        engine: &Engine,
        rule: &Rule,
        rehearses: Rehearses,
    ) -> Result<Self, Fault> {
        let crossed = Crossed::default();
        let mut made = Self::configured(engine, rule, CONFIGURE_TICKS, &crossed).await?;
        if rehearses == Rehearses::Yes {
            made.rehearse(rule, &crossed).await?;
        }
        Ok(made)
    }

    /// An instance that nobody has asked anything yet.
    async fn configured(
        engine: &Engine,
        rule: &Rule,
        ticks: u32,
        crossed: &Crossed,
    ) -> Result<Self, Fault> {
        let mut state = nobody(&rule.terms);
        state.budget.ticks = ticks;
        state.configuring = true;
        let mut made = Self::start(engine, rule, state, crossed).await?;
        if let Some(settings) = &rule.each {
            let configured = made.hooks.call_configure(&mut made.store, settings).await;
            configured
                .map_err(|error| fault(&error))?
                .map_err(|_| Fault::Trap("it takes its settings no more".to_owned()))?;
            if let Some(interface) = made.store.data().asked_in_configure() {
                let problem = format!("it asked for {interface} while it was configured");
                return Err(Fault::Trap(problem));
            }
        }
        Ok(made)
    }

    /// A call of each hook that reads, about a change that nobody asked for.
    /// Whatever an interpreter does at its first call is done then; what the
    /// rule says is not heard, and nothing of it goes anywhere.
    async fn rehearse(&mut self, rule: &Rule, crossed: &Crossed) -> Result<(), Fault> {
        let hooks = rule.manifest.hooks;
        let exchange = Arc::new(Exchange::rehearsal());
        let nothing = Arc::new(Dossier::nothing());
        let mut state = CallState::new(exchange, nothing, &rule.terms);
        state.is_before = true;
        state.put(Place::Body, Document::editable(json!({})));
        state.put(
            Place::Record,
            Document::editable(json!({ "id": "", "collectionName": "" })),
        );
        self.take_on(state, crossed);
        if hooks.before {
            let request = Resource::new_borrow(THE_ONE);
            let called = self.hooks.call_before(&mut self.store, request).await;
            called.map(drop).map_err(|error| fault(&error))?;
        }
        if hooks.reveal {
            let (request, record) = (
                Resource::new_borrow(THE_ONE),
                Resource::new_borrow(Place::Record as u32),
            );
            let called = self
                .hooks
                .call_reveal(&mut self.store, request, record)
                .await;
            called.map(drop).map_err(|error| fault(&error))?;
        }
        self.forget();
        Ok(())
    }

    /// Gives it a call to serve, with that call's bounds.
    fn take_on(&mut self, state: CallState, crossed: &Crossed) {
        let before = self.store.data_mut();
        let state = state.inherit(before);
        *before = state;
        self.store.set_epoch_deadline(FIRST_TICK);
        self.store.epoch_deadline_callback(on_tick(crossed.clone()));
    }

    /// Lets go of what the last call was about.
    pub(super) fn forget(&mut self) {
        let before = self.store.data_mut();
        let state = nobody(&before.terms.clone()).inherit(before);
        *before = state;
    }

    /// What the call so far took, of the host calls that its rule may make.
    pub(super) fn usage(&self) -> Usage {
        let state = self.store.data();
        let allowed = state.terms.limits.host_calls;
        Usage {
            host_calls: allowed.saturating_sub(state.budget.host_calls),
            memory: state.memory.used(),
        }
    }
}

/// Whether an instance made ahead is warmed by a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rehearses {
    Yes,
    No,
}

/// A call state for when nobody asks anything.
pub(super) fn nobody(terms: &Arc<Terms>) -> CallState {
    CallState::new(
        Arc::new(Exchange::nothing()),
        Arc::new(Dossier::nothing()),
        terms,
    )
}
