//! Floor 6, sink: results leave here, once per batch.
//!
//! Takes the partitions of a batch. Gives lines on a terminal, files, or calls of a program's own
//! function. Never decides what a failure means for the job.

pub mod batch_function;
pub mod csv_lines;
pub mod element;
pub mod file_sink;
pub mod json_lines;
pub mod part_file;
pub mod print_sink;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;

use crate::error::{Classify, Domain, Retry};
use crate::model::finding::{Item, Part, Place};
use crate::model::schema::StreamSchema;
use crate::model::sink::{SinkConnector, SinkDeclaration};
use crate::model::time::BatchTime;
use crate::sys::entropy::Entropy;
use crate::sys::storage::{Storage, StorageError};

/// Something to write to that others write to as well.
pub type SharedWriter = Arc<Mutex<dyn Write + Send>>;

/// Where batches of a stream go.
pub trait Sink: Send {
    /// Publishes one batch: its partitions, each a run of slices. Publishing the same batch again
    /// replaces what this sink published, where it can do that.
    ///
    /// # Errors
    /// When nothing, or not everything, was published.
    fn publish(
        &mut self,
        time: BatchTime,
        partitions: &[Vec<RecordBatch>],
    ) -> Result<(), SinkError>;

    /// The latest batch that another run has left where this sink writes, which it would not
    /// replace.
    ///
    /// # Errors
    /// When it cannot look.
    fn newest(&self) -> Result<Option<BatchTime>, SinkError> {
        Ok(None)
    }
}

/// Why a sink did not publish.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The terminal, or what stands for it, takes nothing.
    #[error("sink `{sink}` cannot print: {source}")]
    Print {
        /// The sink.
        sink: String,
        /// Why.
        source: io::Error,
    },
    /// A batch could not be written.
    #[error("sink `{sink}` cannot write: {source}")]
    Write {
        /// The sink.
        sink: String,
        /// What failed, and where.
        source: StorageError,
    },
    /// The prefix of its folders is no name.
    #[error("sink `{sink}` has prefix `{}`, expected one that ends in a name", .prefix.display())]
    Prefix {
        /// The sink.
        sink: String,
        /// The prefix.
        prefix: PathBuf,
    },
    /// The suffix of its folders would be another folder.
    #[error("sink `{sink}` has suffix `{suffix}`, expected one without separators of paths")]
    Suffix {
        /// The sink.
        sink: String,
        /// The suffix.
        suffix: String,
    },
    /// A batch's folder is there, and not of its making.
    #[error(
        "sink `{sink}` does not replace `{}`, which another run or sink wrote: set another `path` \
         or `prefix`, or remove that folder",
        .folder.display()
    )]
    Exists {
        /// The sink.
        sink: String,
        /// The folder.
        folder: PathBuf,
    },
    /// The program's own function failed or panicked.
    #[error("sink `{sink}`: its function {what}: {message}")]
    Function {
        /// The sink.
        sink: String,
        /// `failed` or `panicked`.
        what: &'static str,
        /// In its words.
        message: String,
    },
}

impl SinkError {
    /// What of the job it is about.
    pub fn place(&self) -> Place {
        let (sink, part) = match self {
            Self::Write { sink, .. } | Self::Prefix { sink, .. } | Self::Exists { sink, .. } => {
                (sink, Part::Path)
            }
            Self::Print { sink, .. } | Self::Function { sink, .. } | Self::Suffix { sink, .. } => {
                (sink, Part::Whole)
            }
        };
        Place { item: Item::Sink(sink.clone()), part }
    }
}

impl Classify for SinkError {
    fn domain(&self) -> Domain {
        match self {
            Self::Print { .. } => Domain::External,
            Self::Write { source, .. } => source.domain(),
            Self::Prefix { .. }
            | Self::Suffix { .. }
            | Self::Exists { .. }
            | Self::Function { .. } => Domain::User,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Print { .. } => Retry::Backoff,
            Self::Write { source, .. } => source.retry(),
            Self::Prefix { .. }
            | Self::Suffix { .. }
            | Self::Exists { .. }
            | Self::Function { .. } => Retry::Never,
        }
    }
}

/// The sink of a declaration, for rows of that schema. What is printed goes to `out`, files to the
/// storage; chance tells this run's files from those of another one.
///
/// # Errors
/// When the sink cannot work as it is declared.
pub fn open(
    declared: &SinkDeclaration,
    schema: &StreamSchema,
    out: SharedWriter,
    storage: Arc<dyn Storage>,
    entropy: &dyn Entropy,
) -> Result<Box<dyn Sink>, SinkError> {
    let name = declared.name.clone();
    Ok(match &declared.connector {
        SinkConnector::Print { rows } => Box::new(print_sink::PrintSink::new(name, *rows, out)),
        SinkConnector::Files { prefix, empty_batches, form } => {
            let part = part_file::PartFile::new(form.clone(), schema.to_arrow());
            let (prefix, empty) = (prefix.as_path(), *empty_batches);
            Box::new(file_sink::FileSink::open(name, prefix, empty, part, storage, entropy)?)
        }
        SinkConnector::ForEachBatch(function) => {
            Box::new(batch_function::BatchFunctionSink::new(name, Arc::clone(function)))
        }
    })
}
