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
    /// Files, one folder per batch, written aside and renamed.
    Files {
        /// The folder's path up to the batch time: `prefix-<T ms>`.
        prefix: PathBuf,
        /// Whether an empty batch makes a folder.
        empty_batches: bool,
        /// What the files hold.
        form: FileForm,
    },
    /// A function of an embedding program (Spark's `foreachRDD`).
    ForEachBatch(Arc<dyn BatchFunction>),
}

/// What the files of a sink hold, and how their folder's name ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileForm {
    /// How rows are written.
    pub format: FileFormat,
    /// Whether the files are packed by gzip.
    pub gzip: bool,
    /// What follows the batch time in the folder's name, behind a dot.
    pub suffix: Option<String>,
}

/// How rows are written to a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// A JSON object a line.
    #[default]
    Json,
    /// Fields with commas between them, below a line of the columns' names.
    Csv,
    /// Each row as `print` shows it.
    Text,
    /// Arrow's own file format, which a program can read again.
    Arrow,
}

impl FileFormat {
    /// Its word in a job file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Text => "text",
            Self::Arrow => "arrow",
        }
    }
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
