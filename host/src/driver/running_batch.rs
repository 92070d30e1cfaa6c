//! Driver: one batch while it runs: its schedule, its data and its measures.
//!
//! Takes ends of tasks. Gives the tasks to run next and, at the end, the facts about the batch.
//! Never hands a task out twice unless its attempt failed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::batch_data::BatchData;
use crate::exec::refused::Refused;
use crate::model::block::BlockInfo;
use crate::model::id::SourceId;
use crate::model::stage::{JobPlan, PartitionInput};
use crate::model::status::{BatchInfo, BatchOutcome};
use crate::model::time::BatchTime;
use crate::sched::batch_run::{BatchRun, ReadyTask};

/// The partitions of a batch's sources.
pub type BatchInputs = BTreeMap<SourceId, Vec<PartitionInput>>;

/// A batch that waits to run.
#[derive(Debug)]
pub struct QueuedBatch {
    /// Its time.
    pub time: BatchTime,
    /// What it reads.
    pub inputs: BatchInputs,
    /// Rows and bytes of its blocks.
    pub size: (u64, u64),
}

impl QueuedBatch {
    /// A batch of blocks and file ranges.
    pub fn new(
        time: BatchTime,
        blocks: BTreeMap<SourceId, Vec<BlockInfo>>,
        files: BatchInputs,
    ) -> Self {
        let all = || blocks.values().flatten();
        let size =
            (all().map(|block| block.rows).sum(), all().map(|block| block.bytes as u64).sum());
        let mut inputs = files;
        for (source, blocks) in blocks {
            let partitions = blocks.into_iter().map(|block| PartitionInput::Block(block.id));
            inputs.entry(source).or_default().extend(partitions);
        }
        Self { time, inputs, size }
    }
}

/// A batch on its way.
#[derive(Debug)]
pub struct RunningBatch {
    /// What it was when it waited.
    pub batch: QueuedBatch,
    /// What its stages have made.
    pub data: BatchData,
    /// Rows that operators refused.
    pub refused: Refused,
    /// Tasks handed out that have not ended.
    pub in_flight: usize,
    /// Why it failed, if it has.
    pub failure: Option<String>,
    /// Whether the publisher has it.
    pub publishing: bool,
    /// Tells tasks that wait for a core that they need not run; set when it fails and when it is
    /// let go.
    pub cancelled: Arc<AtomicBool>,
    run: BatchRun,
    begun_us: i64,
    cpu: Duration,
    file_rows: u64,
    retries: u32,
}

impl RunningBatch {
    /// Begins a batch.
    pub fn begin(plan: &JobPlan, batch: QueuedBatch, failures_max: u32, now_us: i64) -> Self {
        Self {
            batch,
            data: BatchData::new(plan),
            refused: Refused::default(),
            in_flight: 0,
            failure: None,
            publishing: false,
            cancelled: Arc::default(),
            run: BatchRun::new(plan, failures_max),
            begun_us: now_us,
            cpu: Duration::ZERO,
            file_rows: 0,
            retries: 0,
        }
    }

    /// The tasks that have become ready.
    pub fn ready(&mut self, plan: &JobPlan) -> Vec<ReadyTask> {
        let inputs = &self.batch.inputs;
        let tasks =
            self.run.ready(plan, &|source| inputs.get(&source).map_or(0, std::vec::Vec::len));
        for task in &tasks {
            if task.partition == 0 {
                self.data.open(task.stage, self.run.partitions(task.stage));
            }
        }
        self.in_flight += tasks.len();
        tasks
    }

    /// The schedule, to be told of ends of tasks.
    pub fn schedule(&mut self) -> &mut BatchRun {
        &mut self.run
    }

    /// Counts the end of an attempt.
    pub fn charge(&mut self, cpu: Duration, file_rows: u64) {
        self.in_flight -= 1;
        self.cpu += cpu;
        self.file_rows += file_rows;
    }

    /// Gives the batch up; the first reason counts.
    pub fn fail(&mut self, reason: String) {
        self.failure.get_or_insert(reason);
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

    /// The facts, when it has ended.
    pub fn info(&self, now_us: i64) -> BatchInfo {
        let micros = |us: i64| Duration::from_micros(u64::try_from(us).unwrap_or(0));
        let due_us = self.batch.time.0.saturating_mul(1000);
        let (rows, bytes) = self.batch.size;
        let outcome = match &self.failure {
            Some(message) => BatchOutcome::Failed { message: message.clone() },
            None => BatchOutcome::Completed,
        };
        BatchInfo {
            time: self.batch.time,
            rows_in: rows + self.file_rows,
            bytes_in: bytes,
            tasks: self.run.tasks(),
            source_tasks: self.batch.inputs.values().map(Vec::len).max().unwrap_or(0),
            scheduling_delay: micros(self.begun_us - due_us),
            processing_delay: micros(now_us - self.begun_us),
            total_delay: micros(now_us - due_us),
            cpu: self.cpu,
            shuffled: self.data.shuffled(),
            rejected: self.refused.counts.clone(),
            retries: self.retries,
            outcome,
        }
    }
}

impl Drop for RunningBatch {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}
