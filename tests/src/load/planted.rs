//! The harness proves itself: each fault that is planted makes its own counter rise, and no other.

use tidemill::driver::planted::PlantedFault;

use super::rig::Load;
use crate::control::rig::Rig;
use crate::swap::rig::version;

/// Runs under load with a fault planted before a swap. Gives lost, repeated and mixed.
fn counted(fault: PlantedFault) -> [usize; 3] {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let load = Load::start(&rig, folder.path(), "spoilt", (&version(1, "honestly"), ""));
    rig.jobs.get("spoilt").expect("it runs").plant(fault);
    load.swapped(&version(2, "honestly"));
    load.until(|standing| standing["watched_batches"].as_u64().is_some_and(|left| left < 95));
    let ledger = load.end().ledger;
    rig.end();
    [ledger.lost.len(), ledger.repeated.len(), ledger.mixed]
}

#[test]
fn broken_boundary_is_seen_as_mixed_versions() {
    let [lost, repeated, mixed] = counted(PlantedFault::MixedVersions);
    assert!(mixed > 0);
    assert_eq!([lost, repeated], [0, 0]);
}

#[test]
fn partitions_that_are_not_published_are_seen_as_lost_rows() {
    let [lost, repeated, mixed] = counted(PlantedFault::LostRows);
    assert!(lost > 0);
    assert_eq!([repeated, mixed], [0, 0]);
}

#[test]
fn partitions_that_are_published_twice_are_seen_as_repeated_rows() {
    let [lost, repeated, mixed] = counted(PlantedFault::RepeatedRows);
    assert!(repeated > 0);
    assert_eq!([lost, mixed], [0, 0]);
}
