//! Driver: why a job could not be started, or ended.
//!
//! Takes the errors of the rooms below. Gives one type. Never hides whose fault it was.

use std::time::Duration;

use crate::error::{Classify, Domain, Retry};
use crate::ingest::IngestError;
use crate::model::finding::{Finding, Item, Place};
use crate::model::text::number_of;
use crate::model::time::BatchTime;
use crate::plan::PlanError;
use crate::sink::SinkError;
use crate::sys::storage::StorageError;
use crate::wasm::WasmError;

/// Why a job or its engine failed.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The system gave no thread or runtime.
    #[error("failed to start {what}: {source}")]
    System {
        /// What was to be started.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A plugin could not be loaded.
    #[error("plugin `{plugin}` cannot be used: {source}")]
    Plugin {
        /// The plugin's name in the job.
        plugin: String,
        /// Why.
        source: WasmError,
    },
    /// A plugin could not be built from its source.
    #[error("plugin `{plugin}` cannot be built: {source}")]
    Build {
        /// The plugin's name in the job.
        plugin: String,
        /// Why.
        source: tidemill_guest_build::BuildError,
    },
    /// The job does not fit together.
    #[error("the job does not fit together:\n{0}")]
    Plan(#[from] crate::plan::PlanErrors),
    /// A source cannot be read.
    #[error(transparent)]
    Source(#[from] IngestError),
    /// A sink cannot be opened.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The file for rows that operators refuse cannot be written.
    #[error("rejected rows cannot be kept: {0}")]
    DeadLetter(#[source] StorageError),
    /// What a stateful step is to begin with cannot be used.
    #[error("step `{step}` cannot begin: {message}")]
    InitialState {
        /// The step.
        step: String,
        /// Why.
        message: String,
    },
    /// A broadcast cannot be read, and there is none before it.
    #[error("broadcast `{name}` cannot be used: {message}")]
    Broadcast {
        /// The broadcast.
        name: String,
        /// Why.
        message: String,
    },
    /// The job ran and failed.
    #[error(transparent)]
    Failed(#[from] JobFailure),
}

impl DriverError {
    /// What is wrong with the job as declared, each with what it is about; `None` where nothing
    /// that was declared is at fault.
    pub fn findings(&self) -> Option<Vec<Finding>> {
        let place = match self {
            Self::Plan(errors) => return Some(errors.0.iter().map(PlanError::finding).collect()),
            Self::Build { plugin, .. } | Self::Plugin { plugin, .. } => {
                Place::whole(Item::Plugin(plugin.clone()))
            }
            Self::Source(error) => error.place(),
            Self::Sink(error) => error.place(),
            Self::Broadcast { name, .. } => Place::whole(Item::Broadcast(name.clone())),
            Self::DeadLetter(_) => Place::whole(Item::Job),
            Self::System { .. } | Self::InitialState { .. } | Self::Failed(_) => return None,
        };
        Some(vec![Finding::new(place, self.to_string())])
    }
}

/// Why a job that ran has failed. Everyone who waits for its end is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobFailure {
    /// A batch failed and the job's policy is to stop.
    #[error("batch {} failed: {message}", .time.of_day())]
    Batch {
        /// The batch.
        time: BatchTime,
        /// What failed.
        message: String,
    },
    /// The host's own code panicked.
    #[error("the job's loop panicked: {0}; this is a fault of Tidemill")]
    Panicked(String),
    /// A source broke for good.
    #[error("source `{name}` broke: {message}")]
    Broken {
        /// The source.
        name: String,
        /// What happened.
        message: String,
    },
    /// A graceful stop took longer than it may.
    #[error(
        "what was received was not worked off within {}: given up were {} with {}, as far as they \
         are known; `graceful_stop_timeout` allows more time",
        humantime::format_duration(*.within), number_of(*.batches, "batch", "batches"),
        number_of(*.rows, "row", "rows")
    )]
    GivenUp {
        /// How long it may take.
        within: Duration,
        /// Batches that waited or ran.
        batches: usize,
        /// Their rows.
        rows: u64,
    },
}

impl Classify for JobFailure {
    fn domain(&self) -> Domain {
        match self {
            Self::Batch { .. } => Domain::Plugin,
            Self::Broken { .. } | Self::GivenUp { .. } => Domain::External,
            Self::Panicked(_) => Domain::Internal,
        }
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

impl Classify for DriverError {
    fn domain(&self) -> Domain {
        match self {
            Self::System { .. } => Domain::External,
            Self::Plugin { source, .. } => source.domain(),
            Self::Build { .. }
            | Self::Plan(_)
            | Self::InitialState { .. }
            | Self::Broadcast { .. } => Domain::User,
            Self::Source(error) => error.domain(),
            Self::Sink(error) => error.domain(),
            Self::DeadLetter(error) => error.domain(),
            Self::Failed(failure) => failure.domain(),
        }
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}
