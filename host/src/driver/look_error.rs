//! Driver: why somebody who looks into a running job is told nothing, or may not do a thing.
//!
//! Takes what is in the way. Gives words and, for a name that nobody knows, the nearest known one.

use std::path::PathBuf;

use crate::error::{Classify, Domain, Retry};
use crate::model::finding::{list_words, nearest};
use crate::sys::storage::StorageError;

/// Why a look into a job fails.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// No source and no step of the job writes dead letters.
    #[error(
        "the job keeps no dead letters: none of its sources has `on_bad_row = \"dead-letter\"`, \
         and the job has no `on_rejected = \"dead-letter\"`"
    )]
    NoLetters,
    /// No batch will begin soon.
    #[error("the job is {state}: no batch begins that rows could be fed back into")]
    NoBatch {
        /// Where it stands.
        state: &'static str,
    },
    /// Somebody else does the same.
    #[error("somebody else feeds dead letters back to this job: ask again when they are through")]
    Busy,
    /// The batch with the rows failed.
    #[error("the batch that they were fed into failed, and all letters stay as they are: {reason}")]
    BatchFailed {
        /// Why.
        reason: String,
    },
    /// There is no room to note what has become of the letters.
    #[error("`{}` is full: what becomes of letters cannot be noted in it", .path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// What has become of the letters is not noted.
    #[error("the rows were fed back, but that is not noted, and they would be fed back again: {0}")]
    NotNoted(String),
    /// There is nothing of that name.
    #[error("{message}")]
    Unknown {
        /// What was found, and what is allowed.
        message: String,
    },
    /// A key is none of the step's.
    #[error("{message}")]
    BadKey {
        /// What was found, and what is allowed.
        message: String,
    },
    /// As many look already as may.
    #[error("{most} are looking at rows of this job already, which is as many as may")]
    TooMany {
        /// As many as may.
        most: usize,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What was kept does not decode: a bug of the host.
    #[error("what is kept cannot be shown: {0}")]
    Undecodable(String),
    /// The job has ended.
    #[error("the job has ended")]
    Ended,
}

impl LookError {
    /// A name that is none of those that are known, behind the words that say so.
    pub fn unknown(mut message: String, found: &str, known: &[&str]) -> Self {
        match nearest(found, known.iter().copied()) {
            Some(near) => message.push_str(&format!(": did you mean `{near}`?")),
            None if known.is_empty() => message.push_str(", nor does any other"),
            None => message.push_str(&format!("; there is {}", list_words(known.iter().copied()))),
        }
        Self::Unknown { message }
    }
}

impl Classify for LookError {
    fn domain(&self) -> Domain {
        match self {
            Self::Storage(error) => error.domain(),
            Self::BatchFailed { .. } | Self::NotNoted(_) => Domain::External,
            Self::Undecodable(_) => Domain::Internal,
            _ => Domain::User,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Busy | Self::NoBatch { .. } | Self::TooMany { .. } => Retry::Backoff,
            _ => Retry::Never,
        }
    }
}
