//! Driver: a question for datasets of earlier batches, and its answer.
//!
//! Takes a stage and two times. Gives the datasets that are remembered between them. Never
//! computes one: what is remembered no more is said to be missing.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use arrow_array::RecordBatch;

use super::history::{HeldPartition, History};
use crate::exec::task_error::TaskError;
use crate::model::id::StageId;
use crate::model::stage::JobPlan;
use crate::model::time::BatchTime;

/// Datasets by their batches, each in partitions, each a run of slices.
pub type Slice = Vec<(BatchTime, Vec<Vec<RecordBatch>>)>;

/// The same, still where it is kept: whoever asked reads it, not the job's loop.
pub type HeldSlice = Vec<(BatchTime, Vec<HeldPartition>)>;

/// Reads what is kept.
///
/// # Errors
/// When a partition cannot be read.
pub fn read(held: HeldSlice) -> Result<Slice, SliceError> {
    let read = |(time, partitions): (BatchTime, Vec<HeldPartition>)| {
        let partitions: Result<Vec<_>, _> = partitions.iter().map(HeldPartition::read).collect();
        let unreadable = |error: TaskError| SliceError::Unreadable { message: error.to_string() };
        Ok((time, partitions.map_err(unreadable)?))
    };
    held.into_iter().map(read).collect()
}

/// Why there is no slice of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SliceError {
    /// The context was not started.
    #[error("the stream has no datasets yet: its context has not been started")]
    NotStarted,
    /// The stream's rows are never together: its steps run in one stage with those after it.
    #[error(
        "the stream's datasets are not kept: an output or several steps must read it, and the \
         context must be told to `remember` before it is started"
    )]
    NotKept,
    /// Some of what was asked for is remembered no more.
    #[error(
        "the stream's dataset of {} is remembered no more: datasets are kept for {}",
        .time.of_day(), humantime::format_duration(*.kept)
    )]
    Forgotten {
        /// The newest that is forgotten.
        time: BatchTime,
        /// How long they are kept.
        kept: Duration,
    },
    /// A kept partition could not be read.
    #[error("the stream's dataset is kept and cannot be read: {message}")]
    Unreadable {
        /// Why.
        message: String,
    },
    /// The job has ended, and its memory with it.
    #[error("the job has ended, and with it what it remembered")]
    Ended,
}

/// A question to the job's loop.
#[derive(Debug)]
pub struct SliceAsked {
    stage: StageId,
    from: BatchTime,
    to: BatchTime,
    answer: SyncSender<Result<HeldSlice, SliceError>>,
}

impl SliceAsked {
    /// A question, and where its answer comes.
    pub fn new(
        stage: StageId,
        from: BatchTime,
        to: BatchTime,
    ) -> (Self, Receiver<Result<HeldSlice, SliceError>>) {
        let (answer, answered) = sync_channel(1);
        (Self { stage, from, to, answer }, answered)
    }

    /// Answers out of what is remembered.
    pub fn answer(self, plan: &JobPlan, history: &History) {
        let Self { stage, from, to, answer } = self;
        let found = match history.forgotten(stage).filter(|time| from <= *time) {
            Some(time) => Err(SliceError::Forgotten { time, kept: plan.stages[stage.0].remember }),
            None => Ok(history.from_to(stage, from, to)),
        };
        // There is room for the one answer; whoever asked may have left.
        let _sent = answer.send(found);
    }
}
