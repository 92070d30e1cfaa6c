//! Model: the port through which partitions of datasets are kept and read again.
//!
//! Takes partitions and the level at which they are to be kept. Gives them back while they are
//! kept. Never knows how: the block room implements it, and those who keep datasets do not meet it.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::storage_level::StorageLevel;
use crate::error::{Classify, Domain, Retry};

/// A dataset that is kept, unique in its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatasetId(pub u64);

/// One partition of a kept dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionKey {
    /// The dataset.
    pub dataset: DatasetId,
    /// Its partition.
    pub partition: usize,
}

/// What is kept of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoredSizes {
    /// Partitions that can be read.
    pub partitions: usize,
    /// Their bytes in memory.
    pub memory_bytes: usize,
    /// Their bytes on disk.
    pub disk_bytes: u64,
}

impl std::ops::Add for StoredSizes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            partitions: self.partitions + other.partitions,
            memory_bytes: self.memory_bytes + other.memory_bytes,
            disk_bytes: self.disk_bytes + other.disk_bytes,
        }
    }
}

/// A partition that can be read, whatever becomes of it in its store meanwhile.
pub trait StoredPartition: Send + Sync + Debug {
    /// Its slices, as they were put. May take time: it may be compressed, or on disk.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written.
    fn read(&self) -> Result<Vec<RecordBatch>, StoreError>;
}

/// Where partitions of datasets are kept.
pub trait PartitionStore: Send + Sync + Debug {
    /// A number for a further dataset.
    fn new_dataset(&self) -> DatasetId;

    /// Keeps a partition at that level. One that does not fit in memory is not kept, or goes to
    /// disk, as the level says; partitions of other datasets that were not read for longest make
    /// room before.
    ///
    /// # Errors
    /// When it had to be written to disk and could not be.
    fn put(
        &self,
        key: PartitionKey,
        level: StorageLevel,
        slices: Vec<RecordBatch>,
    ) -> Result<(), StoreError>;

    /// A partition, while it is kept.
    fn get(&self, key: PartitionKey) -> Option<Arc<dyn StoredPartition>>;

    /// Lets go of a dataset.
    fn remove(&self, dataset: DatasetId);

    /// What is kept of a dataset.
    fn sizes(&self, dataset: DatasetId) -> StoredSizes;
}

/// Why a partition could not be kept or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk took or gave nothing.
    #[error("a kept partition: {0}")]
    Disk(String),
    /// What is on disk is not what was written there.
    #[error("the kept partition in `{file}` is not what was written there: {found}")]
    Corrupt {
        /// The file.
        file: String,
        /// In what it differs.
        found: String,
    },
    /// Columns that have no serialised form, or bytes that are none.
    #[error("a kept partition cannot be serialised: {0}")]
    Serialised(String),
}

impl Classify for StoreError {
    fn domain(&self) -> Domain {
        match self {
            Self::Disk(_) | Self::Corrupt { .. } => Domain::External,
            Self::Serialised(_) => Domain::Internal,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Disk(_) => Retry::Backoff,
            Self::Corrupt { .. } | Self::Serialised(_) => Retry::Never,
        }
    }
}
