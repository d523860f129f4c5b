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
    let handed_over = state.memory.left();
    let mut store = Store::new(&engine.wasmtime, state);
    // Texts may lie one over the other, so that a small memory could tell of more than the gateway has.
    store.set_hostcall_fuel(handed_over);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytesize::ByteSize;
    use wasmtime::{Instance, Module};

    use super::*;
    use crate::exchange::Exchange;
    use crate::rules::{Dossier, Limits, Source};

    /// What becomes of a module that does this, under these limits.
    async fn ended(does: &str, limits: &Limits) -> Fault {
        let engine = Engine::new(1).unwrap();
        let text =
            format!("(module (memory 1) (table $t 1 funcref) (func (export \"do\") {does}))");
        let module = Module::new(&engine.wasmtime, wat::parse_str(text).unwrap()).unwrap();
        let (exchange, dossier) = (Exchange::nothing(), Dossier::nothing());
        let source = Source {
            limits: limits.clone(),
            ..Source::default()
        };
        let terms = Arc::new(source.terms());
        let state = CallState::new(Arc::new(exchange), Arc::new(dossier), &terms);
        let mut store = store(&engine, state, &Crossed::default());
        let call = async {
            let instance = Instance::new_async(&mut store, &module, &[]).await?;
            let function = instance.get_typed_func::<(), ()>(&mut store, "do")?;
            function.call_async(&mut store, ()).await
        };
        fault(&call.await.unwrap_err())
    }

    #[tokio::test]
    async fn what_grows_without_end_is_stopped_and_called_by_its_name() {
        let limits = Limits {
            memory: ByteSize::mib(1),
            ..Limits::default()
        };
        let grows = |what: &str| format!("(loop $more (drop {what}) (br $more))");
        let memory = grows("(memory.grow (i32.const 1))");
        assert_eq!(ended(&memory, &limits).await, Fault::Memory);
        let table = grows("(table.grow $t (ref.null func) (i32.const 1000))");
        assert_eq!(ended(&table, &limits).await, Fault::Memory);
        let whole = "(drop (table.grow $t (ref.null func) (i32.const 0x7fffffff)))";
        assert_eq!(ended(whole, &limits).await, Fault::Memory);
        assert_eq!(ended("(call 0)", &limits).await, Fault::Stack);
        assert_eq!(ended(&grows("(i32.const 0)"), &limits).await, Fault::Cpu);
    }
}
