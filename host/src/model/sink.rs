//! Model: a sink as declared.
//!
//! Takes what a person wrote. Gives it to planning and to the room that opens sinks. Never writes
//! anything.

use std::path::PathBuf;
use std::sync::Arc;

use super::policy::OnFailure;

/// Where a stream's batches go.
#[derive(Debug, Clone)]
pub struct SinkDeclaration {
    /// Its name.
    pub name: String,
    /// The stream it is given.
    pub from: String,
    /// Where rows go.
    pub connector: SinkConnector,
    /// What becomes of the job when publishing failed; `None`: as the job says.
    pub on_failure: Option<OnFailure>,
}

/// Where rows go.
#[derive(Clone)]
pub enum SinkConnector {
    /// Prints the first rows of each batch, as Spark's `print` does.
    Print {
        /// Rows at most.
        rows: usize,
    },
    /// JSON lines, one folder per batch, written aside and renamed.
    Files {
        /// The folder's path up to the batch time: `prefix-<T ms>`.
        prefix: PathBuf,
        /// Whether an empty batch makes a folder.
        empty_batches: bool,
    },
    /// A function of an embedding program (Spark's `foreachRDD`).
    ForEachBatch(Arc<dyn BatchFunction>),
}

impl std::fmt::Debug for SinkConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Print { rows } => write!(f, "Print {{ rows: {rows} }}"),
            Self::Files { prefix, .. } => write!(f, "Files {{ prefix: {prefix:?} }}"),
            Self::ForEachBatch(_) => f.write_str("ForEachBatch"),
        }
    }
}

/// A function that an embedding program runs on each batch of a stream.
pub trait BatchFunction: Send + Sync {
    /// Is given the batch's partitions, each a run of slices.
    ///
    /// # Errors
    /// An error fails the output as a sink's failure does.
    fn call(
        &self,
        time: super::time::BatchTime,
        partitions: &[Vec<arrow_array::RecordBatch>],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}
