//! Wasm: the engine's settings, and the thread that ticks its epoch.
//!
//! Takes how many executors there are. Gives an engine, and a guard that keeps its epoch going.
//! Never runs a guest.

use std::num::NonZeroUsize;
use std::sync::mpsc::{RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;

use wasmtime::{
    Config, Enabled, Engine, ModuleVersionStrategy, OptLevel, PoolingAllocationConfig,
    RegallocAlgorithm, Strategy, WasmBacktraceDetails, WasmFeatures,
};

use crate::limits;

/// Which code an artefact may hold. Wasmtime alone would compare its major version only, and so
/// run code of a release whose miscompiling has been mended since. The lock file pins the release.
const ARTEFACT_VERSION: &str = "tidemill-1/wasmtime-48.0.8";

/// How the compiler assigns registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Registers {
    /// Better code, in a time that grows with the square of some inputs.
    Backtracking,
    /// Worse code in linear time: the second attempt at what took the first one too long.
    SinglePass,
}

/// The engine that runs guests: pooled instances for so many executors.
///
/// # Errors
/// When the system does not give the address space that the pool reserves.
pub(super) fn runner(executors: u32) -> wasmtime::Result<Engine> {
    let mut config = codegen(Registers::Backtracking)?;
    config.allocation_strategy(pool(executors.max(1)));
    Engine::new(&config)
}

/// The engine that only compiles. Its code runs in `runner`'s.
///
/// # Errors
/// When the compiler does not know this machine.
pub(super) fn compiler(registers: Registers) -> wasmtime::Result<Engine> {
    Engine::new(&codegen(registers)?)
}

/// What changes the code: shared by the compiling child and the runner.
fn codegen(registers: Registers) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_regalloc_algorithm(match registers {
            Registers::Backtracking => RegallocAlgorithm::Backtracking,
            Registers::SinglePass => RegallocAlgorithm::SinglePass,
        })
        // A retry on another machine must give the same bytes.
        .cranelift_nan_canonicalization(true)
        .epoch_interruption(true)
        .consume_fuel(false)
        // Bounds checks disappear behind a reservation of 4 GiB a memory and its guard.
        .memory_reservation(4 << 30)
        .memory_guard_size(32 << 20)
        .guard_before_linear_memory(true)
        .memory_may_move(false)
        .memory_init_cow(true)
        // Off would also switch off the mitigations of Spectre.
        .signals_based_traps(true)
        .generate_address_map(true)
        // Registering unwind information costs the square of the number of artefacts.
        .native_unwind_info(false)
        // The default asks an environment variable.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(8))
        .max_wasm_stack(limits::GUEST_STACK_BYTES)
        .module_version(ModuleVersionStrategy::Custom(ARTEFACT_VERSION.to_owned()))?;
    config
        .relaxed_simd_deterministic(true)
        .wasm_branch_hinting(false)
        .wasm_features(WasmFeatures::all().difference(FEATURES), false)
        .wasm_features(FEATURES, true);
    Ok(config)
}

/// What of wasm a guest may use: what toolchains ask for. Several more are on by default; each is
/// an attack surface, and some have had advisories of their own.
pub(super) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

fn pool(executors: u32) -> PoolingAllocationConfig {
    let slots = executors.saturating_mul(limits::INSTANCE_SLOTS_PER_EXECUTOR);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(8))
        .total_memories(slots.saturating_mul(limits::COMPONENT_MEMORIES_MAX))
        .total_tables(slots.saturating_mul(limits::COMPONENT_TABLES_MAX))
        .total_stacks(0)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .max_core_instances_per_component(limits::COMPONENT_CORE_INSTANCES_MAX)
        .max_memories_per_component(limits::COMPONENT_MEMORIES_MAX)
        .max_tables_per_component(limits::COMPONENT_TABLES_MAX)
        .max_memories_per_module(1)
        .max_tables_per_module(2)
        .table_elements(limits::TABLE_ELEMENTS_MAX)
        .max_memory_size(limits::INSTANCE_MEMORY_BYTES_MAX)
        .max_unused_warm_slots(executors.saturating_mul(4))
        // Page faults cost more than the sandbox does. Without the scan of the page map the
        // resident part would be cleared whole after each use.
        .linear_memory_keep_resident(limits::INSTANCE_RESIDENT_BYTES)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Keeps an engine's epoch going until it is dropped.
#[derive(Debug)]
pub(super) struct EpochTicker {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EpochTicker {
    /// Starts the thread. It ends when the guard is dropped or the engine is gone.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let weak = engine.weak();
        let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(0);
        let thread =
            std::thread::Builder::new().name("epoch-ticker".to_owned()).spawn(move || {
                while stopped.recv_timeout(limits::EPOCH_TICK) == Err(RecvTimeoutError::Timeout) {
                    match weak.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => return,
                    }
                }
            })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for EpochTicker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A ticker that panicked has nothing to say to whoever drops it.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticker_advances_the_epoch_and_joins_on_drop() {
        let engine = compiler(Registers::Backtracking).expect("an engine");
        let ticker = EpochTicker::start(&engine).expect("a thread");
        drop(ticker);
        assert!(engine.weak().upgrade().is_some());
    }

    #[test]
    fn ticker_does_not_keep_the_engine_alive() {
        let engine = compiler(Registers::Backtracking).expect("an engine");
        let weak = engine.weak();
        let _ticker = EpochTicker::start(&engine).expect("a thread");
        drop(engine);
        while weak.upgrade().is_some() {
            std::thread::yield_now();
        }
    }
}
