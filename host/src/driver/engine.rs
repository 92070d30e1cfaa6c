//! Driver: the engine: executors, sandbox and I/O, which outlive the jobs that use them.
//!
//! Takes how large it is to be. Gives what jobs share. Never knows a job.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::runtime::Runtime;

use super::error::DriverError;
use crate::block::budget::BlockBudget;
use crate::block::spill::remove_left;
use crate::block::store::KeptPartitions;
use crate::exec::executor::Executors;
use crate::model::partition_store::PartitionStore;
use crate::sys::clock::{Clock, SystemClock};
use crate::sys::entropy::{Entropy, SystemEntropy};
use crate::sys::storage::{Storage, SystemStorage};
use crate::wasm::compile::Compiler;
use crate::wasm::plugin::Plugin;
use crate::wasm::sandbox::{Sandbox, SandboxConfig};

/// Threads of the receivers' runtime. Receivers wait for most of their time; one thread moves
/// some hundred MB a second, and a second one keeps a slow source from delaying the others.
const IO_THREADS: usize = 2;

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Executor threads; one per core.
    pub executors: usize,
    /// Where compiled plugins are kept.
    pub artefact_dir: PathBuf,
    /// Where kept partitions go that memory has no room for: each store makes a folder of its own
    /// there, and removes it.
    pub spill_dir: PathBuf,
    /// What compiles plugins.
    pub compiler: Compiler,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Files.
    pub storage: Arc<dyn Storage>,
}

impl EngineConfig {
    /// One executor per core, the system's clock, chance and files, and the given place and
    /// compiler for plugins.
    pub fn new(artefact_dir: PathBuf, compiler: Compiler) -> Self {
        Self {
            executors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            spill_dir: artefact_dir.join("spill"),
            artefact_dir,
            compiler,
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            storage: Arc::new(SystemStorage),
        }
    }
}

/// What jobs share.
pub struct Engine {
    /// How it was set up.
    pub config: EngineConfig,
    /// The executor threads.
    pub executors: Arc<Executors>,
    /// Where plugins are loaded and run.
    pub sandbox: Arc<Sandbox>,
    /// The receivers' runtime.
    pub runtime: Runtime,
    /// Held by whoever runs batches again outside their job: there is room for one.
    pub(super) replaying: Mutex<()>,
    /// Jobs whose batches wait for their windows, one at a time: they wait for nobody else.
    pub(super) going_back: Mutex<()>,
    /// Plugins that programs have loaded, by the names their jobs know them by.
    pub loaded: Mutex<BTreeMap<String, Arc<Plugin>>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Engine {
    /// Where datasets are kept that together have so many bytes in memory.
    pub fn partition_store(&self, memory_bytes_max: usize) -> Arc<dyn PartitionStore> {
        let budget = BlockBudget::new(memory_bytes_max);
        Arc::new(self.partition_store_under(budget, memory_bytes_max))
    }

    /// Where datasets are kept in memory under a budget that others share, up to so many bytes.
    pub(super) fn partition_store_under(
        &self,
        budget: Arc<BlockBudget>,
        memory_bytes_max: usize,
    ) -> KeptPartitions {
        let EngineConfig { storage, entropy, spill_dir, .. } = &self.config;
        let folder = spill_dir.join(format!("{:016x}", entropy.next_u64()));
        KeptPartitions::new(budget, memory_bytes_max, Arc::clone(storage), &folder)
    }

    /// Starts executors, sandbox and runtime.
    ///
    /// # Errors
    /// When the system gives no threads, or the sandbox cannot be set up.
    pub fn start(config: EngineConfig) -> Result<Arc<Self>, DriverError> {
        let system = |what| move |source| DriverError::System { what, source };
        remove_left(&*config.storage, &config.spill_dir);
        let executors = Executors::start(config.executors).map_err(system("the executors"))?;
        let sandbox = Sandbox::new(SandboxConfig {
            // And one more, on which batches are run again outside their job, and one where a job
            // that has gone back waits for that.
            executors: u32::try_from(config.executors).unwrap_or(u32::MAX).saturating_add(2),
            artefact_dir: config.artefact_dir.clone(),
            compiler: config.compiler.clone(),
        })
        .map_err(|source| DriverError::Plugin { plugin: "any".to_owned(), source })?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .thread_name("receivers")
            .enable_all()
            .build()
            .map_err(system("the receivers' runtime"))?;
        Ok(Arc::new(Self {
            config,
            executors: Arc::new(executors),
            sandbox,
            runtime,
            replaying: Mutex::default(),
            going_back: Mutex::default(),
            loaded: Mutex::default(),
        }))
    }
}
