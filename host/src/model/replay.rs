//! Model: batches that were run again outside their job, and what came out otherwise.
//!
//! Takes measures of two runs. Gives plain values for reports. Never holds rows: a difference is
//! told in lines.

use std::time::Duration;

use super::output_measure::OutputMeasure;
use super::time::BatchTime;

/// How much of the last batches is retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetainedSizes {
    /// Batches.
    pub batches: usize,
    /// Memory that their inputs hold.
    pub bytes: usize,
    /// The newest batch that was too large, with its bytes.
    pub too_large: Option<(BatchTime, usize)>,
}

/// What one output of a batch was on two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedOutput {
    /// The output: a sink, or a stream that a step reads which was left out.
    pub name: String,
    /// The output before.
    pub before: OutputMeasure,
    /// And after.
    pub after: OutputMeasure,
    /// Rows that are there before and not after.
    pub gone: u64,
    /// Rows that are there after and not before.
    pub come: u64,
    /// The first of these: `-` gone, `+` come. And what is to be said where rows do not tell it.
    pub lines: Vec<String>,
}

impl ComparedOutput {
    /// Whether both are the same to the byte.
    pub fn is_same(&self) -> bool {
        self.before == self.after
    }
}

/// A batch that was run on two sets of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedBatch {
    /// Its time.
    pub time: BatchTime,
    /// Rows of its sources.
    pub rows: u64,
    /// CPU time of its tasks, before and after.
    pub cpu: (Duration, Duration),
    /// Rows that operators refused, before and after.
    pub rejected: (u64, u64),
    /// Its outputs.
    pub outputs: Vec<ComparedOutput>,
}

/// What new versions did with batches that the job has run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GateReport {
    /// The batches, the oldest first.
    pub batches: Vec<ComparedBatch>,
    /// Streams that were left out, each with the reason.
    pub left_out: Vec<String>,
    /// Batches that were not tried, and why.
    pub not_tried: Vec<String>,
}
