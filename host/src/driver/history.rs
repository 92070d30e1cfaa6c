//! Driver: datasets of earlier batches, for windows that read them.
//!
//! Takes the datasets of a batch that has succeeded. Gives them to later batches, until no window
//! reaches them any more. Never keeps what no window reads.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::model::id::StageId;
use crate::model::stage::JobPlan;
use crate::model::time::BatchTime;

/// A partition of a dataset; several stages, sinks and later batches may read it.
pub type DatasetPartition = Arc<Vec<RecordBatch>>;

/// The datasets that are remembered, by stage and time.
#[derive(Debug)]
pub struct History {
    stages: Vec<BTreeMap<BatchTime, Vec<DatasetPartition>>>,
}

impl History {
    /// Nothing remembered yet.
    pub fn new(plan: &JobPlan) -> Self {
        Self { stages: plan.stages.iter().map(|_| BTreeMap::new()).collect() }
    }

    /// Whether the plan has anything to remember: its batches run one after the other then.
    pub fn is_needed(plan: &JobPlan) -> bool {
        plan.stages.iter().any(|stage| !stage.remember.is_zero())
    }

    /// Keeps what later batches may read of a batch that has succeeded, and lets go of what none
    /// will.
    pub fn keep<'a>(
        &mut self,
        plan: &JobPlan,
        time: BatchTime,
        dataset_of: impl Fn(StageId) -> Option<&'a [DatasetPartition]>,
    ) {
        for (stage, kept) in plan.stages.iter().zip(&mut self.stages) {
            if stage.remember.is_zero() {
                continue;
            }
            if let Some(partitions) = dataset_of(stage.id) {
                kept.insert(time, partitions.to_vec());
            }
            let forgotten = time.before(stage.remember);
            while kept.first_key_value().is_some_and(|(time, _)| *time <= forgotten) {
                kept.pop_first();
            }
        }
    }

    /// The dataset of a stage at a time.
    pub fn at(&self, stage: StageId, time: BatchTime) -> Option<&[DatasetPartition]> {
        self.stages[stage.0].get(&time).map(Vec::as_slice)
    }

    /// The datasets of a stage after one time and up to another, the oldest first.
    pub fn between(
        &self,
        stage: StageId,
        after: BatchTime,
        to: BatchTime,
    ) -> impl Iterator<Item = &[DatasetPartition]> {
        let range = (Bound::Excluded(after), Bound::Included(to));
        let range = (after < to).then(|| self.stages[stage.0].range(range));
        range.into_iter().flatten().map(|(_, partitions)| partitions.as_slice())
    }

    /// The slices of one partition in all of these datasets.
    pub fn partition(
        &self,
        stage: StageId,
        partition: usize,
        after: BatchTime,
        to: BatchTime,
    ) -> Vec<RecordBatch> {
        let partitions = self.between(stage, after, to).filter_map(|all| all.get(partition));
        partitions.flat_map(|slices| slices.iter().cloned()).collect()
    }
}
