//! Store: what the batch log says of one batch, as it is written and as it is shown.
//!
//! Takes facts of the driver. Gives JSON, in the log and to whoever asks. Fields are added, never
//! given another meaning: a record of an older program stays readable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One batch: what it was to be made of and by which code, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchRecord {
    /// The job.
    pub job: String,
    /// The batch's time, in milliseconds since the epoch.
    pub time_ms: i64,
    /// When the job's run began, in microseconds since the epoch: two runs may have a batch of the
    /// same time.
    pub run_us: i64,
    /// The batch before it in the same run; none before the first.
    pub parent_ms: Option<i64>,
    /// The job's seed, in hexadecimal digits.
    pub seed: String,
    /// What it read.
    pub inputs: Vec<InputRecord>,
    /// The code it ran with: the plan it began with, and a further one for each time it was run
    /// again with other code. The last one counts.
    pub plans: Vec<PlanRecord>,
    /// When it was made.
    pub submitted_us: i64,
    /// When it began to run.
    pub started_us: i64,
    /// What became of it; none while it runs.
    pub end: Option<EndRecord>,
    /// How it went on other code, where it was run in the shadow when it had ended.
    #[serde(default)]
    pub shadow: Option<ShadowRecord>,
}

/// How a batch went on code that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowRecord {
    /// The blake3 digests of the plugins, by their names in the job.
    pub digests: BTreeMap<String, String>,
    /// Whether all outputs were the same; none where it failed, or not all of it ran.
    pub same: Option<bool>,
    /// Why it failed, if it has.
    pub failure: Option<String>,
    /// CPU time of its tasks.
    pub cpu_us: u64,
    /// Partitions of sources for which there was no time.
    pub partitions_left_out: u64,
}

/// What a batch read of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRecord {
    /// The source.
    pub source: String,
    /// Rows; those of files are known when the batch has ended.
    pub rows: u64,
    /// Bytes of blocks in memory, and of ranges of files.
    pub bytes: u64,
    /// Blocks of what was received.
    pub blocks: Vec<BlockRecord>,
    /// Ranges of files; those that follow each other are one.
    pub files: Vec<RangeRecord>,
}

/// A block of what was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRecord {
    /// Its name.
    pub block: String,
    /// Its rows.
    pub rows: u64,
    /// Its bytes in memory.
    pub bytes: u64,
}

/// A range of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeRecord {
    /// The file.
    pub path: String,
    /// The first byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
}

/// The code that a batch ran with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// Its place: 1 is what the batch began with.
    pub revision: u32,
    /// Why the batch was run again with other code; none at the first.
    pub reason: Option<String>,
    /// The plugins.
    pub plugins: Vec<PluginRecord>,
}

/// One plugin of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginRecord {
    /// Its name in the job.
    pub name: String,
    /// The blake3 digest of its component.
    pub digest: String,
    /// What it says its version is.
    pub version: String,
    /// The operators that the job calls.
    pub calls: Vec<CallRecord>,
}

/// An operator that a job calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The operator.
    pub operator: String,
    /// Its parameters, with what it has unless set.
    pub parameters: Map<String, Value>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndRecord {
    /// How it ended.
    pub outcome: OutcomeRecord,
    /// Why it did not complete.
    pub reason: Option<String>,
    /// When, in microseconds since the epoch.
    pub ended_us: i64,
    /// From its time until it began to run.
    pub scheduling_delay_us: u64,
    /// From then until its last output was published.
    pub processing_delay_us: u64,
    /// Both together.
    pub total_delay_us: u64,
    /// Rows and bytes of all sources.
    pub rows_in: u64,
    /// Bytes of all sources.
    pub bytes_in: u64,
    /// Rows of all outputs.
    pub rows_out: u64,
    /// Bytes of all outputs, in canonical form.
    pub bytes_out: u64,
    /// Rows that operators refused.
    pub rejected_rows: u64,
    /// Rows that shuffles carried.
    pub shuffle_rows: u64,
    /// Bytes that shuffles carried.
    pub shuffle_bytes: u64,
    /// Tasks.
    pub tasks: u64,
    /// Attempts of tasks: those that failed and were made again are counted each.
    pub attempts: u64,
    /// Tasks that were run once more because what they had made was lost.
    pub recomputed: u64,
    /// CPU time of all tasks.
    pub cpu_us: u64,
    /// CPU time by stage: a stage's operators run in one task, and are measured together.
    pub stages: Vec<StageRecord>,
    /// What each sink was given.
    pub outputs: Vec<OutputRecord>,
}

/// How a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeRecord {
    /// Every output was published, or its sink is one that may be skipped.
    Completed,
    /// It failed.
    Failed,
    /// The job ended before it did.
    GivenUp,
    /// The process ended before it did, and could not say so.
    Lost,
}

impl OutcomeRecord {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::GivenUp => "given-up",
            Self::Lost => "lost",
        }
    }
}

/// The work of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Its number.
    pub stage: usize,
    /// The stream.
    pub stream: String,
    /// The operators of plugins that it calls, in order.
    pub operators: Vec<String>,
    /// CPU time of its attempts, the host's own work included.
    pub cpu_us: u64,
    /// What of it calls of operators took, the host's own operators included. Records of earlier
    /// programs have none.
    #[serde(default)]
    pub calls: Vec<CallTimeRecord>,
    /// Its attempts.
    pub attempts: u64,
}

/// CPU time of the calls of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTimeRecord {
    /// How messages name it; operators of a plugin that follow each other are one call.
    pub operator: String,
    /// CPU time, that of calls that failed counted.
    pub cpu_us: u64,
}

/// What a sink was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRecord {
    /// The sink.
    pub sink: String,
    /// Rows.
    pub rows: u64,
    /// Bytes in canonical form.
    pub bytes: u64,
    /// blake3 of these bytes, in the order of partitions: equal outputs have equal hashes. None
    /// where the rows could not be measured.
    pub hash: Option<String>,
    /// Why it was not published, if it was not.
    pub failure: Option<String>,
}

impl BatchRecord {
    /// How it stands, in a word.
    pub fn outcome(&self) -> &'static str {
        self.end.as_ref().map_or("running", |end| end.outcome.word())
    }

    /// Ends a record of which the process that wrote it said no more.
    pub(super) fn lose(&mut self) {
        let reason = "the process ended before the batch did".to_owned();
        self.end = Some(EndRecord::without_work(OutcomeRecord::Lost, reason, self.started_us));
    }
}

impl EndRecord {
    /// The end of a batch of which nothing is known but that it came.
    pub fn without_work(outcome: OutcomeRecord, reason: String, ended_us: i64) -> Self {
        Self {
            outcome,
            reason: Some(reason),
            ended_us,
            scheduling_delay_us: 0,
            processing_delay_us: 0,
            total_delay_us: 0,
            rows_in: 0,
            bytes_in: 0,
            rows_out: 0,
            bytes_out: 0,
            rejected_rows: 0,
            shuffle_rows: 0,
            shuffle_bytes: 0,
            tasks: 0,
            attempts: 0,
            recomputed: 0,
            cpu_us: 0,
            stages: Vec::new(),
            outputs: Vec::new(),
        }
    }
}
