//! Driver: one batch while it runs: its schedule, its data and its measures.
//!
//! Takes ends of tasks. Gives the tasks to run next and, at the end, the facts about the batch.
//! Never hands a task out twice unless its attempt failed.

pub mod compared;
mod effort;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow_array::{Array, ArrayRef, RecordBatch};

use self::compared::{PoisonRows, WentOnOld};
use super::batch_data::BatchData;
use super::fed_letters::FedLetters;
use super::history::{BatchKeeps, DatasetPartition, History};
use super::job_version::SharedVersion;
use super::retaining::Retaining;
use super::stage_work::StageWork;
use super::states::SharedDelta;
use crate::error::Domain;
use crate::exec::accumulator::Additions;
use crate::exec::attempt::{Attempted, TaskOutput};
use crate::exec::refused::Refused;
use crate::model::block::BlockInfo;
use crate::model::broadcast::Broadcasts;
use crate::model::call_times::CallTimes;
use crate::model::counted::Counted;
use crate::model::id::{SourceId, StageId};
use crate::model::stage::{JobPlan, PartitionInput};
use crate::model::status::{BatchInfo, BatchOutcome, BatchSubmission, OutputInfo, SourceRows};
use crate::model::time::BatchTime;
use crate::model::version::BatchCode;
use crate::sched::batch_run::{BatchRun, Finished, Inputs, ReadyTask};

/// The partitions of a batch's sources.
pub type BatchInputs = BTreeMap<SourceId, Vec<PartitionInput>>;

/// A batch that waits to run.
#[derive(Debug, Clone)]
pub struct QueuedBatch {
    /// Its time.
    pub time: BatchTime,
    /// What it reads. A source that is missing has no dataset.
    pub inputs: BatchInputs,
    /// Its blocks.
    pub blocks: Vec<BlockInfo>,
    /// Rows and bytes of its blocks.
    pub size: (u64, u64),
    /// What is told of it while it waits.
    pub submission: BatchSubmission,
    /// Rows of dead letters that are tried again with it.
    pub fed: Option<Arc<FedLetters>>,
}

impl QueuedBatch {
    /// A batch of blocks and file ranges, made now. Sources are told of by name.
    pub fn new(
        time: BatchTime,
        blocks: BTreeMap<SourceId, Vec<BlockInfo>>,
        files: BatchInputs,
        name_of: impl Fn(SourceId) -> String,
        now_us: i64,
    ) -> Self {
        let all = || blocks.values().flatten();
        let mut size =
            (all().map(|block| block.rows).sum(), all().map(|block| block.bytes as u64).sum());
        let mut inputs = files;
        let mut rows: BTreeMap<SourceId, u64> = inputs.keys().map(|id| (*id, 0)).collect();
        for (source, partitions) in &inputs {
            for partition in partitions {
                if let PartitionInput::Rows { slices, .. } = partition {
                    let given = slices.iter().map(|slice| slice.num_rows() as u64).sum::<u64>();
                    size.0 += given;
                    *rows.entry(*source).or_default() += given;
                }
            }
        }
        for (&source, blocks) in &blocks {
            *rows.entry(source).or_default() += blocks.iter().map(|block| block.rows).sum::<u64>();
            let partitions = blocks.iter().map(|block| PartitionInput::Block(block.id));
            inputs.entry(source).or_default().extend(partitions);
        }
        let blocks = blocks.into_values().flatten().collect();
        let told = |(id, rows)| SourceRows { id, source: name_of(id), rows };
        let told = rows.into_iter().map(told).collect();
        let submission = BatchSubmission { time, inputs: told, submitted_us: now_us };
        Self { time, inputs, blocks, size, submission, fed: None }
    }
}

/// A batch on its way.
#[derive(Debug)]
pub struct RunningBatch {
    /// What it was when it waited.
    pub batch: QueuedBatch,
    /// What its stages have made.
    pub data: BatchData,
    /// Datasets that are kept for later batches.
    pub keeps: BatchKeeps,
    /// The versions of broadcasts that all its tasks read.
    pub broadcasts: Broadcasts,
    /// Rows that operators refused.
    pub refused: Refused,
    /// What its tasks changed of what is kept for keys.
    pub deltas: BTreeMap<(StageId, usize), SharedDelta>,
    /// What retains what its tasks read, if anybody may want to run it again.
    pub retaining: Option<Arc<Retaining>>,
    /// Tasks handed out that have not ended.
    pub in_flight: usize,
    /// Why it failed, if it has.
    pub failure: Option<String>,
    /// Whose fault that is.
    pub blame: Domain,
    /// What its tasks run: bound when it begins, whatever is swapped meanwhile.
    pub version: SharedVersion,
    /// What is told of that.
    pub code: BatchCode,
    /// Whether the job has gone back from its version meanwhile.
    pub is_revoked: bool,
    /// How it went on the versions before, where it was run on those to compare.
    pub on_old: Option<WentOnOld>,
    /// Rows that were taken out because calls failed with them.
    pub poison: PoisonRows,
    /// The batch that this one is a comparison for.
    aside: Option<Box<Self>>,
    /// Whether the publisher has it.
    pub publishing: bool,
    /// Rows of dead letters without which it was run again, and why: it had failed with them.
    pub withdrawn: Option<(Arc<FedLetters>, String)>,
    /// What became of its outputs.
    pub outputs: Vec<OutputInfo>,
    /// Tells tasks that wait for a core that they need not run; set when it fails and when it is
    /// let go.
    pub cancelled: Arc<AtomicBool>,
    run: BatchRun,
    begun_us: i64,
    /// What each stage has cost.
    work: BTreeMap<StageId, StageWork>,
    /// CPU time of its tasks on versions before.
    cpu_before: Duration,
    /// Rows of files, by their source and the stage that has read them.
    file_rows: BTreeMap<(SourceId, StageId), u64>,
    result_bytes: usize,
    retries: u32,
    recomputed: u32,
    counted: Counted,
    added: Additions,
}

impl RunningBatch {
    /// Begins a batch.
    pub fn begin(
        plan: &JobPlan,
        batch: QueuedBatch,
        (keeps, broadcasts): (BatchKeeps, Broadcasts),
        failures_max: u32,
        now_us: i64,
        version: SharedVersion,
    ) -> Self {
        let time = batch.time;
        let plugins = Arc::clone(&version.told);
        Self {
            batch,
            data: BatchData::new(plan),
            keeps,
            broadcasts,
            refused: Refused::default(),
            deltas: BTreeMap::new(),
            retaining: None,
            in_flight: 0,
            failure: None,
            blame: Domain::Internal,
            version,
            code: BatchCode { plugins, revision: 1, reason: None },
            is_revoked: false,
            on_old: None,
            poison: PoisonRows::new(),
            aside: None,
            publishing: false,
            withdrawn: None,
            outputs: Vec::new(),
            cancelled: Arc::default(),
            run: BatchRun::new(plan, time, failures_max),
            begun_us: now_us,
            work: BTreeMap::new(),
            cpu_before: Duration::ZERO,
            file_rows: BTreeMap::new(),
            result_bytes: 0,
            retries: 0,
            recomputed: 0,
            counted: Counted::default(),
            added: Additions::default(),
        }
    }

    /// The same batch from its beginning, on another version. Nothing of what it made is left.
    pub fn run_again(
        &self,
        plan: &JobPlan,
        keeps: BatchKeeps,
        failures_max: u32,
        version: SharedVersion,
        reason: String,
    ) -> Self {
        let mut again = self.begin_anew(plan, keeps, failures_max, version);
        again.code.revision = self.code.revision + 1;
        again.code.reason = Some(reason);
        again
    }

    /// The same batch from its beginning, without rows that were fed back, with which it has
    /// failed. That is nobody's matter but of who fed them back: it counts as its first run.
    pub fn run_without_fed(mut self, plan: &JobPlan, keeps: BatchKeeps, failures_max: u32) -> Self {
        let withdrawn = self.batch.fed.take().zip(self.failure.clone());
        if let Some((fed, _)) = &withdrawn {
            fed.leave(&mut self.batch.inputs);
        }
        let version = Arc::clone(&self.version);
        let mut again = self.begin_anew(plan, keeps, failures_max, version);
        again.code = self.code.clone();
        again.withdrawn = withdrawn;
        again
    }

    fn begin_anew(
        &self,
        plan: &JobPlan,
        keeps: BatchKeeps,
        failures_max: u32,
        version: SharedVersion,
    ) -> Self {
        let (batch, begun_us) = (self.batch.clone(), self.begun_us);
        let with = (keeps, self.broadcasts.clone());
        let mut again = Self::begin(plan, batch, with, failures_max, begun_us, version);
        again.cpu_before = self.cpu_before + self.cpu();
        again.withdrawn.clone_from(&self.withdrawn);
        again
    }

    fn cpu(&self) -> Duration {
        self.work.values().map(|work| work.cpu).sum()
    }

    /// From when it was due until it began.
    pub fn scheduling_delay(&self) -> Duration {
        micros(self.begun_us - self.due_us())
    }

    fn due_us(&self) -> i64 {
        self.batch.submission.due_us()
    }

    /// The tasks that have become ready; none when a stage lacks a dataset, which fails the batch.
    pub fn ready(&mut self, plan: &JobPlan, history: &History) -> Vec<ReadyTask> {
        let inputs = Known { batch: &self.batch, history };
        let tasks = match self.run.ready(plan, &inputs) {
            Ok(tasks) => tasks,
            Err(missing) => {
                self.fail(missing.to_string(), Domain::User);
                return Vec::new();
            }
        };
        for task in &tasks {
            self.data.open(task.stage, self.run.tasks_of(task.stage));
        }
        self.in_flight += tasks.len();
        tasks
    }

    /// The dataset of a stage, once its tasks are done; `None` when it has none in this batch.
    pub fn dataset(&self, stage: StageId) -> Option<&[DatasetPartition]> {
        (!self.run.is_absent(stage)).then(|| self.data.dataset(stage))
    }

    /// Rows of the dataset of a stage; `None` when it has none, or the batch has failed.
    pub fn rows_of(&self, stage: StageId) -> Option<u64> {
        let partitions = self.dataset(stage).filter(|_| self.failure.is_none())?;
        Some(partitions.iter().flat_map(|slices| slices.iter()).map(|s| s.num_rows() as u64).sum())
    }

    /// The schedule, to be told of failed tasks.
    pub fn schedule(&mut self) -> &mut BatchRun {
        &mut self.run
    }

    /// Counts the end of an attempt.
    pub fn charge(&mut self, stage: StageId, cpu: Duration, call_times: &CallTimes) {
        self.in_flight -= 1;
        self.work.entry(stage).or_default().add(cpu, call_times);
    }

    /// The work of each stage that has run.
    pub fn work(&self) -> &BTreeMap<StageId, StageWork> {
        &self.work
    }

    /// When it began to run, in microseconds since the epoch.
    pub fn begun_us(&self) -> i64 {
        self.begun_us
    }

    /// Keeps what a task made. What it refused and counted, and the rows it read of files, count
    /// once, however often it is run. Gives whether its stage is done.
    pub fn finished(
        &mut self,
        task: ReadyTask,
        attempted: Attempted,
        file_rows: Option<(SourceId, u64)>,
    ) -> bool {
        let ReadyTask { stage, partition } = task;
        if let TaskOutput::Apart(partitions) = &attempted.output {
            self.run.made(stage, partitions.len());
        }
        self.data.store(stage, partition, attempted.output);
        if let Some(delta) = attempted.state {
            self.deltas.insert((stage, partition), Arc::new(delta));
        }
        let Finished { stage_done, first } = self.run.finished(task);
        if first {
            if attempted.refused.poison > 0 {
                *self.poison.entry(stage).or_default() += attempted.refused.poison;
            }
            self.refused.absorb(attempted.refused);
            self.counted.absorb(&attempted.counted);
            self.added.absorb(attempted.added);
            if let Some((source, rows)) = file_rows {
                self.has_read(source, stage, rows);
            }
        }
        stage_done
    }

    /// Counts rows that a task has read of files.
    pub fn has_read(&mut self, source: SourceId, stage: StageId, rows: u64) {
        *self.file_rows.entry((source, stage)).or_default() += rows;
    }

    /// Has what is lost made again; `reader` found it so and waits, or else an output needs it.
    pub fn lost(&mut self, plan: &JobPlan, reader: Option<ReadyTask>, lost: &[ReadyTask]) {
        match self.run.lost(plan, reader, lost) {
            Ok(news) => self.recomputed += news,
            Err(again) => self.fail(again.to_string(), Domain::External),
        }
    }

    /// Rows of files by source, as often as they were read by whichever stage has read most.
    pub fn file_rows(&self) -> BTreeMap<SourceId, u64> {
        let mut most = BTreeMap::new();
        for (&(source, _), &rows) in &self.file_rows {
            let known = most.entry(source).or_default();
            *known = rows.max(*known);
        }
        most
    }

    /// Bytes of the ranges of files that it reads, by source.
    pub fn file_bytes(&self) -> BTreeMap<SourceId, u64> {
        let mut bytes = BTreeMap::new();
        for partition in self.batch.inputs.values().flatten() {
            if let PartitionInput::FileRange(range) = partition {
                *bytes.entry(range.source).or_default() += range.end - range.start;
            }
        }
        bytes
    }

    /// Fails the batch when its sinks would be given more bytes than they may. To be asked before
    /// the task is finished: what was lost and is made again weighs once.
    pub fn weigh(
        &mut self,
        plan: &JobPlan,
        task: ReadyTask,
        output: &TaskOutput,
        bytes_max: Option<usize>,
    ) {
        let (Some(bytes_max), TaskOutput::Dataset(slices)) = (bytes_max, output) else { return };
        let is_output = plan.sinks.iter().any(|(_, from)| *from == task.stage);
        if is_output && !self.run.was_done(task) {
            self.result_bytes += slices.iter().map(row_bytes).sum::<usize>();
        }
        if self.result_bytes > bytes_max {
            let found = self.result_bytes;
            let message = format!(
                "the result has {found} bytes and more, allowed are {bytes_max}: ask for a part of \
                 it, or write it to files"
            );
            self.fail(message, Domain::User);
        }
    }

    /// Gives the batch up; the first reason counts.
    pub fn fail(&mut self, reason: String, blame: Domain) {
        if self.failure.is_none() {
            (self.failure, self.blame) = (Some(reason), blame);
        }
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Counts an attempt that is made again.
    pub fn again(&mut self) {
        self.in_flight += 1;
        self.retries += 1;
    }

    /// Whether nothing of it runs any more: all stages are done, or it failed and its last task
    /// has ended.
    pub fn is_through(&self) -> bool {
        self.in_flight == 0 && (self.failure.is_some() || self.run.is_done())
    }

    /// Has what its tasks counted count, if it has succeeded: once, when it has ended.
    pub fn settle_counts(&mut self) {
        let added = std::mem::take(&mut self.added);
        if self.failure.is_some() {
            self.counted = Counted::default();
            return;
        }
        added.iter().for_each(|(name, number)| self.counted.add(name, number));
        added.settle();
    }

    /// The facts, when it has ended.
    pub fn info(&self, now_us: i64) -> BatchInfo {
        let (rows, bytes) = self.batch.size;
        let (mut inputs, file_rows) = (self.batch.submission.inputs.clone(), self.file_rows());
        for input in &mut inputs {
            input.rows += file_rows.get(&input.id).copied().unwrap_or(0);
        }
        let outcome = match &self.failure {
            Some(message) => BatchOutcome::Failed { message: message.clone() },
            None => BatchOutcome::Completed,
        };
        BatchInfo {
            time: self.batch.time,
            inputs,
            rows_in: rows + file_rows.values().sum::<u64>(),
            bytes_in: bytes,
            tasks: self.run.tasks(),
            source_tasks: self.batch.inputs.values().map(Vec::len).max().unwrap_or(0),
            submitted_us: self.batch.submission.submitted_us,
            started_us: self.begun_us,
            ended_us: now_us,
            scheduling_delay: self.scheduling_delay(),
            processing_delay: micros(now_us - self.begun_us),
            total_delay: micros(now_us - self.due_us()),
            cpu: self.cpu_before + self.cpu(),
            shuffled: self.data.shuffled(),
            rejected: self.refused.counts.clone(),
            counters: self.counted.clone(),
            retries: self.retries,
            recomputed: self.recomputed,
            code: self.code.clone(),
            outputs: self.outputs.clone(),
            outcome,
        }
    }
}

/// Bytes of the rows of a slice, not of the memory that it shares with others.
fn row_bytes(slice: &RecordBatch) -> usize {
    let of = |column: &ArrayRef| column.to_data().get_slice_memory_size();
    slice.columns().iter().map(|column| of(column).unwrap_or(column.get_array_memory_size())).sum()
}

fn micros(us: i64) -> Duration {
    Duration::from_micros(u64::try_from(us).unwrap_or(0))
}

/// What a run asks about sources and earlier batches.
struct Known<'a> {
    batch: &'a QueuedBatch,
    history: &'a History,
}

impl Inputs for Known<'_> {
    fn of_source(&self, source: SourceId) -> Option<usize> {
        self.batch.inputs.get(&source).map(Vec::len)
    }

    fn of_earlier(&self, stage: StageId, length: Duration) -> usize {
        let time = self.batch.time;
        self.history.partitions(stage, time.before(length), time)
    }
}

impl Drop for RunningBatch {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}
