//! Exec: why an attempt of a task failed.
//!
//! Takes the errors of operators and of reading. Gives one type that answers for all of them.

use arrow_schema::ArrowError;

use crate::error::{Classify, Domain, Retry};
use crate::limits::{FED_CPU_MAX, JOIN_ROWS_MAX};
use crate::model::id::StageId;
use crate::model::operator::OperatorError;
use crate::model::text::number_of;

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A call of an operator failed.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// Calls failed with more rows than a batch may leave out.
    #[error(
        "calls failed with {}, left out of them, and failed again; at most {allowed} may be left \
         out of a batch, which `poison_rows_max` sets: {source}",
        number_of(*.allowed, "row", "rows")
    )]
    TooManyLeftOut {
        /// What `poison_rows_max` allows.
        allowed: u64,
        /// The failure after those.
        source: OperatorError,
    },
    /// Rows that were fed back took too long, and one that has to wait has rows in other tasks.
    #[error("rows that were fed back took {} s of cpu time and more", FED_CPU_MAX.as_secs())]
    FedTooLong,
    /// A block or file could not be read.
    #[error("failed to read `{input}`: {message}")]
    Input {
        /// The block or file.
        input: String,
        /// What happened.
        message: String,
        /// Whose fault it is.
        domain: Domain,
        /// Whether reading again can help.
        retry: Retry,
    },
    /// The rows came with bad ones, which their source does not allow.
    #[error("{0}")]
    BadRows(String),
    /// A list would hold more values than its offsets can count.
    #[error(
        "one partition has {found} values to group, at most 2147483647 fit one column of lists"
    )]
    TooManyValues {
        /// The values.
        found: usize,
    },
    /// Keys that many rows of both streams have would give more rows than one partition may.
    #[error(
        "a join of {left} rows with {right} would give {found} rows in one partition, allowed are \
         {JOIN_ROWS_MAX}: some key has very many rows in both streams"
    )]
    JoinTooLarge {
        /// Rows of this stream.
        left: usize,
        /// Rows of the other.
        right: usize,
        /// What they would give.
        found: u64,
    },
    /// What an earlier stage made is no more there to be read: it is made again.
    #[error("what stage {} made in partition {partition} is lost", .stage.0)]
    Lost {
        /// The stage that made it.
        stage: StageId,
        /// The partition.
        partition: usize,
    },
    /// A program's function over whole datasets went wrong.
    #[error("the function of `transform` {what}: {message}")]
    Transform {
        /// `failed`, `panicked` or `gave` what it must not.
        what: &'static str,
        /// In its words.
        message: String,
    },
    /// Columns did not fit together: a bug of the host.
    #[error("columns do not fit together: {0}")]
    Columns(#[from] ArrowError),
    /// Its batch had failed or its job had ended before it began.
    #[error("it was not run: its batch was given up")]
    Cancelled,
    /// The host's own code panicked.
    #[error("the host panicked: {0}")]
    Panic(String),
}

impl Classify for TaskError {
    fn domain(&self) -> Domain {
        match self {
            Self::Operator(error) | Self::TooManyLeftOut { source: error, .. } => error.domain(),
            Self::Input { domain, .. } => *domain,
            Self::BadRows(_)
            | Self::FedTooLong
            | Self::TooManyValues { .. }
            | Self::JoinTooLarge { .. }
            | Self::Transform { .. } => Domain::User,
            Self::Lost { .. } => Domain::External,
            Self::Columns(_) | Self::Panic(_) | Self::Cancelled => Domain::Internal,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Input { retry, .. } => *retry,
            Self::Lost { .. } => Retry::Recompute,
            _ => Retry::Never,
        }
    }
}
