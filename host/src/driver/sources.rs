//! Driver: the sources of one job: what has ended, what batches read, and how tasks read it.
//!
//! Takes events of receivers. Gives readers to tasks. Never decides which batch a block belongs
//! to: that is the tracker's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use super::engine::EngineConfig;
use super::event::Event;
use super::pace::OneBatch;
use super::rate_control::RateControl;
use super::running_batch::{BatchInputs, RunningBatch};
use super::status_board::StatusBoard;
use crate::block::manager::BlockManager;
use crate::error::{Classify, Domain, Retry};
use crate::exec::attempt::cut;
use crate::exec::executor::{ReadInput, TaskInput};
use crate::exec::task_error::TaskError;
use crate::ingest::file_source::FileSource;
use crate::ingest::range_reader::RangeReader;
use crate::ingest::rate_limiter::RateLimiters;
use crate::ingest::{IngestError, ReceiverEvent};
use crate::model::block::BlockInfo;
use crate::model::id::{SourceId, StageId};
use crate::model::partition_store::StoredPartition;
use crate::model::pipeline::Pipeline;
use crate::model::policy::OnBadRow;
use crate::model::source::{GivenDataset, SourceConnector, SourceDeclaration};
use crate::model::stage::{FileRange, JobPlan, PartitionInput, StageInput};
use crate::model::status::{BatchInfo, JobEvent};
use crate::model::text::number_of;
use crate::model::time::BatchTime;
use crate::sys::clock::Clock;

/// The sources of one job.
pub struct JobSources {
    declared: Vec<SourceDeclaration>,
    ended: BTreeSet<SourceId>,
    blocks: Arc<BlockManager>,
    files: BTreeMap<SourceId, (FileSource, Arc<RangeReader>)>,
    rates: RateControl,
    /// The system's time, which files have.
    clock: Arc<dyn Clock>,
    events: Sender<Event>,
}

impl JobSources {
    /// The sources of a job that has read nothing. What reading files finds out is told as events.
    ///
    /// # Errors
    /// Names a folder that is missing, or a dead-letter file that cannot be written.
    pub fn open(
        engine: &EngineConfig,
        pipeline: &Pipeline,
        blocks: Arc<BlockManager>,
        events: Sender<Event>,
    ) -> Result<Self, IngestError> {
        let (interval, now_ms) = (pipeline.settings.batch_interval, engine.clock.now_ms());
        let rates = RateControl::start(pipeline, &engine.clock)?;
        let share = batch_bytes_max(pipeline, &blocks);
        let mut files = BTreeMap::new();
        for (id, source) in (0..).map(SourceId).zip(&pipeline.sources) {
            let storage = Arc::clone(&engine.storage);
            let shares = (share, rates.file_bytes_max(id));
            let opened = FileSource::open(id, source, storage, interval, shares, now_ms)?;
            if let Some(mut opened) = opened {
                if let Some(told) = opened.opening() {
                    // The loop hears it when it begins.
                    let _sent = events.send(Event::Receiver(id, told));
                }
                let reader = RangeReader::open(source, Arc::clone(&engine.storage))?;
                files.insert(id, (opened, Arc::new(reader)));
            }
        }
        let declared = pipeline.sources.clone();
        let (ended, clock) = (BTreeSet::new(), Arc::clone(&engine.clock));
        Ok(Self { declared, ended, blocks, files, rates, clock, events })
    }

    /// The source's name.
    pub fn name(&self, source: SourceId) -> &str {
        self.declared.get(source.0 as usize).map_or("?", |declared| declared.name.as_str())
    }

    /// Whether no source has more to give.
    pub fn all_ended(&self) -> bool {
        !self.declared.is_empty() && self.ended.len() == self.declared.len()
    }

    /// The source whose files the stage reads, if it does: their rows are known only then.
    pub fn files_of(&self, plan: &JobPlan, stage: StageId) -> Option<SourceId> {
        let StageInput::Source(source) = plan.stages[stage.0].input else { return None };
        let declared = self.declared.get(source.0 as usize)?;
        declared.connector.reads_files().then_some(source)
    }

    /// What keeps receivers to their rates.
    pub fn limiters(&self) -> RateLimiters {
        self.rates.limiters().clone()
    }

    /// Hears of a batch that has ended: rates follow how batches go.
    pub fn batch_ended(
        &mut self,
        batch: &RunningBatch,
        blocks: &[BlockInfo],
        info: &BatchInfo,
        now_us: i64,
    ) {
        self.rates.batch_ended(batch, blocks, info, now_us);
        for (&id, (source, _)) in &mut self.files {
            if let Some(bytes) = self.rates.file_bytes_max(id) {
                source.pace(bytes);
            }
        }
    }

    /// Takes note of what happened at a receiver, and tells the listeners of it in words.
    pub fn heard(&mut self, source: SourceId, event: &ReceiverEvent, board: &StatusBoard) {
        let (message, warning) = match event {
            ReceiverEvent::Stored(_) | ReceiverEvent::Acknowledge(_) => return,
            ReceiverEvent::Started => ("receiver started".to_owned(), false),
            ReceiverEvent::Restarting { message, failed, retry_in } => {
                (format!("{message}; starting again in {retry_in:.1?}"), *failed)
            }
            ReceiverEvent::Told { message, warning } => (message.clone(), *warning),
            ReceiverEvent::Connected { peer } => (format!("connected to {peer}"), false),
            ReceiverEvent::BadRows { count, first } => {
                board.change(|status| status.bad_rows += count);
                if self.fails_of_bad_rows(source) {
                    // Its batch fails of them, which is told with the same words.
                    return;
                }
                let bad = number_of(*count, "bad row", "bad rows");
                (format!("{bad}, the first: {first}"), true)
            }
            ReceiverEvent::PartialLineDropped { bytes } => {
                board.change(|status| status.bad_rows += 1);
                let bytes = number_of(*bytes, "byte", "bytes");
                (format!("dropped {bytes} of a record whose end never came"), true)
            }
            ReceiverEvent::Closed { message, retry_in } => {
                (format!("{message}; connecting again in {retry_in:.1?}"), false)
            }
            ReceiverEvent::Failed { message, retry_in } => {
                (format!("{message}; trying again in {retry_in:.1?}"), true)
            }
            ReceiverEvent::Ended => {
                self.ended.insert(source);
                ("ended".to_owned(), false)
            }
            ReceiverEvent::Broken { message } => {
                self.ended.insert(source);
                (message.clone(), true)
            }
        };
        board.tell(&JobEvent::Source { source: self.name(source).to_owned(), message, warning });
    }

    fn fails_of_bad_rows(&self, source: SourceId) -> bool {
        let declared = self.declared.get(source.0 as usize);
        declared.is_some_and(|declared| declared.on_bad_row == OnBadRow::Fail)
    }

    /// Looks for files that are new at that time; the next batch is given them.
    pub fn look_for_files(&mut self, time: BatchTime, board: &StatusBoard) {
        let (now_ms, mut told) = (self.clock.now_ms(), Vec::new());
        for (&id, (source, _)) in &mut self.files {
            told.extend(source.look(time, now_ms).into_iter().map(|event| (id, event)));
        }
        told.iter().for_each(|(id, event)| self.heard(*id, event, board));
    }

    /// What the next batch reads, but for the blocks: nothing of any receiver yet, what programs
    /// give for its time, and the files.
    pub fn take(&mut self, time: BatchTime) -> BatchInputs {
        let mut inputs = self.given(time);
        for (&id, (source, _)) in &mut self.files {
            inputs.insert(id, source.take());
            if source.has_ended() {
                self.ended.insert(id);
            }
        }
        inputs
    }

    /// All that there is, for the only batch. Of partitions outside the range the rows are left
    /// out: a partition keeps its number.
    pub fn take_all(&mut self, batch: &OneBatch) -> BatchInputs {
        let mut inputs = self.given(batch.time);
        for (&id, (source, _)) in &mut self.files {
            inputs.insert(id, source.take_all());
        }
        let Some(wanted) = &batch.partitions else { return inputs };
        for (&source, partitions) in &mut inputs {
            for (number, partition) in partitions.iter_mut().enumerate() {
                if !wanted.contains(&number) {
                    *partition = PartitionInput::Rows { source, slices: Vec::new() };
                }
            }
        }
        inputs
    }

    /// What programs give for a batch; of every other source nothing yet.
    fn given(&mut self, time: BatchTime) -> BatchInputs {
        let mut inputs: BatchInputs =
            (0..).map(SourceId).zip(&self.declared).map(|(id, _)| (id, Vec::new())).collect();
        for (id, declared) in (0..).map(SourceId).zip(&self.declared) {
            let SourceConnector::Datasets(given) = &declared.connector else { continue };
            if self.ended.contains(&id) {
                continue;
            }
            match given.dataset(time) {
                GivenDataset::Partitions(partitions) => {
                    let given = |slices| PartitionInput::Rows { source: id, slices };
                    inputs.insert(id, partitions.into_iter().map(given).collect());
                }
                GivenDataset::Stored(partitions) => {
                    let stored = |partition| PartitionInput::Stored { source: id, partition };
                    inputs.insert(id, partitions.into_iter().map(stored).collect());
                }
                GivenDataset::Missing => drop(inputs.remove(&id)),
                GivenDataset::Ended => drop(self.ended.insert(id)),
            }
        }
        inputs
    }

    /// Whether files wait for a batch.
    pub fn has_more_files(&self) -> bool {
        self.files.values().any(|(source, _)| source.has_more())
    }

    /// What gives a task the rows of a partition, on the executor's thread.
    pub fn reader(&self, partition: &PartitionInput) -> ReadInput {
        match partition {
            PartitionInput::Rows { source, slices } => {
                let declared = &self.declared[source.0 as usize];
                let (name, schema) = (declared.name.clone(), declared.schema.to_arrow());
                let slices = slices.clone();
                Box::new(move || {
                    let stranger =
                        slices.iter().find(|slice| slice.schema().fields() != schema.fields());
                    match stranger {
                        None => Ok(vec![slices.into_iter().flat_map(cut).collect()]),
                        Some(slice) => Err(TaskError::Input {
                            input: name,
                            message: format!(
                                "rows of columns {:?} were given, declared are {:?}",
                                slice.schema().fields(),
                                schema.fields()
                            ),
                            domain: Domain::User,
                            retry: Retry::Never,
                        }),
                    }
                })
            }
            PartitionInput::Stored { source, partition } => {
                let (name, partition) = (self.name(*source).to_owned(), Arc::clone(partition));
                Box::new(move || read_stored(name, &*partition))
            }
            PartitionInput::Block(id) => {
                let (blocks, id) = (Arc::clone(&self.blocks), *id);
                Box::new(move || {
                    let block = blocks.get(id).ok_or_else(|| TaskError::Input {
                        input: id.to_string(),
                        message: "the block was released before its batch".to_owned(),
                        domain: Domain::Internal,
                        retry: Retry::Never,
                    })?;
                    match &block.failure {
                        Some(reason) => Err(TaskError::BadRows(reason.clone())),
                        None => Ok(vec![block.slices.clone()]),
                    }
                })
            }
            PartitionInput::FileRange(range) => {
                let Some((_, reader)) = self.files.get(&range.source) else {
                    unreachable!("only sources of files make ranges of files")
                };
                let (reader, events) = (Arc::clone(reader), self.events.clone());
                let range = range.clone();
                Box::new(move || {
                    let read = reader.read(&range);
                    let bad = match &read {
                        Ok(rows) => rows.bad.first.clone().map(|first| (rows.bad.count, first)),
                        Err(IngestError::BadRows { count, first, .. }) => {
                            Some((*count, first.clone()))
                        }
                        Err(_) => None,
                    };
                    if let Some((count, first)) = bad.filter(|_| reader.tells(&range)) {
                        let event = ReceiverEvent::BadRows { count, first };
                        // A job that has ended hears nothing, and need not.
                        let _sent = events.send(Event::Receiver(range.source, event));
                    }
                    let rows = read.map_err(|error| failed_read(&range, &error))?;
                    Ok(vec![rows.slices])
                })
            }
        }
    }
}

fn read_stored(name: String, partition: &dyn StoredPartition) -> Result<TaskInput, TaskError> {
    let slices = partition.read().map_err(|error| TaskError::Input {
        input: name,
        message: error.to_string(),
        domain: error.domain(),
        retry: error.retry(),
    })?;
    Ok(vec![slices.into_iter().flat_map(cut).collect()])
}

fn failed_read(range: &FileRange, error: &IngestError) -> TaskError {
    match error {
        // It names the file.
        IngestError::BadRows { .. } => TaskError::BadRows(error.to_string()),
        _ => TaskError::Input {
            input: range.path.display().to_string(),
            message: error.to_string(),
            domain: error.domain(),
            retry: error.retry(),
        },
    }
}

/// Bytes of files that a batch is given of each source. Together, all that run are given no more
/// than receivers may hold: what files make is held as long as what blocks make.
fn batch_bytes_max(pipeline: &Pipeline, blocks: &BlockManager) -> u64 {
    let is_files = |source: &&SourceDeclaration| source.connector.reads_files();
    let sources = pipeline.sources.iter().filter(is_files).count().max(1);
    let shares = sources * pipeline.settings.concurrent_jobs.max(1);
    (blocks.budget().capacity() / shares) as u64
}
