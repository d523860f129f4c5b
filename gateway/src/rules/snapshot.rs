//! Configured once, then frozen: runs `configure` and takes the instance as it
//! stands as the state that every later call starts from.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Instance, Lift, WasmList};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use super::bindings;
use super::convert;
use super::engine::Engine;
use super::host::{CallState, MemoryLimit};
use super::manifest::Manifest;
use super::problem::{CONTRACT, LoadProblem};
use super::{Dossier, Limits, store};
use crate::exchange::Exchange;

/// How long `configure` may run, in ticks of CPU: it may compile patterns and
/// warm an interpreter, and it runs off the request path.
const CONFIGURE_TICKS: u32 = 10_000;

/// The memory that instrumenting a component adds to it, in bytes.
const INSTRUMENTS: usize = 1 << 20;

/// Runs `configure(settings)` in an instrumented copy of the component, and
/// gives the component back with that state inside.
pub(super) async fn configure(
    engine: &Engine,
    component: &[u8],
    settings: &str,
    limits: &Limits,
) -> Result<(Manifest, Vec<u8>), LoadProblem> {
    let unfit = |error: wasmtime::Error| LoadProblem::Unfit(format!("{error:#}"));
    let wizer = Wizer::new();
    let (context, instrumented) = wizer.instrument_component(component).map_err(unfit)?;
    let instrumented = Component::new(&engine.wasmtime, &instrumented).map_err(unfit)?;
    check_imports(engine, &instrumented)?;

    let mut store = Store::new(&engine.wasmtime, nobody(limits));
    store.limiter(|state| &mut state.memory);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(store::on_tick(super::lane::Crossed::default()));
    let instance = engine
        .linker
        .instantiate_async(&mut store, &instrumented)
        .await
        .map_err(|error| LoadProblem::Configure(store::fault(&error)))?;
    let rule = bindings::Rule::new(&mut store, &instance).map_err(unfit)?;
    let manifest = match rule.call_configure(&mut store, settings).await {
        Ok(Ok(manifest)) => convert::manifest(manifest),
        Ok(Err(message)) => return Err(LoadProblem::Settings(message)),
        Err(error) => return Err(LoadProblem::Configure(store::fault(&error))),
    };
    let mut reader = Reader {
        store: &mut store,
        instance,
        problem: None,
    };
    let frozen = wizer
        .snapshot_component(&context, &mut reader)
        .await
        .map_err(unfit)?;
    match reader.problem {
        Some(error) => Err(unfit(error)),
        None => Ok((manifest, frozen)),
    }
}

/// Holds the component's imports, which are its powers, against what is granted.
fn check_imports(engine: &Engine, component: &Component) -> Result<(), LoadProblem> {
    let ty = component.component_type();
    let ungranted = ty.imports(&engine.wasmtime).find(|(name, item)| {
        // A type that the contract defines is a name, not a power.
        let is_name = matches!(item.ty, ComponentItem::Type(_) | ComponentItem::Resource(_));
        !is_name && !CONTRACT.contains(name)
    });
    match ungranted {
        Some((name, _)) => Err(LoadProblem::Ungranted {
            import: name.to_owned(),
        }),
        None => Ok(()),
    }
}

/// A call state for when nobody asks anything.
fn nobody(limits: &Limits) -> CallState {
    let mut state = CallState::new(
        Arc::new(Exchange::nothing()),
        Arc::new(Dossier::nothing()),
        limits,
    );
    state.budget.ticks = CONFIGURE_TICKS;
    // The frozen component is held to the bound when it is started.
    state.memory = MemoryLimit::new(limits.memory_bytes() + INSTRUMENTS);
    state
}

/// Reads the state of a configured instance through what wizer put into it.
struct Reader<'a> {
    store: &'a mut Store<CallState>,
    instance: Instance,
    /// The trait can't fail, so the first failure is kept until the end.
    problem: Option<wasmtime::Error>,
}

impl Reader<'_> {
    async fn call<R: Lift + Send + Sync + 'static>(
        &mut self,
        instance: &str,
        function: &str,
    ) -> Option<R> {
        match self.try_call(instance, function).await {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem.get_or_insert(error);
                None
            }
        }
    }

    async fn try_call<R: Lift + Send + Sync + 'static>(
        &mut self,
        instance: &str,
        function: &str,
    ) -> wasmtime::Result<R> {
        let missing =
            || wasmtime::format_err!("the instrumented component has no {instance}#{function}");
        let (_, exported) = self
            .instance
            .get_export(&mut *self.store, None, instance)
            .ok_or_else(missing)?;
        let (_, index) = self
            .instance
            .get_export(&mut *self.store, Some(&exported), function)
            .ok_or_else(missing)?;
        let function = self
            .instance
            .get_typed_func::<(), (R,)>(&mut *self.store, index)?;
        Ok(function.call_async(&mut *self.store, ()).await?.0)
    }
}

impl ComponentInstanceState for Reader<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.call::<WasmList<u8>>(instance, func).await {
            Some(list) => contents(list.as_le_slice(&*self.store)),
            None => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func).await.unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func).await.unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.call::<f32>(instance, func)
            .await
            .unwrap_or_default()
            .to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.call::<f64>(instance, func)
            .await
            .unwrap_or_default()
            .to_bits()
    }
}
