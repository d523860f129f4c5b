//! The one wasmtime engine: its settings, its clock of ticks, its pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{
    Config, Enabled, Engine as Wasmtime, InstanceAllocationStrategy, PoolingAllocationConfig,
};

use super::counters::Counters;
use super::host::{self, CallState, TABLE_ELEMENTS};
use super::lane::SlowLane;
use super::ready::{WAITING, Waiting};
use super::shadow::SHADOWS;

/// The length of a tick. A rule's CPU time is counted in these.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// The most memory that a rule's limit may allow, in bytes.
pub const MEMORY_CEILING: usize = 256 << 20;

/// Everything that rules share: compiled-code settings, the pool of instances,
/// what is linked to them, and the thread for those that run long.
pub struct Engine {
    pub(super) wasmtime: Wasmtime,
    pub(super) linker: Linker<CallState>,
    /// One permit for each instance that the pool can hold.
    pub(super) pool: Arc<Semaphore>,
    /// How many those were at the start.
    pub(super) instances: u32,
    pub(super) slow_lane: SlowLane,
    /// The room for instances that wait for a call.
    pub(super) waiting: Waiting,
    /// A permit for each run of rules whose word does not count.
    pub(super) shadows: Arc<Semaphore>,
    /// What rules count from request to request.
    pub(super) counters: Arc<Counters>,
    clock: Arc<Clock>,
}

/// What the thread of ticks shares with the engine.
#[derive(Default)]
struct Clock {
    ticks: AtomicU64,
    stop: AtomicBool,
}

/// The engine could not be made; the machine or its settings don't allow it.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the WebAssembly engine: {0}")]
pub struct EngineError(String);

impl Engine {
    /// Makes an engine whose pool holds this many running calls.
    ///
    /// # Errors
    ///
    /// When the address space for the pool or a thread is not to be had.
    pub fn new(instances: u32) -> Result<Arc<Self>, EngineError> {
        let failed = |error: wasmtime::Error| EngineError(format!("{error:#}"));
        let wasmtime = Wasmtime::new(&config(instances)).map_err(failed)?;
        let mut linker = Linker::new(&wasmtime);
        host::link(&mut linker).map_err(failed)?;
        let clock = Arc::<Clock>::default();
        start_ticks(&wasmtime, &clock).map_err(|error| EngineError(error.to_string()))?;
        Ok(Arc::new(Self {
            wasmtime,
            linker,
            pool: Arc::new(Semaphore::new(instances as usize)),
            instances,
            waiting: Waiting::new(),
            shadows: Arc::new(Semaphore::new(SHADOWS as usize)),
            counters: Arc::default(),
            slow_lane: SlowLane::start().map_err(|error| EngineError(error.to_string()))?,
            clock,
        }))
    }

    /// Ticks since the start: a look at the clock that costs next to nothing.
    pub(super) fn ticks(&self) -> u64 {
        self.clock.ticks.load(Ordering::Relaxed)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.clock.stop.store(true, Ordering::Relaxed);
    }
}

/// What makes a fresh instance cost microseconds: see `gateway/docs/rules.md`.
fn config(instances: u32) -> Config {
    // More than calls may take: those that wait, those in shadow, and two with
    // which a reload configures and tries its rules, one after the other.
    let instances = instances.saturating_add(WAITING + SHADOWS + 2);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(8))
        .total_memories(instances.saturating_mul(3))
        .total_tables(instances.saturating_mul(8))
        .total_stacks(instances)
        .max_core_instances_per_component(64)
        .max_memories_per_component(8)
        .max_tables_per_component(64)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(MEMORY_CEILING)
        // Dirty pages are put back by copying, not by unmapping; only with the
        // pagemap scan of Linux 6.7 that is cheaper, so both go together.
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(true)
        .memory_init_cow(true)
        .concurrency_support(false)
        .wasm_backtrace_max_frames(None);
    config
}

/// Moves the epoch once a tick. A tick that comes late is one tick: a machine
/// under load must not take CPU time from rules that did not have it.
fn start_ticks(wasmtime: &Wasmtime, clock: &Arc<Clock>) -> std::io::Result<()> {
    let (wasmtime, clock) = (wasmtime.weak(), Arc::clone(clock));
    std::thread::Builder::new()
        .name("hapta-ticks".to_owned())
        .spawn(move || {
            while !clock.stop.load(Ordering::Relaxed) {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "a thread of its own, which waits for nothing else"
                )]
                std::thread::sleep(TICK);
                clock.ticks.fetch_add(1, Ordering::Relaxed);
                match wasmtime.upgrade() {
                    Some(wasmtime) => wasmtime.increment_epoch(),
                    None => break,
                }
            }
        })?;
    Ok(())
}
