//! Model: where the partitions of a dataset are kept, in Spark's words.
//!
//! Takes a level's name. Gives what it allows: memory, disk, serialised or not. Never keeps
//! anything itself.

use std::fmt;

/// Where partitions are kept between the batches or actions that read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StorageLevel {
    /// As columns in memory. What does not fit is dropped, and made again when it is needed.
    #[default]
    MemoryOnly,
    /// As compressed Arrow IPC in memory. What does not fit is dropped, and made again.
    MemoryOnlySer,
    /// As columns in memory; what does not fit goes to disk.
    MemoryAndDisk,
    /// As compressed Arrow IPC in memory; what does not fit goes to disk.
    MemoryAndDiskSer,
    /// On disk.
    DiskOnly,
}

impl StorageLevel {
    /// That of streams unless they say otherwise (as in Spark).
    pub const OF_STREAMS: Self = Self::MemoryOnlySer;

    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::MemoryOnly,
        Self::MemoryOnlySer,
        Self::MemoryAndDisk,
        Self::MemoryAndDiskSer,
        Self::DiskOnly,
    ];

    /// Spark's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::MemoryOnly => "MEMORY_ONLY",
            Self::MemoryOnlySer => "MEMORY_ONLY_SER",
            Self::MemoryAndDisk => "MEMORY_AND_DISK",
            Self::MemoryAndDiskSer => "MEMORY_AND_DISK_SER",
            Self::DiskOnly => "DISK_ONLY",
        }
    }

    /// Whether partitions are kept in memory while there is room.
    pub fn uses_memory(self) -> bool {
        self != Self::DiskOnly
    }

    /// Whether what does not fit in memory goes to disk instead of being dropped.
    pub fn uses_disk(self) -> bool {
        matches!(self, Self::MemoryAndDisk | Self::MemoryAndDiskSer | Self::DiskOnly)
    }

    /// The level at which nothing is dropped, for what cannot be made again.
    #[must_use]
    pub fn with_disk(self) -> Self {
        match self {
            Self::MemoryOnly => Self::MemoryAndDisk,
            Self::MemoryOnlySer => Self::MemoryAndDiskSer,
            Self::MemoryAndDisk | Self::MemoryAndDiskSer | Self::DiskOnly => self,
        }
    }

    /// Whether partitions are kept as compressed Arrow IPC while they are in memory.
    pub fn is_serialised(self) -> bool {
        matches!(self, Self::MemoryOnlySer | Self::MemoryAndDiskSer)
    }
}

impl fmt::Display for StorageLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl std::str::FromStr for StorageLevel {
    type Err = StorageLevelError;

    /// Reads Spark's name, in letters of either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = text.to_ascii_uppercase();
        if let Some(level) = Self::ALL.into_iter().find(|level| level.word() == found) {
            return Ok(level);
        }
        let single = found.strip_suffix("_2");
        let found = text.to_owned();
        match single.and_then(|single| Self::ALL.into_iter().find(|l| l.word() == single)) {
            Some(instead) => Err(StorageLevelError::Replicated { found, instead }),
            None if found.eq_ignore_ascii_case("OFF_HEAP") => Err(StorageLevelError::OffHeap),
            None => Err(StorageLevelError::Unknown { found }),
        }
    }
}

/// A storage level that Tidemill does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageLevelError {
    /// It keeps two copies.
    #[error(
        "storage level `{found}` keeps a copy on a second machine, and a job runs on one: use \
         `{instead}`"
    )]
    Replicated {
        /// What was asked for.
        found: String,
        /// The same with one copy.
        instead: StorageLevel,
    },
    /// It keeps bytes outside a heap that collects garbage.
    #[error(
        "storage level `OFF_HEAP` is for a heap that collects garbage, of which there is none \
         here: use `{}`",
        StorageLevel::MemoryAndDiskSer
    )]
    OffHeap,
    /// Nobody knows it.
    #[error(
        "storage level `{found}` is unknown; there are {}",
        StorageLevel::ALL.map(StorageLevel::word).join(", ")
    )]
    Unknown {
        /// What was asked for.
        found: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_by_sparks_names() {
        for level in StorageLevel::ALL {
            assert_eq!(level.word().parse(), Ok(level));
            assert_eq!(level.word().to_ascii_lowercase().parse(), Ok(level));
        }
    }

    #[test]
    fn levels_for_several_machines_or_heaps_are_refused_with_what_to_use() {
        let refused = |word: &str| {
            let level = word.parse::<StorageLevel>();
            level.expect_err("there is no such level").to_string()
        };
        let two = refused("MEMORY_AND_DISK_SER_2");
        assert!(two.ends_with("use `MEMORY_AND_DISK_SER`"), "{two}");
        assert!(refused("off_heap").contains("use `MEMORY_AND_DISK_SER`"));
        let unknown = refused("MEMORY");
        assert!(unknown.contains("`MEMORY` is unknown; there are MEMORY_ONLY,"), "{unknown}");
        assert!(refused("FAST_2").contains("unknown"));
    }
}
