//! Floor 6, store: what a data folder keeps beyond a process: batch log, hosted jobs with
//! their versions, token.
//!
//! Takes records and jobs. Gives them back, also to the next process. Never runs a job, never
//! looks at a row.

pub mod batch_log;
pub mod batch_record;
pub mod component_folder;
pub mod data_folder;
mod database;
pub mod job_shelf;
mod json_table;
mod log_tables;
mod private_file;
pub mod retention;
pub mod version_shelf;
mod writer;

use std::path::PathBuf;

use crate::error::{Classify, Domain, Retry};
use crate::sys::storage::StorageError;

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process writes there.
    #[error(
        "`{}` is in use by another process: ask that one, or give this one a folder of its own \
         with `--data`", .path.display()
    )]
    InUse {
        /// The store's file.
        path: PathBuf,
    },
    /// The file was written by something else.
    #[error(
        "`{}` is no {expected} of Tidemill: move it away, or name another folder", .path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// The file was written in another format.
    #[error(
        "`{}` has format `{found}`, this program reads and writes `{allowed}`: use the version \
         that wrote it, or name another folder", .path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What it may say.
        allowed: &'static str,
    },
    /// The file is not as it was written.
    #[error(
        "`{}` is damaged ({reason}): remove it to begin a new one", .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found, in the words of whoever read it.
        reason: String,
    },
    /// A component is not as it was kept.
    #[error(
        "`{}` is to hold the component of plugin `{plugin}` of digest {expected}, and {found}",
        .path.display()
    )]
    Component {
        /// Where it is kept.
        path: PathBuf,
        /// The plugin's name in the job.
        plugin: String,
        /// The digest of what was kept.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The system refuses a file.
    #[error("cannot {action} `{}`: {source}", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is nothing to read.
    #[error("there is no batch log in `{}`: no job has run with this data folder", .path.display())]
    NoLog {
        /// The folder.
        path: PathBuf,
    },
    /// The writer has ended, as it does when its disk fails.
    #[error("the batch log of `{}` is written no further: {reason}", .path.display())]
    Closed {
        /// The store's file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Classify for StoreError {
    fn domain(&self) -> Domain {
        match self {
            Self::InUse { .. }
            | Self::Foreign { .. }
            | Self::Version { .. }
            | Self::NoLog { .. } => Domain::User,
            Self::Damaged { .. }
            | Self::Component { .. }
            | Self::File { .. }
            | Self::Storage(_)
            | Self::Closed { .. } => Domain::External,
        }
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}
