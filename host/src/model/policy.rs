//! Model: what becomes of a job whose batch failed, of rows that do not fit, of missed ticks.
//!
//! Takes what a person wrote. Gives it to whoever meets the failure. Never decides anything itself.

use std::path::PathBuf;

/// What becomes of a job or a sink when a batch of it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnFailure {
    /// The job stops with the error.
    #[default]
    Stop,
    /// The batch is given up and marked; the next one runs.
    Skip,
}

/// What becomes of ticks that were missed, because the process stood still for a while say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CatchUp {
    /// Each is made up for, in order, as in Spark.
    #[default]
    Replay,
    /// They become one batch, at the latest time. Those merged away have no dataset, which is how
    /// windows read them.
    Merge,
}

/// What becomes of a record that does not fit its schema or is no valid text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OnBadRow {
    /// The batch fails.
    #[default]
    Fail,
    /// It is counted and left out.
    Skip,
    /// It is appended to this file with its reason, and left out.
    DeadLetter(PathBuf),
}

impl OnBadRow {
    /// Leaves out what this would, and writes nothing down.
    pub fn unwritten(&mut self) {
        if matches!(self, Self::DeadLetter(_)) {
            *self = Self::Skip;
        }
    }
}
