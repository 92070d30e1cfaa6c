//! Driver: datasets of earlier batches, for windows that read them.
//!
//! Takes the datasets of a batch that has succeeded, partition by partition as its tasks make them.
//! Gives them to later batches, until no window reaches them any more. Never keeps what no window
//! reads, and never loses what one does: its blocks are gone, so what memory has no room for goes
//! to disk.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::error::{Classify, Domain, Retry, panic_message};
use crate::exec::attempt::TaskOutput;
use crate::exec::executor::{TaskInput, TaskResult};
use crate::exec::task_error::TaskError;
use crate::model::id::StageId;
use crate::model::partition_store::{
    DatasetId, PartitionKey, PartitionStore, StoreError, StoredPartition, StoredSizes,
};
use crate::model::stage::{JobPlan, Stage};
use crate::model::storage_level::StorageLevel;
use crate::model::time::BatchTime;

/// A partition of a dataset; several stages, sinks and later batches may read it.
pub type DatasetPartition = Arc<Vec<RecordBatch>>;

/// A partition that a task reads, which costs its core where it is kept as bytes.
#[derive(Debug, Clone)]
pub enum HeldPartition {
    /// Made in this batch.
    Made(DatasetPartition),
    /// Kept since an earlier one; `None`: it is not there, which must not be.
    Kept(Option<Arc<dyn StoredPartition>>),
}

impl HeldPartition {
    fn read(&self) -> Result<Vec<RecordBatch>, TaskError> {
        match self {
            Self::Made(slices) => Ok(slices.to_vec()),
            Self::Kept(Some(stored)) => stored.read().map_err(|error| failed(&error)),
            Self::Kept(None) => Err(TaskError::Input {
                input: "a kept partition".to_owned(),
                message: "it was let go of before its window".to_owned(),
                domain: Domain::Internal,
                retry: Retry::Never,
            }),
        }
    }
}

/// Reads what a task reads.
///
/// # Errors
/// When a kept partition cannot be read.
pub fn read(input: &[Vec<HeldPartition>]) -> Result<TaskInput, TaskError> {
    let run = |run: &Vec<HeldPartition>| {
        let read: Result<Vec<_>, _> = run.iter().map(HeldPartition::read).collect();
        read.map(|slices| slices.concat())
    };
    input.iter().map(run).collect()
}

fn failed(error: &StoreError) -> TaskError {
    TaskError::Input {
        input: "a kept partition".to_owned(),
        message: error.to_string(),
        domain: error.domain(),
        retry: error.retry(),
    }
}

/// The datasets that a batch is to keep, by stage.
pub type BatchKeeps = BTreeMap<StageId, DatasetId>;

/// Keeps the partition that a task makes.
#[derive(Debug)]
pub struct Keeper {
    store: Arc<dyn PartitionStore>,
    key: PartitionKey,
    level: StorageLevel,
}

impl Keeper {
    /// Keeps what the task made, on the thread on which it did. A partition that cannot be kept
    /// fails it.
    pub fn keep(&self, mut result: TaskResult) -> TaskResult {
        let Ok(attempted) = &result.outcome else { return result };
        let TaskOutput::Dataset(slices) = &attempted.output else { return result };
        let put = || self.store.put(self.key, self.level, slices.clone());
        match catch_unwind(AssertUnwindSafe(put)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => result.outcome = Err(failed(&error)),
            Err(panic) => result.outcome = Err(TaskError::Panic(panic_message(&*panic))),
        }
        result
    }
}

/// The datasets that are remembered, by stage and time.
#[derive(Debug)]
pub struct History {
    store: Arc<dyn PartitionStore>,
    stages: Vec<BTreeMap<BatchTime, KeptDataset>>,
}

#[derive(Debug, Clone, Copy)]
struct KeptDataset {
    id: DatasetId,
    partitions: usize,
}

impl History {
    /// Nothing remembered yet; it will be in that store.
    pub fn new(plan: &JobPlan, store: Arc<dyn PartitionStore>) -> Self {
        Self { store, stages: plan.stages.iter().map(|_| BTreeMap::new()).collect() }
    }

    /// Whether the plan has anything to remember: its batches run one after the other then.
    pub fn is_needed(plan: &JobPlan) -> bool {
        plan.stages.iter().any(|stage| !stage.remember.is_zero())
    }

    /// The datasets that a batch which begins will keep.
    pub fn begin(&self, plan: &JobPlan) -> BatchKeeps {
        let remembered = plan.stages.iter().filter(|stage| !stage.remember.is_zero());
        remembered.map(|stage| (stage.id, self.store.new_dataset())).collect()
    }

    /// What keeps a partition of a stage, if the batch keeps its dataset.
    pub fn keeper(&self, keeps: &BatchKeeps, stage: &Stage, partition: usize) -> Option<Keeper> {
        let dataset = *keeps.get(&stage.id)?;
        let key = PartitionKey { dataset, partition };
        let level = stage.level.unwrap_or(StorageLevel::OF_STREAMS).with_disk();
        Some(Keeper { store: Arc::clone(&self.store), key, level })
    }

    /// Remembers what a batch that has succeeded has kept, `None` standing for a stage without a
    /// dataset, and lets go of what no later batch will read.
    pub fn keep(
        &mut self,
        plan: &JobPlan,
        time: BatchTime,
        keeps: &BatchKeeps,
        partitions_of: impl Fn(StageId) -> Option<usize>,
    ) {
        for (stage, kept) in plan.stages.iter().zip(&mut self.stages) {
            let Some(&id) = keeps.get(&stage.id) else { continue };
            if let Some(partitions) = partitions_of(stage.id) {
                kept.insert(time, KeptDataset { id, partitions });
            }
            let forgotten = time.before(stage.remember);
            while let Some(oldest) = kept.first_entry().filter(|e| *e.key() <= forgotten) {
                self.store.remove(oldest.remove().id);
            }
        }
    }

    /// Lets go of what a batch that has failed has kept.
    pub fn give_up(&self, keeps: &BatchKeeps) {
        keeps.values().for_each(|dataset| self.store.remove(*dataset));
    }

    /// A partition of a stage's dataset at a time; `None` when there is no such dataset. A dataset
    /// has no more partitions than it was made with.
    pub fn at(
        &self,
        stage: StageId,
        partition: usize,
        time: BatchTime,
    ) -> Option<Vec<HeldPartition>> {
        let dataset = self.stages[stage.0].get(&time)?;
        Some(self.held(dataset, partition).into_iter().collect())
    }

    /// How many partitions the datasets of a stage have after one time and up to another.
    pub fn partitions(&self, stage: StageId, after: BatchTime, to: BatchTime) -> usize {
        self.between(stage, after, to).map(|dataset| dataset.partitions).sum()
    }

    /// The partition of that number among all of these datasets', the oldest dataset's first.
    pub fn numbered(
        &self,
        stage: StageId,
        mut number: usize,
        after: BatchTime,
        to: BatchTime,
    ) -> Option<HeldPartition> {
        for dataset in self.between(stage, after, to) {
            if number < dataset.partitions {
                return self.held(dataset, number);
            }
            number -= dataset.partitions;
        }
        None
    }

    /// One partition in each of these datasets, the oldest first.
    pub fn partition(
        &self,
        stage: StageId,
        partition: usize,
        after: BatchTime,
        to: BatchTime,
    ) -> Vec<HeldPartition> {
        self.between(stage, after, to).filter_map(|dataset| self.held(dataset, partition)).collect()
    }

    /// What is kept of each stream.
    pub fn sizes(&self, plan: &JobPlan) -> BTreeMap<String, StoredSizes> {
        let mut sizes: BTreeMap<String, StoredSizes> = BTreeMap::new();
        for (stage, kept) in plan.stages.iter().zip(&self.stages) {
            for dataset in kept.values() {
                let of_stream = sizes.entry(stage.stream.clone()).or_default();
                *of_stream = *of_stream + self.store.sizes(dataset.id);
            }
        }
        sizes
    }

    fn held(&self, dataset: &KeptDataset, partition: usize) -> Option<HeldPartition> {
        let key = PartitionKey { dataset: dataset.id, partition };
        (partition < dataset.partitions).then(|| HeldPartition::Kept(self.store.get(key)))
    }

    fn between(
        &self,
        stage: StageId,
        after: BatchTime,
        to: BatchTime,
    ) -> impl Iterator<Item = &KeptDataset> {
        let range = (Bound::Excluded(after), Bound::Included(to));
        let range = (after < to).then(|| self.stages[stage.0].range(range));
        range.into_iter().flatten().map(|(_, dataset)| dataset)
    }
}
