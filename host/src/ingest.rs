//! Floor 6, ingest: receivers in, sealed blocks out; and which files a batch reads.
//!
//! Takes declared sources and the bytes they bring. Gives blocks of columns to the block store's
//! port, and events to the driver's. Never knows batches, or what becomes of a block.

pub mod bad_row;
pub mod block_generator;
pub mod broadcast_file;
mod buffer_pool;
pub mod connector;
pub mod csv_cells;
pub mod csv_columns;
pub mod csv_fields;
pub mod csv_values;
mod custom_receiver;
pub mod dead_letter;
pub mod decoder;
mod file_cut;
pub mod file_pattern;
pub mod file_rules;
pub mod file_source;
pub mod format;
pub mod frame_decoder;
pub mod generate_receiver;
pub mod held_back;
pub mod intake;
pub mod json_columns;
pub mod json_exact;
pub mod json_names;
pub mod json_reason;
pub mod json_strict;
pub mod json_written;
pub mod line_buffer;
pub mod line_column;
pub mod listen_receiver;
pub mod range_bytes;
pub mod range_reader;
pub mod rate_limiter;
pub mod receiver;
mod receiver_session;
pub mod reconnect;
pub mod record_column;
mod row_feed;
pub mod row_gatherer;
pub mod row_width;
pub mod socket_receiver;
pub mod stdin_receiver;
pub mod supervisor;
mod waiting_rows;
pub mod zone;

#[cfg(test)]
mod test_rig;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Classify, Domain, Retry};
use crate::model::block::BlockInfo;
use crate::model::finding::{Item, Part, Place};
use crate::model::id::SourceId;
use crate::model::text::number_of;
use crate::sys::storage::StorageError;

/// What happens at a receiver, in the order in which it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiverEvent {
    /// It reaches its source.
    Connected {
        /// Where to, such as `127.0.0.1:9999`.
        peer: String,
    },
    /// A block is kept and can be allocated to a batch.
    Stored(BlockInfo),
    /// Somebody waits until the blocks told before are known.
    Acknowledge(Acknowledgement),
    /// A program's receiver is started.
    Started,
    /// A program's receiver has ended; it is started again.
    Restarting {
        /// Why it ended.
        message: String,
        /// Whether something went wrong.
        failed: bool,
        /// How long until it is started.
        retry_in: Duration,
    },
    /// A person should know something of what it reads.
    Told {
        /// What.
        message: String,
        /// Whether it is hardly what was wanted.
        warning: bool,
    },
    /// Records did not fit.
    BadRows {
        /// How many since the last such event.
        count: u64,
        /// The first of them: what was wrong, and the beginning of it.
        first: String,
    },
    /// A record whose end never came was dropped.
    PartialLineDropped {
        /// Its bytes.
        bytes: usize,
    },
    /// The source ended the connection as it should; it is connected to again.
    Closed {
        /// What happened.
        message: String,
        /// How long until the next attempt.
        retry_in: Duration,
    },
    /// The source refused or broke the connection; it is tried again.
    Failed {
        /// What happened, naming the source.
        message: String,
        /// How long until the next attempt.
        retry_in: Duration,
    },
    /// There is nothing more to come; everything received is stored.
    Ended,
    /// The receiver cannot go on, and its source gives nothing more.
    Broken {
        /// What happened, naming the source.
        message: String,
    },
}

/// Word that an event was heard, for a thread that waits for it.
#[derive(Debug, Clone)]
pub struct Acknowledgement(Arc<watch::Sender<bool>>);

/// The waiting end of an acknowledgement.
#[derive(Debug)]
pub struct Acknowledged(watch::Receiver<bool>);

impl Acknowledgement {
    /// One that is not given yet, and what waits for it.
    pub fn new() -> (Self, Acknowledged) {
        let (given, waiting) = watch::channel(false);
        (Self(Arc::new(given)), Acknowledged(waiting))
    }

    /// Gives it.
    pub fn give(&self) {
        self.0.send_replace(true);
    }
}

impl Acknowledged {
    /// Waits for it. Gives whether it came: a job that has ended gives none.
    pub async fn came(mut self) -> bool {
        self.0.wait_for(|given| *given).await.is_ok()
    }
}

impl PartialEq for Acknowledgement {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Acknowledgement {}

/// Where events go. It is called on receivers' threads while they hold their open block, and on
/// the thread that seals: it must neither wait nor call back into the supervisor.
pub type EventPort = Arc<dyn Fn(SourceId, ReceiverEvent) + Send + Sync>;

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// It is declared in a way it cannot work.
    #[error("source `{name}` cannot be read: {problem}")]
    Declaration {
        /// The source.
        name: String,
        /// What is wrong, and what is allowed.
        problem: String,
    },
    /// A file or folder of it cannot be read.
    #[error("source `{name}` cannot be read: {source}")]
    File {
        /// The source.
        name: String,
        /// What failed, and where.
        source: StorageError,
    },
    /// A packed file cannot be unpacked, or holds more than a task may.
    #[error("source `{name}` cannot read `{}`: {problem}", .path.display())]
    Packed {
        /// The source.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// Nobody can connect to its address.
    #[error("source `{name}` cannot listen on `{address}`: {source}")]
    Listen {
        /// The source.
        name: String,
        /// The address.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// A pattern names no folder, and none is waited for.
    #[error("source `{name}` cannot be read: {problem}")]
    NoFolder {
        /// The source.
        name: String,
        /// The pattern, and what it may be.
        problem: String,
    },
    /// Its dead-letter file cannot be written.
    #[error("source `{name}` cannot keep bad rows: {source}")]
    DeadLetter {
        /// The source.
        name: String,
        /// What failed, and where.
        source: StorageError,
    },
    /// Lines of a file do not fit, and it says that this fails the batch.
    #[error(
        "source `{name}` has {} in `{}`; {first}",
        number_of(*.count, "bad row", "bad rows"), .path.display()
    )]
    BadRows {
        /// The source.
        name: String,
        /// The file.
        path: PathBuf,
        /// How many in the range that was read.
        count: u64,
        /// The first of them: what was wrong, and the beginning of it.
        first: String,
    },
}

impl IngestError {
    /// What of the job it is about.
    pub fn place(&self) -> Place {
        let (name, part) = match self {
            Self::File { name, .. } | Self::NoFolder { name, .. } => (name, Part::Path),
            Self::Declaration { name, .. }
            | Self::DeadLetter { name, .. }
            | Self::Packed { name, .. }
            | Self::Listen { name, .. }
            | Self::BadRows { name, .. } => (name, Part::Whole),
        };
        Place { item: Item::Source(name.clone()), part }
    }
}

impl Classify for IngestError {
    fn domain(&self) -> Domain {
        match self {
            Self::Declaration { .. }
            | Self::NoFolder { .. }
            | Self::Packed { .. }
            | Self::BadRows { .. } => Domain::User,
            Self::Listen { .. } => Domain::External,
            Self::File { source, .. } | Self::DeadLetter { source, .. } => source.domain(),
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Declaration { .. }
            | Self::NoFolder { .. }
            | Self::Packed { .. }
            | Self::Listen { .. }
            | Self::BadRows { .. } => Retry::Never,
            Self::File { source, .. } | Self::DeadLetter { source, .. } => source.retry(),
        }
    }
}
