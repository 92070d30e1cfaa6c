//! Model: read-only facts about a running job, shown outside.
//!
//! Takes what the driver measured. Gives plain values. Never lets anyone change the job.

use std::collections::BTreeMap;
use std::time::Duration;

use super::partition_store::StoredSizes;
use super::rejected::Rejected;
use super::time::BatchTime;

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchOutcome {
    /// Every output was published.
    Completed,
    /// It failed, and the job goes on or stops as its policy says.
    Failed {
        /// What failed, with stream, stage and partition where a task did.
        message: String,
    },
}

/// Facts about a batch that has ended. Delays are defined as in Spark's `BatchInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchInfo {
    /// Its time.
    pub time: BatchTime,
    /// Rows of its blocks; of files, rows read.
    pub rows_in: u64,
    /// Bytes of its blocks.
    pub bytes_in: u64,
    /// Tasks it ran.
    pub tasks: usize,
    /// Tasks of its widest source stage: with fewer than cores, cores stand idle.
    pub source_tasks: usize,
    /// From its time until its first task could run.
    pub scheduling_delay: Duration,
    /// From then until its last output was published.
    pub processing_delay: Duration,
    /// Both together.
    pub total_delay: Duration,
    /// CPU time of its tasks, all executors together.
    pub cpu: Duration,
    /// Rows and bytes that its shuffles carried.
    pub shuffled: (u64, u64),
    /// Rows that operators refused.
    pub rejected: Rejected,
    /// Attempts of tasks that failed and were made again.
    pub retries: u32,
    /// What became of it.
    pub outcome: BatchOutcome,
}

/// Something that happened in a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEvent {
    /// All receivers have been started.
    Started,
    /// A batch has begun to run.
    BatchStarted(BatchTime),
    /// A batch has ended.
    BatchEnded(BatchInfo),
    /// A sink could not publish a batch and is to be skipped then.
    SinkFailed {
        /// The sink's name.
        sink: String,
        /// The batch.
        time: BatchTime,
        /// What happened.
        message: String,
    },
    /// Something about a source, in words.
    Source {
        /// The source's name.
        source: String,
        /// What happened.
        message: String,
        /// Whether it needs somebody's attention.
        warning: bool,
    },
    /// A plugin wrote a log line.
    GuestLog {
        /// The plugin's name in the job.
        plugin: String,
        /// `error`, `warn`, `info` or `debug`.
        level: &'static str,
        /// The line, free of control characters.
        message: String,
    },
    /// No more input is taken; what was received is worked off.
    Draining,
    /// The job has ended.
    Stopped,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Batches are made.
    Running,
    /// No more input is taken; what was received is worked off.
    Draining,
    /// It ended as it was asked to, or its sources did.
    Stopped,
    /// It ended with an error.
    Failed,
}

/// What a stateful step keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateInfo {
    /// The step's name.
    pub name: String,
    /// Keys that have a state.
    pub keys: usize,
    /// Bytes that keys and states take in memory, about. What the last batch changed is counted
    /// with the next.
    pub bytes: usize,
}

/// A job at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStatus {
    /// Where it stands.
    pub state: JobState,
    /// Batches that wait to run.
    pub queued_batches: usize,
    /// Rows received that no batch has been given yet, and rows of waiting batches.
    pub backlog_rows: u64,
    /// Batches that have ended.
    pub batches: u64,
    /// Batches that failed.
    pub failed_batches: u64,
    /// Rows of all batches that have ended.
    pub rows_in: u64,
    /// Rows that operators refused, of all batches that have ended.
    pub rejected_rows: u64,
    /// Records that sources could not use.
    pub bad_rows: u64,
    /// Bytes held of the block budget, and the most that were held at once.
    pub held_bytes: (usize, usize),
    /// What is kept of each stream for later batches, as it was after the last one.
    pub kept: BTreeMap<String, StoredSizes>,
    /// Counters of plugins, as `plugin.name`.
    pub counters: BTreeMap<String, u64>,
    /// What stateful steps keep, as of the last batch that ended.
    pub states: Vec<StateInfo>,
    /// The last batch that ended.
    pub last_batch: Option<BatchInfo>,
}
