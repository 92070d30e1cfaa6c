//! Model: a batch that was run again for somebody, as it is reported.
//!
//! Takes what came out. Gives plain values. Never holds rows: a difference is told in lines, and a
//! case as text.

use std::time::Duration;

use super::output_measure::OutputMeasure;
use super::replay::ComparedOutput;
use super::time::BatchTime;
use super::version::PluginVersions;

/// A retained batch that was run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayReport {
    /// The batch.
    pub time: BatchTime,
    /// Rows of its sources that were read.
    pub rows: u64,
    /// The versions that it ran with in the job.
    pub recorded: PluginVersions,
    /// Those that it was run again with.
    pub plugins: PluginVersions,
    /// CPU time of its tasks.
    pub cpu: Duration,
    /// Rows that operators refused.
    pub rejected: u64,
    /// Its outputs.
    pub outputs: Vec<ReplayedOutput>,
    /// Streams that were left out, each with the reason.
    pub left_out: Vec<String>,
    /// Why it failed, if it has.
    pub failure: Option<String>,
    /// Its rows as a case for the test kit, where that was asked for.
    pub case: Option<String>,
}

/// An output of a batch that was run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedOutput {
    /// The output.
    pub name: String,
    /// What it was this time.
    pub measure: OutputMeasure,
    /// What the sink was given in the job, where that was measured and all of it was run again.
    pub recorded: Option<OutputMeasure>,
    /// What it is compared with: the run in the job, or one of its versions made for this.
    pub compared: Option<ComparedOutput>,
}

impl ReplayedOutput {
    /// Whether it is what it was in the job; `None`: nobody knows.
    pub fn is_same(&self) -> Option<bool> {
        let recorded = self.recorded.as_ref().map(|recorded| *recorded == self.measure);
        recorded.or(self.compared.as_ref().map(ComparedOutput::is_same))
    }
}
