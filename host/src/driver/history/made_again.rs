//! Driver: datasets of earlier batches that other code has made again.
//!
//! Takes them from a history in which they were made. Gives them to the job's, beside those that
//! its own batches have made. Never replaces one of those: a job that goes back finds them.

use arrow_array::RecordBatch;

use super::{History, KeptDataset, NOBODY, level_of};
use crate::model::id::StageId;
use crate::model::partition_store::{DatasetId, PartitionKey, StoreError};
use crate::model::stage::Stage;
use crate::model::time::BatchTime;

/// A dataset of a batch that has ended, made again by other code. It lies in the job's store.
#[derive(Debug, Clone, Copy)]
pub struct MadeAgain {
    /// Whose.
    pub stage: StageId,
    /// The batch.
    pub time: BatchTime,
    /// Its name in the store.
    pub id: DatasetId,
    /// Its partitions.
    pub partitions: usize,
}

impl History {
    /// Keeps a partition that was made elsewhere than in a task of the job.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn put(
        &self,
        dataset: DatasetId,
        stage: &Stage,
        partition: usize,
        slices: &[RecordBatch],
    ) -> Result<(), StoreError> {
        self.store.put(PartitionKey { dataset, partition }, level_of(stage), slices.to_vec())
    }

    /// Hands over the datasets that code has made of a stage after a time.
    pub fn take(&mut self, stage: StageId, after: BatchTime) -> Vec<MadeAgain> {
        let all = &mut self.stages[stage.0].datasets;
        let later = all.split_off(&(after, NOBODY));
        let made = later.into_iter().filter(|(_, dataset)| dataset.code.is_some());
        let again = |((time, _), KeptDataset { id, partitions, .. })| MadeAgain {
            stage,
            time,
            id,
            partitions,
        };
        made.map(again).collect()
    }

    /// Lets go of everything.
    pub fn clear(&mut self) {
        for kept in &mut self.stages {
            let all = std::mem::take(&mut kept.datasets);
            all.values().for_each(|dataset| self.store.remove(dataset.id));
        }
    }

    /// Remembers datasets that code of these numbers has made of batches that have ended.
    pub fn add_made_again(&mut self, made: Vec<MadeAgain>, codes: &[u64]) {
        for MadeAgain { stage, time, id, partitions } in made {
            let (code, kept) = (codes[stage.0], &mut self.stages[stage.0]);
            if kept.forgotten.is_some_and(|forgotten| time <= forgotten) {
                self.store.remove(id);
                continue;
            }
            let dataset = KeptDataset { id, partitions, code: Some(code) };
            if let Some(before) = kept.datasets.insert((time, code), dataset) {
                self.store.remove(before.id);
            }
        }
    }

    /// Lets go of datasets that nobody will read.
    pub fn give_up_made_again(&self, made: &[MadeAgain]) {
        made.iter().for_each(|made| self.store.remove(made.id));
    }
}
