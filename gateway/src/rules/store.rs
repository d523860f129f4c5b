//! The store of a call: its bounds, its ticks, and what ended it.
//!
//! Here alone traps are told apart, by type. Whatever is no verdict is a
//! [`Fault`], and a fault refuses.

use wasmtime::{PoolConcurrencyLimitError, Store, StoreContextMut, Trap, UpdateDeadline};

use super::engine::Engine;
use super::fault::Fault;
use super::host::CallState;
use super::lane::Crossed;

/// Ticks until a fresh store notices its first one. With less, a call that
/// happens to start just before a tick would count as long.
pub(super) const FIRST_TICK: u64 = 2;

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
        let state = store.data_mut();
        if std::mem::take(&mut state.waited) {
            // The time went by in a host call, not in the guest.
            return Ok(UpdateDeadline::Continue(FIRST_TICK));
        }
        crossed.set();
        match state.budget.ticks.checked_sub(1) {
            Some(left) => {
                state.budget.ticks = left;
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
    if error.is::<PoolConcurrencyLimitError>() {
        return Fault::Pool;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Fault::Stack,
        Some(trap) => Fault::Trap(trap.to_string()),
        None => Fault::Trap(error.root_cause().to_string()),
    }
}
