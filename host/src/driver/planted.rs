//! Driver: faults that a test plants in a job, to show that it would notice them.
//!
//! Takes the name of a fault. Gives its effect on batches that run other versions than the job
//! began with. Never reachable from a job file, an argument or a request.

use std::sync::atomic::{AtomicU8, Ordering};

use super::history::DatasetPartition;

/// A fault. Batches on the versions that a job begins with are spared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantedFault {
    /// The first task of each stage runs the version before its batch's.
    MixedVersions,
    /// The last partition with rows of each output is not published.
    LostRows,
    /// The last partition with rows of each output is published twice.
    RepeatedRows,
    /// Nobody is told of versions, as where a listener is so slow that its events are dropped.
    UntoldVersions,
}

/// The fault of one job, if it has any.
#[derive(Debug, Default)]
pub(super) struct Planted(AtomicU8);

impl Planted {
    pub(super) fn plant(&self, fault: PlantedFault) {
        self.0.store(1 + fault as u8, Ordering::Relaxed);
    }

    pub(super) fn is(&self, fault: PlantedFault) -> bool {
        self.0.load(Ordering::Relaxed) == 1 + fault as u8
    }

    /// Spoils what is about to be published.
    pub(super) fn spoil(&self, datasets: &mut [Option<Vec<DatasetPartition>>]) {
        let has_rows =
            |partition: &DatasetPartition| partition.iter().any(|slice| slice.num_rows() > 0);
        for dataset in datasets.iter_mut().flatten() {
            let Some(last) = dataset.iter().rposition(has_rows) else { continue };
            if self.is(PlantedFault::LostRows) {
                dataset.remove(last);
            } else if self.is(PlantedFault::RepeatedRows) {
                dataset.push(dataset[last].clone());
            }
        }
    }
}
