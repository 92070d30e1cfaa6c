//! Block: what becomes of kept partitions when the budget is full.
//!
//! Takes partitions of equal size, under a budget that has room for two. Gives where each of them
//! is then. Nothing here touches a real disk.

use std::io::ErrorKind;
use std::path::PathBuf;

use arrow_array::{ArrayRef, Int64Array};

use super::*;
use crate::sys::storage_memory::MemoryStorage;

/// Bytes of a partition: 128 numbers.
const BYTES: usize = 1024;

struct Rig {
    storage: MemoryStorage,
    budget: Arc<BlockBudget>,
    store: KeptPartitions,
}

/// Room for so many partitions.
fn rig(room: usize) -> Rig {
    let (storage, budget) = (MemoryStorage::new(), BlockBudget::new(room * BYTES));
    let files = Arc::new(storage.clone());
    let store = KeptPartitions::new(Arc::clone(&budget), room * BYTES, files, Path::new("/spill"));
    Rig { storage, budget, store }
}

/// Numbers that no compression makes small.
fn rows(seed: u64) -> Vec<RecordBatch> {
    let number = |n: u64| (seed * 131 + n).wrapping_mul(0x9E37_79B9_7F4A_7C15) as i64;
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values((0..128).map(number)));
    vec![RecordBatch::try_from_iter([("n", column)]).expect("one column")]
}

fn key(dataset: DatasetId, partition: usize) -> PartitionKey {
    PartitionKey { dataset, partition }
}

impl Rig {
    /// Files of partitions on disk.
    fn spilled(&self) -> usize {
        let files = self.storage.files().into_keys();
        files.filter(|file| file.extension().is_some_and(|end| end == "arrows")).count()
    }

    /// Keeps a dataset of one partition.
    fn keep(&self, level: StorageLevel, seed: u64) -> DatasetId {
        let dataset = self.store.new_dataset();
        self.store.put(key(dataset, 0), level, rows(seed)).expect("it is kept or dropped");
        dataset
    }

    fn read(&self, dataset: DatasetId) -> Option<Vec<RecordBatch>> {
        let found = self.store.get(key(dataset, 0))?;
        Some(found.read().expect("it can be read"))
    }

    /// In memory, on disk.
    fn place(&self, dataset: DatasetId) -> (bool, bool) {
        let sizes = self.store.sizes(dataset);
        (sizes.memory_bytes > 0, sizes.disk_bytes > 0)
    }
}

#[test]
fn what_was_not_read_for_longest_makes_room() {
    use StorageLevel::MemoryOnly;
    let rig = rig(2);
    let (one, two) = (rig.keep(MemoryOnly, 1), rig.keep(MemoryOnly, 2));
    assert_eq!(rig.read(one), Some(rows(1)));
    let three = rig.keep(MemoryOnly, 3);
    assert_eq!(rig.read(two), None, "the first was read after it");
    assert_eq!((rig.read(one), rig.read(three)), (Some(rows(1)), Some(rows(3))));
    assert_eq!(rig.budget.held(), 2 * BYTES);
    assert!(rig.storage.files().is_empty(), "the level says memory only");
}

#[test]
fn what_makes_room_goes_to_disk_where_its_level_says_so_and_comes_back_equal() {
    for level in [StorageLevel::MemoryAndDisk, StorageLevel::MemoryAndDiskSer] {
        // A serialised partition is a little larger than its numbers.
        let rig = rig(3);
        let kept: Vec<DatasetId> = (0..8).map(|seed| rig.keep(level, seed)).collect();
        let places: Vec<_> = kept.iter().map(|dataset| rig.place(*dataset)).collect();
        let in_memory = places.iter().filter(|place| **place == (true, false)).count();
        assert_eq!(in_memory, if level.is_serialised() { 2 } else { 3 }, "{level}");
        assert_eq!(rig.spilled(), 8 - in_memory, "{level}");
        for (seed, dataset) in (0..).zip(&kept) {
            assert_eq!(rig.read(*dataset), Some(rows(seed)), "{level}");
        }
        kept.iter().for_each(|dataset| rig.store.remove(*dataset));
        assert_eq!((rig.budget.held(), rig.spilled()), (0, 0));
    }
}

#[test]
fn disk_only_is_always_on_disk() {
    let rig = rig(2);
    let dataset = rig.keep(StorageLevel::DiskOnly, 1);
    assert_eq!((rig.place(dataset), rig.budget.held()), ((false, true), 0));
    assert_eq!(rig.read(dataset), Some(rows(1)));
}

/// The story: a dataset larger than memory made room for each of its partitions by the one before,
/// so that none of them was there when it was read again from its first.
#[test]
fn a_dataset_makes_no_room_by_its_own_partitions() {
    let rig = rig(2);
    let dataset = rig.store.new_dataset();
    for partition in 0..4 {
        let put = rig.store.put(key(dataset, partition), StorageLevel::MemoryOnly, rows(1));
        put.expect("it is dropped where it does not fit");
    }
    let kept: Vec<bool> =
        (0..4).map(|partition| rig.store.get(key(dataset, partition)).is_some()).collect();
    assert_eq!(kept, [true, true, false, false]);
    assert_eq!(rig.store.sizes(dataset).partitions, 2);
}

/// The story: a partition was made twice, by two readers at once. The second put asked for room
/// beside the first, was refused for a dataset makes no room by its own, and dropped both.
#[test]
fn a_partition_put_again_takes_the_room_it_had() {
    let rig = rig(2);
    let dataset = rig.store.new_dataset();
    for partition in [0, 1, 1, 0] {
        let put = rig.store.put(key(dataset, partition), StorageLevel::MemoryOnly, rows(1));
        put.expect("there is room for two");
    }
    assert_eq!(rig.store.sizes(dataset).partitions, 2);
    assert_eq!(rig.budget.held(), 2 * BYTES);
}

#[test]
fn a_partition_that_leaves_stays_whole_for_those_who_read_it() {
    let rig = rig(1);
    let one = rig.keep(StorageLevel::MemoryOnly, 1);
    let reader = rig.store.get(key(one, 0)).expect("it is kept");
    rig.store.remove(one);
    assert_eq!(rig.budget.held(), BYTES, "it is still read");
    assert_eq!(reader.read(), Ok(rows(1)));
    drop(reader);
    assert_eq!(rig.budget.held(), 0);
}

#[test]
fn room_that_blocks_take_is_not_taken_from_them() {
    let rig = rig(2);
    let blocks = rig.budget.reserve_now(BYTES + 1).expect("there is room");
    let (dropped, spilled) =
        (rig.keep(StorageLevel::MemoryOnly, 1), rig.keep(StorageLevel::MemoryAndDisk, 2));
    assert_eq!((rig.read(dropped), rig.place(spilled)), (None, (false, true)));
    drop(blocks);
    assert_eq!(rig.place(rig.keep(StorageLevel::MemoryOnly, 3)), (true, false));
}

#[test]
fn a_partition_that_is_put_again_replaces_the_first() {
    let rig = rig(2);
    let dataset = rig.keep(StorageLevel::MemoryOnly, 1);
    rig.store.put(key(dataset, 0), StorageLevel::MemoryOnly, rows(2)).expect("there is room");
    assert_eq!(rig.read(dataset), Some(rows(2)));
    assert_eq!((rig.budget.held(), rig.store.sizes(dataset).memory_bytes), (BYTES, BYTES));
}

#[test]
fn a_corrupt_spill_file_is_named() {
    let rig = rig(0);
    let dataset = rig.keep(StorageLevel::MemoryAndDisk, 1);
    let file: PathBuf = rig.storage.files().into_keys().next().expect("it was spilled");
    rig.storage.put(&file, b"something else");
    let read = rig.store.get(key(dataset, 0)).expect("it is kept").read();
    let error = read.expect_err("it is something else").to_string();
    assert!(error.contains(&format!("`{}` is not what was written", file.display())), "{error}");
}

#[test]
fn a_full_disk_fails_what_needs_it_and_loses_nothing_else() {
    let rig = rig(1);
    let one = rig.keep(StorageLevel::MemoryAndDisk, 1);
    rig.storage.fail_after(0, ErrorKind::StorageFull);
    let two = rig.store.new_dataset();
    let put = rig.store.put(key(two, 0), StorageLevel::MemoryOnly, rows(2));
    assert!(put.expect_err("the first cannot leave").to_string().contains("no space left"));
    assert_eq!((rig.read(one), rig.read(two)), (Some(rows(1)), None));
    rig.storage.repair();
    rig.store.put(key(two, 0), StorageLevel::MemoryOnly, rows(2)).expect("there is room now");
    assert_eq!((rig.place(one), rig.place(two)), ((false, true), (true, false)));
}
