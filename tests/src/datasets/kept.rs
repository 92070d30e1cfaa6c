//! Kept datasets: read instead of made, made again where they do not fit, gone when let go.

use std::sync::Arc;

use tidemill::api::dataset::{Dataset, DatasetContext};
use tidemill::driver::engine::{Engine, EngineConfig};
use tidemill::model::pipeline::JobSettings;
use tidemill::model::storage_level::StorageLevel;
use tidemill::sys::storage::{Storage, SystemStorage};
use tidemill::wasm::compile::Compiler;

use super::rig::{Made, collected, failure, numbers, values};
use crate::job_rig::engine;

/// A dataset of eight partitions of some 8 KiB, no two numbers alike, counted as they are made; a
/// context that keeps so many bytes in memory.
fn dataset(engine: &Arc<Engine>, budget: usize) -> (Dataset, Made, Vec<i64>) {
    let settings = JobSettings { block_budget_bytes: budget, ..JobSettings::default() };
    let (context, made) = (DatasetContext::with_settings(engine, settings), Made::default());
    let scatter = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) as i64;
    let all: Vec<i64> = (1..=8_192).map(scatter).collect();
    let parts: Vec<&[i64]> = all.chunks(1_024).collect();
    (made.counting(&numbers(&context, &parts)), made, all)
}

const ROOM: usize = 1024 * 1024;

#[test]
fn kept_partitions_are_read_instead_of_made() {
    for level in StorageLevel::ALL {
        let (dataset, made, all) = dataset(&engine(), ROOM);
        dataset.persist(level).expect("it is not kept yet");
        assert_eq!(dataset.storage().expect("it is to be kept").partitions, None);
        assert_eq!(collected(&dataset), all, "{level}");
        assert_eq!(made.rows(), all.len());
        assert_eq!(collected(&dataset), all, "{level}");
        assert_eq!(dataset.repartition(3).count().expect("it is made"), 8_192);
        assert_eq!(values(&dataset.take(5).expect("they are there")), &all[..5]);
        assert_eq!(made.rows(), 0, "{level}");
        let storage = dataset.storage().expect("it is kept");
        assert_eq!((storage.level, storage.partitions), (level, Some(8)));
        assert_eq!((storage.kept.partitions, storage.partitions_made), (8, 8));
        let places = (storage.kept.memory_bytes > 60_000, storage.kept.disk_bytes > 60_000);
        assert_eq!(places, (level.uses_memory(), !level.uses_memory()), "{level}");
    }
}

#[test]
fn what_does_not_fit_is_made_again() {
    let (dataset, made, all) = dataset(&engine(), 30 * 1024);
    dataset.persist(StorageLevel::MemoryOnly).expect("it is not kept yet");
    for actions in 1..=3 {
        assert_eq!(collected(&dataset), all);
        assert_eq!(made.rows(), all.len());
        let storage = dataset.storage().expect("it is to be kept");
        assert_eq!((storage.kept.partitions, storage.partitions_made), (3, 8 * actions));
        assert_eq!(storage.kept.disk_bytes, 0);
    }
}

#[test]
fn what_does_not_fit_goes_to_disk_and_the_folder_goes_with_the_context() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = EngineConfig::new(folder.path().to_owned(), Compiler::InProcess);
    let spill = config.spill_dir.clone();
    let engine = Engine::start(EngineConfig { executors: 2, ..config }).expect("an engine starts");
    // A folder, and the file that shows whose it is.
    let files = || std::fs::read_dir(&spill).map_or(0, Iterator::count);
    for level in [StorageLevel::MemoryAndDisk, StorageLevel::MemoryAndDiskSer] {
        let (dataset, made, all) = dataset(&engine, 30 * 1024);
        dataset.persist(level).expect("it is not kept yet");
        assert_eq!(collected(&dataset), all);
        assert_eq!(made.rows(), all.len());
        assert_eq!(collected(&dataset), all);
        assert_eq!(made.rows(), 0, "{level}");
        let storage = dataset.storage().expect("it is kept").kept;
        assert_eq!(storage.partitions, 8);
        assert!(storage.memory_bytes > 0 && storage.disk_bytes > 0, "{storage:?}");
        assert_eq!(files(), 2);
        drop(dataset);
        assert_eq!(files(), 0, "its folder is gone");
    }
}

#[test]
fn a_dataset_that_is_let_go_is_made_again_and_takes_no_room() {
    let (dataset, made, all) = dataset(&engine(), ROOM);
    dataset.persist(StorageLevel::MemoryOnly).expect("it is not kept yet");
    assert_eq!(collected(&dataset), all);
    let expected = "the dataset is kept as MEMORY_ONLY, asked for is DISK_ONLY: `unpersist` it \
                    first";
    let other = dataset.persist(StorageLevel::DiskOnly).map(|_| ());
    assert_eq!(failure(other), expected);
    dataset.persist(StorageLevel::MemoryOnly).expect("it is its level");
    dataset.unpersist();
    assert_eq!(dataset.storage(), None);
    made.rows();
    assert_eq!(collected(&dataset), all);
    assert_eq!(made.rows(), all.len());
    dataset.persist(StorageLevel::DiskOnly).expect("it is not kept any more");
    dataset.unpersist();
}

/// The story: `take` makes some partitions only. What it left out was kept as if it were empty.
#[test]
fn partitions_that_an_action_leaves_out_are_not_kept_empty() {
    let (dataset, _, all) = dataset(&engine(), ROOM);
    dataset.persist(StorageLevel::MemoryOnly).expect("it is not kept yet");
    assert_eq!(values(&dataset.take(3).expect("they are made")), &all[..3]);
    let storage = dataset.storage().expect("it is to be kept");
    assert_eq!((storage.partitions, storage.kept.partitions), (None, 1));
    assert_eq!(collected(&dataset), all);
    assert_eq!(dataset.storage().map(|storage| storage.partitions), Some(Some(8)));
}

#[test]
fn a_dataset_on_the_way_to_another_is_kept() {
    let (dataset, made, all) = dataset(&engine(), ROOM);
    dataset.persist(StorageLevel::MemoryOnlySer).expect("it is not kept yet");
    let (keyed, twice) = (dataset.key_by(&["value"]), dataset.union(&dataset));
    assert_eq!(keyed.repartition(2).count().expect("it is made"), 8_192);
    assert_eq!(twice.count().expect("it is made"), 16_384);
    assert_eq!(made.rows(), all.len());
}

/// The story: what a killed process had spilled stayed on disk until somebody removed it by hand.
#[test]
fn what_a_killed_process_has_spilled_goes_when_the_next_one_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let spill = folder.path().join("spill");
    for name in ["00", "01"] {
        std::fs::create_dir_all(spill.join(name)).expect("there is room");
        std::fs::write(spill.join(name).join("00000000.arrows"), "x").expect("there is room");
    }
    std::fs::write(spill.join("00.held"), "").expect("there is room");
    let held = SystemStorage.hold(&spill.join("01.held")).expect("its folder is there");
    let start = || {
        let config = EngineConfig::new(folder.path().to_owned(), Compiler::InProcess);
        Engine::start(EngineConfig { executors: 1, ..config }).expect("an engine starts")
    };
    let left = || -> Vec<String> {
        let names = std::fs::read_dir(&spill).expect("it is there");
        let names = names.map(|entry| entry.expect("it is there").file_name());
        let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
        names.sort_unstable();
        names
    };
    let engine = start();
    assert_eq!(left(), ["01", "01.held"], "another process holds it");
    let (dataset, _, all) = dataset(&engine, 64 * 1024 * 1024);
    dataset.persist(StorageLevel::DiskOnly).expect("it is not kept yet");
    assert_eq!(collected(&dataset), all);
    assert_eq!(left().len(), 4, "{:?}", left());
    let _other = start();
    assert_eq!(collected(&dataset), all, "what is held stays");
    drop((dataset, held));
    let _third = start();
    assert_eq!(left(), Vec::<String>::new());
}
