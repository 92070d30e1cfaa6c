//! Block: partitions of datasets, kept in memory and on disk under one budget.
//!
//! Takes partitions with the level at which they are kept. Gives them to whoever reads. Partitions
//! that were not read for longest make room. Never makes room for a dataset by its own partitions,
//! and never waits for room.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;

use super::budget::BlockBudget;
use super::serialised::{memory_bytes, to_bytes, to_slices};
use super::spill::{Spill, SpillFile};
use crate::model::block_store::Reservation;
use crate::model::partition_store::{
    DatasetId, PartitionKey, PartitionStore, StoreError, StoredPartition, StoredSizes,
};
use crate::model::storage_level::StorageLevel;
use crate::sys::storage::Storage;

/// Keeps partitions.
#[derive(Debug)]
pub struct KeptPartitions {
    budget: Arc<BlockBudget>,
    memory_max: usize,
    spill: Spill,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: BTreeMap<PartitionKey, Entry>,
    /// Bytes of all entries that are in memory.
    memory_bytes: usize,
    /// Counts puts and reads, which is all the time that the oldest read needs.
    now: u64,
    datasets: u64,
}

#[derive(Debug)]
struct Entry {
    level: StorageLevel,
    place: Place,
    used: u64,
    /// Somebody is just taking it out of memory.
    leaving: bool,
}

/// Where a partition is. Who reads it holds it: it stays whole until then, and its bytes counted.
#[derive(Debug, Clone)]
enum Place {
    Memory(Arc<InMemory>),
    Disk(Arc<SpillFile>),
}

#[derive(Debug)]
struct InMemory {
    form: Form,
    bytes: usize,
    _held: Reservation,
}

#[derive(Debug)]
enum Form {
    Columns(Vec<RecordBatch>),
    Serialised(Vec<u8>),
}

impl KeptPartitions {
    /// Keeps at most so many bytes of the budget in memory, and files in that folder, which is its
    /// own.
    pub fn new(
        budget: Arc<BlockBudget>,
        memory_max: usize,
        storage: Arc<dyn Storage>,
        folder: &Path,
    ) -> Self {
        let (spill, kept) = (Spill::new(storage, folder), Mutex::default());
        Self { budget, memory_max, spill, kept }
    }

    /// Holds so many bytes, having others leave memory where need be. `None` when even then there
    /// is no room.
    fn make_room(&self, bytes: usize, of: DatasetId) -> Result<Option<Reservation>, StoreError> {
        loop {
            let (key, level, place) = {
                let mut kept = self.kept();
                if kept.memory_bytes + bytes <= self.memory_max
                    && let Some(held) = self.budget.reserve_now(bytes)
                {
                    kept.memory_bytes += bytes;
                    return Ok(Some(held));
                }
                let Some((key, entry)) =
                    kept.oldest_beside(of).filter(|_| bytes <= self.memory_max)
                else {
                    return Ok(None);
                };
                entry.leaving = true;
                (key, entry.level, entry.place.clone())
            };
            let Place::Memory(partition) = place else { continue };
            let spilled = level.uses_disk().then(|| self.spill(&partition.form)).transpose();
            let mut kept = self.kept();
            match spilled {
                Ok(file) => kept.leave(key, &partition, file),
                Err(error) => {
                    if let Some(entry) = kept.entries.get_mut(&key) {
                        entry.leaving = false;
                    }
                    return Err(error);
                }
            }
        }
    }

    fn spill(&self, form: &Form) -> Result<SpillFile, StoreError> {
        match form {
            Form::Serialised(bytes) => self.spill.write(bytes),
            Form::Columns(slices) => self.spill.write(&to_bytes(slices)?),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The partition in memory that was not read for longest, of another dataset.
    fn oldest_beside(&mut self, dataset: DatasetId) -> Option<(PartitionKey, &mut Entry)> {
        let in_memory = |entry: &Entry| matches!(entry.place, Place::Memory(_)) && !entry.leaving;
        let others = self.entries.iter_mut();
        let others = others.filter(|(key, entry)| key.dataset != dataset && in_memory(entry));
        others.min_by_key(|(_, entry)| entry.used).map(|(key, entry)| (*key, entry))
    }

    /// Takes a partition out of memory, if it is still the one that was to leave.
    fn leave(&mut self, key: PartitionKey, partition: &Arc<InMemory>, file: Option<SpillFile>) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if !matches!(&entry.place, Place::Memory(now) if Arc::ptr_eq(now, partition)) {
            return;
        }
        entry.leaving = false;
        self.memory_bytes -= partition.bytes;
        match file {
            Some(file) => entry.place = Place::Disk(Arc::new(file)),
            None => drop(self.entries.remove(&key)),
        }
    }

    /// Gives what stood there before, to be dropped when the lock is free.
    fn insert(&mut self, key: PartitionKey, level: StorageLevel, place: Place) -> Option<Entry> {
        self.now += 1;
        let entry = Entry { level, place, used: self.now, leaving: false };
        let before = self.entries.insert(key, entry);
        self.forget(before.as_ref());
        before
    }

    fn take(&mut self, key: &PartitionKey) -> Option<Entry> {
        let entry = self.entries.remove(key);
        self.forget(entry.as_ref());
        entry
    }

    fn forget(&mut self, entry: Option<&Entry>) {
        if let Some(Entry { place: Place::Memory(partition), .. }) = entry {
            self.memory_bytes -= partition.bytes;
        }
    }
}

impl PartitionStore for KeptPartitions {
    fn new_dataset(&self) -> DatasetId {
        let mut kept = self.kept();
        kept.datasets += 1;
        DatasetId(kept.datasets)
    }

    fn put(
        &self,
        key: PartitionKey,
        level: StorageLevel,
        slices: Vec<RecordBatch>,
    ) -> Result<(), StoreError> {
        let form = match level.is_serialised() || !level.uses_memory() {
            true => Form::Serialised(to_bytes(&slices)?),
            false => Form::Columns(slices),
        };
        // What was kept under the key makes room first, or this would be refused for its own sake.
        let before = self.kept().take(&key);
        drop(before);
        if level.uses_memory() {
            let bytes = match &form {
                Form::Columns(slices) => memory_bytes(slices),
                Form::Serialised(bytes) => bytes.len(),
            };
            if let Some(held) = self.make_room(bytes, key.dataset)? {
                let place = Place::Memory(Arc::new(InMemory { form, bytes, _held: held }));
                let before = self.kept().insert(key, level, place);
                drop(before);
                return Ok(());
            }
        }
        if level.uses_disk() {
            let file = self.spill(&form)?;
            let before = self.kept().insert(key, level, Place::Disk(Arc::new(file)));
            drop(before);
        }
        Ok(())
    }

    fn get(&self, key: PartitionKey) -> Option<Arc<dyn StoredPartition>> {
        let mut kept = self.kept();
        kept.now += 1;
        let now = kept.now;
        let entry = kept.entries.get_mut(&key)?;
        entry.used = now;
        Some(Arc::new(entry.place.clone()))
    }

    fn remove(&self, dataset: DatasetId) {
        let mut kept = self.kept();
        let keys: Vec<PartitionKey> =
            kept.entries.range(all_of(dataset)).map(|(key, _)| *key).collect();
        let entries: Vec<Entry> = keys.iter().filter_map(|key| kept.entries.remove(key)).collect();
        entries.iter().for_each(|entry| kept.forget(Some(entry)));
        drop(kept);
        drop(entries);
    }

    fn sizes(&self, dataset: DatasetId) -> StoredSizes {
        let kept = self.kept();
        kept.entries.range(all_of(dataset)).fold(StoredSizes::default(), |sizes, (_, entry)| {
            let (memory_bytes, disk_bytes) = match &entry.place {
                Place::Memory(partition) => (partition.bytes, 0),
                Place::Disk(file) => (0, file.len()),
            };
            sizes + StoredSizes { partitions: 1, memory_bytes, disk_bytes }
        })
    }
}

fn all_of(dataset: DatasetId) -> std::ops::RangeInclusive<PartitionKey> {
    PartitionKey { dataset, partition: 0 }..=PartitionKey { dataset, partition: usize::MAX }
}

impl StoredPartition for Place {
    fn read(&self) -> Result<Vec<RecordBatch>, StoreError> {
        match self {
            Self::Memory(partition) => match &partition.form {
                Form::Columns(slices) => Ok(slices.clone()),
                Form::Serialised(bytes) => to_slices(bytes),
            },
            Self::Disk(file) => to_slices(&file.read()?),
        }
    }
}
