//! Model: read-only facts about a running job, shown outside.
//!
//! Takes what the driver measured. Gives plain values. Never lets anyone change the job.

use std::collections::BTreeMap;
use std::time::Duration;

use super::counted::Counted;
use super::id::{SinkId, SourceId};
use super::output_measure::OutputMeasure;
use super::partition_store::StoredSizes;
use super::rejected::Rejected;
use super::replay::RetainedSizes;
use super::time::BatchTime;
use super::version::{BatchCode, CodeStatus, VersionEvent};

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

/// Rows that a batch reads of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRows {
    /// The source's number.
    pub id: SourceId,
    /// Its name.
    pub source: String,
    /// The rows. Those of files are known when they have been read.
    pub rows: u64,
}

/// A batch that waits to run: it has no delay yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSubmission {
    /// Its time.
    pub time: BatchTime,
    /// What it reads of each source that has a dataset.
    pub inputs: Vec<SourceRows>,
    /// When it was made, in microseconds since the epoch.
    pub submitted_us: i64,
}

impl BatchSubmission {
    /// Rows of all sources.
    pub fn rows(&self) -> u64 {
        self.inputs.iter().map(|input| input.rows).sum()
    }

    /// From when on its delays count, in microseconds since the epoch: its time, or when it was
    /// made, if that was before. Bounded runs and the end of a job do not wait for batch times.
    pub fn due_us(&self) -> i64 {
        self.time.0.saturating_mul(1000).min(self.submitted_us)
    }
}

/// One output of one batch, when it is through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputInfo {
    /// The batch.
    pub time: BatchTime,
    /// The sink's place in the job: the same in every batch, whichever outputs have a dataset in
    /// it. (Spark numbers them anew in each.)
    pub output: SinkId,
    /// The sink's name.
    pub name: String,
    /// When it began, in microseconds since the epoch.
    pub started_us: i64,
    /// When it was through.
    pub ended_us: i64,
    /// Why it failed, if it has.
    pub failure: Option<String>,
    /// What the sink was given, where the job's batches are logged.
    pub given: Option<OutputMeasure>,
}

/// A receiver and what last happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverInfo {
    /// The source's number.
    pub id: SourceId,
    /// Its name.
    pub source: String,
    /// Whether it still receives.
    pub active: bool,
    /// The last error, in words.
    pub last_error: Option<String>,
    /// When that was, in microseconds since the epoch.
    pub last_error_us: Option<i64>,
}

/// Facts about a batch that has ended. A scheduling delay begins at the batch's time, not when it
/// was made as in Spark: a tick that came late counts. Of a batch that was made before its time it
/// begins when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchInfo {
    /// Its time.
    pub time: BatchTime,
    /// Rows that it read of each source.
    pub inputs: Vec<SourceRows>,
    /// Rows of its blocks; of files, rows read.
    pub rows_in: u64,
    /// Bytes of its blocks.
    pub bytes_in: u64,
    /// Tasks it ran.
    pub tasks: usize,
    /// Tasks of its widest source stage: with fewer than cores, cores stand idle.
    pub source_tasks: usize,
    /// When it was made, in microseconds since the epoch.
    pub submitted_us: i64,
    /// When its first task could run.
    pub started_us: i64,
    /// When its last output was published, or it was given up.
    pub ended_us: i64,
    /// From when it was due until its first task could run.
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
    /// What its tasks counted, each once: counters of plugins as `plugin.name`, accumulators of a
    /// program by their own names. Nothing where it failed.
    pub counters: Counted,
    /// Attempts of tasks that failed and were made again.
    pub retries: u32,
    /// Tasks run once more because what they had made was lost.
    pub recomputed: u32,
    /// The versions of plugins that it ran with.
    pub code: BatchCode,
    /// Its outputs, in the order in which they ran; none when it failed before them.
    pub outputs: Vec<OutputInfo>,
    /// What became of it.
    pub outcome: BatchOutcome,
}

/// Something that happened in a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEvent {
    /// All receivers have been started.
    Started {
        /// When, in microseconds since the epoch.
        at_us: i64,
    },
    /// A batch has been made and waits to run.
    BatchSubmitted(BatchSubmission),
    /// A batch has begun to run.
    BatchStarted {
        /// The batch.
        batch: BatchSubmission,
        /// From its time until now.
        scheduling_delay: Duration,
    },
    /// A batch has ended.
    BatchEnded(BatchInfo),
    /// An output of a batch has begun.
    OutputStarted {
        /// The batch.
        time: BatchTime,
        /// The sink's place in the job.
        output: SinkId,
        /// The sink's name.
        name: String,
        /// When, in microseconds since the epoch.
        started_us: i64,
    },
    /// An output of a batch is through, with or without an error.
    OutputEnded(OutputInfo),
    /// A receiver has been started.
    ReceiverStarted(ReceiverInfo),
    /// A receiver met an error.
    ReceiverError(ReceiverInfo),
    /// A receiver receives no more.
    ReceiverStopped(ReceiverInfo),
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
    /// Something about a broadcast, in words.
    Broadcast {
        /// Its name.
        name: String,
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
    /// The job ends, and no window has the last rows that came to one: the next would have.
    OutOfWindows {
        /// The stream whose window they came to.
        stream: String,
        /// The rows, as they came to it: folded batch by batch where it folds by key.
        rows: u64,
        /// When the next window would have been.
        next: BatchTime,
    },
    /// The versions of the job's plugins have changed, or will not.
    Versions(VersionEvent),
    /// No more input is taken; what was received is worked off.
    Draining,
    /// No batch begins until the job goes on; receivers receive.
    Paused,
    /// The job goes on after a pause.
    Resumed,
    /// What is left to work off. Told when no more input comes, and after each batch from then on.
    DrainProgress {
        /// Batches that wait or run.
        batches: usize,
        /// Their rows, as far as they are known.
        rows: u64,
    },
    /// The job has ended.
    Stopped,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Batches are made.
    Running,
    /// No batch is made or begun until somebody says so; receivers receive until the block budget
    /// is full.
    Paused,
    /// No more input is taken; what was received is worked off.
    Draining,
    /// It ended as it was asked to, or its sources did.
    Stopped,
    /// It ended with an error.
    Failed,
}

impl JobState {
    /// Whether the job has not ended.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Draining)
    }

    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
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
    /// What all batches that succeeded have counted.
    pub counters: Counted,
    /// What stateful steps keep, as of the last batch that ended.
    pub states: Vec<StateInfo>,
    /// The last batch that ended.
    pub last_batch: Option<BatchInfo>,
    /// Batches whose inputs are retained.
    pub retained: RetainedSizes,
    /// The versions of its plugins.
    pub code: CodeStatus,
    /// Events that were not told, because a listener was too slow.
    pub dropped_events: u64,
}
