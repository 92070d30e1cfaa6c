//! Model: a job as declared, by a job file or by a program.
//!
//! Takes what a person wrote, already of the right types. Gives it to planning. Never checks
//! schemas: that needs the plugins' descriptions and is planning's work.

use std::path::PathBuf;
use std::time::Duration;

use super::backpressure::Backpressure;
use super::broadcast::BroadcastDeclaration;
use super::operation::StepDeclaration;
use super::policy::{CatchUp, OnBadRow, OnFailure};
use super::sink::SinkDeclaration;
use super::source::SourceDeclaration;
use super::storage_level::StorageLevel;
use crate::limits::{GRACEFUL_STOP_BATCHES, GRACEFUL_STOP_MIN};

/// A job as declared.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The job's name.
    pub name: String,
    /// Its settings.
    pub settings: JobSettings,
    /// The plugins its steps name.
    pub plugins: Vec<PluginDeclaration>,
    /// Its sources; a source's name is also the name of its stream.
    pub sources: Vec<SourceDeclaration>,
    /// Rows that its tasks can read whole.
    pub broadcasts: Vec<BroadcastDeclaration>,
    /// Its streams, in declared order (a stream may name a later one).
    pub streams: Vec<StreamDeclaration>,
    /// Its sinks, in declared order, which is the order outputs run in.
    pub sinks: Vec<SinkDeclaration>,
}

impl Pipeline {
    /// The streams of what stateful steps keep: each step that has one, and the stream's name.
    pub fn snapshots(&self) -> impl Iterator<Item = (&StepDeclaration, &String)> {
        let steps = self.streams.iter().flat_map(|stream| &stream.steps);
        steps.filter_map(|step| Some((step, step.operation.state()?.snapshots.as_ref()?)))
    }
}

/// A plugin of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginDeclaration {
    /// Its name in the job.
    pub name: String,
    /// Where its code is.
    pub code: PluginCode,
    /// Memory of one instance in bytes; `None`: the host's limit.
    pub memory_bytes: Option<usize>,
    /// CPU time a task is granted beside what its input earns; `None`: the host's limit.
    pub cpu_base: Option<Duration>,
}

/// Where a plugin's code is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginCode {
    /// A component file.
    Component(PathBuf),
    /// A folder of source, built when the job starts.
    Source(PathBuf),
}

/// Settings of a whole job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSettings {
    /// Time between batches.
    pub batch_interval: Duration,
    /// The longest a block stays open; `None`: as long as gives each slot a block a batch, at
    /// most [`crate::limits::BLOCK_INTERVAL_MAX`].
    pub block_interval: Option<Duration>,
    /// Batches that may run at once (Spark's `spark.streaming.concurrentJobs`).
    pub concurrent_jobs: usize,
    /// What becomes of a job whose batch failed.
    pub on_failure: OnFailure,
    /// What becomes of rows that operators refuse.
    pub on_rejected: OnBadRow,
    /// Rows that a batch may leave out because a call of a plugin fails with them; with more, and
    /// with any if this is 0, it fails. They are told as those that operators refuse.
    pub poison_rows_max: u64,
    /// Attempts of a task before its batch fails.
    pub max_failures: u32,
    /// Partitions of a shuffle that says nothing itself; `None`: the number of cores.
    pub partitions: Option<usize>,
    /// Bytes of blocks held before receivers stop reading.
    pub block_budget_bytes: usize,
    /// Seed of the job's hashes and of its tasks; `None`: drawn at the first start.
    pub seed: Option<u64>,
    /// How long a graceful stop may take once the receivers have stopped; `None`: so many batch
    /// intervals as [`crate::limits::GRACEFUL_STOP_BATCHES`] says.
    pub graceful_stop_timeout: Option<Duration>,
    /// Batches that have ended and can still be asked for.
    pub retained_batches: usize,
    /// Batches whose inputs are retained, so that other versions of plugins can be tried on them;
    /// `None`: as many as [`crate::limits::RETAINED_INPUTS_DEFAULT`] says, and those to which
    /// windows over rows of plugins look back, which a swap makes again.
    pub retained_inputs: Option<usize>,
    /// Bytes of these, beside the block budget; a batch of more is not retained.
    pub retained_input_bytes: usize,
    /// How long datasets are kept at least, for programs that ask for them; `None`: not at all.
    pub remember: Option<Duration>,
    /// What becomes of ticks that were missed.
    pub catch_up: CatchUp,
    /// How sources are kept to the rate at which batches are worked off.
    pub backpressure: Backpressure,
}

impl JobSettings {
    /// How long a graceful stop may take.
    pub fn graceful_stop(&self) -> Duration {
        let batches = self.batch_interval.saturating_mul(GRACEFUL_STOP_BATCHES);
        self.graceful_stop_timeout.unwrap_or(batches.max(GRACEFUL_STOP_MIN))
    }
}

impl Default for JobSettings {
    /// One-second batches, one at a time; the first failure stops the job.
    fn default() -> Self {
        Self {
            batch_interval: Duration::from_secs(1),
            block_interval: None,
            concurrent_jobs: 1,
            on_failure: OnFailure::Stop,
            on_rejected: OnBadRow::Fail,
            poison_rows_max: 0,
            max_failures: crate::limits::TASK_FAILURES_MAX,
            partitions: None,
            block_budget_bytes: crate::limits::BLOCK_BUDGET_BYTES_DEFAULT,
            seed: None,
            graceful_stop_timeout: None,
            retained_batches: crate::limits::RETAINED_BATCHES_DEFAULT,
            retained_inputs: None,
            retained_input_bytes: crate::limits::RETAINED_INPUT_BYTES_DEFAULT,
            remember: None,
            catch_up: CatchUp::default(),
            backpressure: Backpressure::default(),
        }
    }
}

/// A named chain of steps.
#[derive(Debug, Clone)]
pub struct StreamDeclaration {
    /// Its name, unique among streams and sources.
    pub name: String,
    /// The stream or source it starts from.
    pub from: String,
    /// At which level its datasets are kept for windows that reach back to them, and those that
    /// its own windows reach back to; `None`: as streams are.
    pub persist: Option<StorageLevel>,
    /// What is done to it.
    pub steps: Vec<StepDeclaration>,
}
