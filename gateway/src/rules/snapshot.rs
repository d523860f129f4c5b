//! Configured once, then frozen: runs `configure` and takes the instance as it
//! stands as the state that every later call starts from.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Instance, Lift, WasmList};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use super::Terms;
use super::bindings;
use super::convert;
use super::engine::Engine;
use super::host::{CallState, MemoryLimit};
use super::instance::nobody;
use super::lane::Crossed;
use super::manifest::Manifest;
use super::powers::grant_for;
use super::problem::LoadProblem;
use super::store;

/// How long `configure` may run, in ticks of CPU: it may compile patterns and
/// warm an interpreter, and it runs off the request path.
pub(super) const CONFIGURE_TICKS: u32 = 10_000;

/// The memory that instrumenting a component adds to it, in bytes.
const INSTRUMENTS: usize = 1 << 20;

/// A component whose `configure` was called, and what it answered.
pub(super) enum Configured {
    /// The bytes of the component with that state inside.
    Frozen(Manifest, Vec<u8>),
    /// It can't be frozen: each instance has to be configured.
    Each(Manifest, Component),
}

/// Runs `configure(settings)` in an instrumented copy of the component, and
/// gives the component back with that state inside. Where a component can't be
/// instrumented, it runs in the component as it is, to see that it is good.
pub(super) async fn configure(
    engine: &Engine,
    component: &[u8],
    settings: &str,
    terms: &Arc<Terms>,
) -> Result<Configured, LoadProblem> {
    let unfit = |error: wasmtime::Error| LoadProblem::Unfit(format!("{error:#}"));
    let wizer = Wizer::new();
    let (context, instrumented) = match wizer.instrument_component(component) {
        Ok(instrumented) => instrumented,
        Err(reason) => {
            let component = Component::new(&engine.wasmtime, component).map_err(unfit)?;
            let (manifest, ..) = run(engine, &component, settings, terms).await?;
            tracing::info!(rule = %terms.name, reason = %format!("{reason:#}"), "can't be frozen: each of its instances is configured when it is made");
            return Ok(Configured::Each(manifest, component));
        }
    };
    let instrumented = Component::new(&engine.wasmtime, &instrumented).map_err(unfit)?;
    let (manifest, mut store, instance) = run(engine, &instrumented, settings, terms).await?;
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
        None => Ok(Configured::Frozen(manifest, frozen)),
    }
}

/// Calls `configure`, once the imports are known to be granted.
async fn run(
    engine: &Engine,
    component: &Component,
    settings: &str,
    terms: &Arc<Terms>,
) -> Result<(Manifest, Store<CallState>, Instance), LoadProblem> {
    check_imports(engine, component, terms)?;
    let mut state = nobody(terms);
    state.configuring = true;
    state.budget.ticks = CONFIGURE_TICKS;
    // The frozen component is held to the bound when it is started.
    state.memory = MemoryLimit::new(terms.limits.memory_bytes() + INSTRUMENTS);
    let mut store = Store::new(&engine.wasmtime, state);
    store.limiter(|state| &mut state.memory);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(store::on_tick(Crossed::default()));
    let instance = engine
        .linker
        .instantiate_async(&mut store, component)
        .await
        .map_err(|error| LoadProblem::Configure(store::fault(&error)))?;
    let rule = bindings::Rule::new(&mut store, &instance)
        .map_err(|error| LoadProblem::Unfit(format!("{error:#}")))?;
    let said = rule.call_configure(&mut store, settings).await;
    if let Some(interface) = store.data().asked_in_configure() {
        return Err(LoadProblem::Frozen(interface));
    }
    match said {
        Ok(Ok(manifest)) => Ok((convert::manifest(manifest), store, instance)),
        Ok(Err(message)) => Err(LoadProblem::Settings(message)),
        Err(error) => Err(LoadProblem::Configure(store::fault(&error))),
    }
}

/// Holds the component's imports, which are its powers, against what is granted.
fn check_imports(engine: &Engine, component: &Component, terms: &Terms) -> Result<(), LoadProblem> {
    let ty = component.component_type();
    let ungranted = ty.imports(&engine.wasmtime).find(|(name, item)| {
        // A type that the contract defines is a name, not a power.
        let is_name = matches!(item.ty, ComponentItem::Type(_) | ComponentItem::Resource(_));
        !is_name && !terms.powers.covers(name)
    });
    match ungranted {
        Some((name, _)) => Err(LoadProblem::Ungranted {
            import: name.to_owned(),
            grant: grant_for(name).map(str::to_owned),
        }),
        None => Ok(()),
    }
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
