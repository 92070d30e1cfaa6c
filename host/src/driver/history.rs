//! Driver: datasets of earlier batches, for windows that read them and programs that ask.
//!
//! Takes the datasets of a batch that has succeeded, partition by partition as its tasks make them.
//! Gives them to later batches, until no window reaches them any more; a batch that failed leaves
//! an empty one. Never keeps what nobody reads, and never loses what a window does: its blocks are
//! gone, so what memory has no room for goes to disk.

mod made_again;

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
use crate::model::stage::{JobPlan, Span, Stage, StageInput};
use crate::model::storage_level::StorageLevel;
use crate::model::time::BatchTime;
pub use made_again::MadeAgain;

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
    /// Its slices.
    ///
    /// # Errors
    /// When it is kept and cannot be read.
    pub fn read(&self) -> Result<Vec<RecordBatch>, TaskError> {
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
        let one = |partition, slices: &Vec<RecordBatch>| {
            let key = PartitionKey { partition, ..self.key };
            self.store.put(key, self.level, slices.clone())
        };
        let put = || match &attempted.output {
            TaskOutput::Dataset(slices) => one(self.key.partition, slices),
            TaskOutput::Apart(partitions) => {
                (0..).zip(partitions).try_for_each(|(number, slices)| one(number, slices))
            }
            TaskOutput::MapOutput(_) => Ok(()),
        };
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
    stages: Vec<Kept>,
    /// What code the rows of each stage must have been made by to be seen.
    codes: Vec<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By time, and by the code that has made them: a swap leaves those of the old version, for the
    /// case that the job goes back, and may make others beside them.
    datasets: BTreeMap<(BatchTime, u64), KeptDataset>,
    /// The newest that was let go.
    forgotten: Option<BatchTime>,
    /// Whether its windows are made of the ones before.
    slides: bool,
}

/// The code of a dataset that nobody made: past all others.
const NOBODY: u64 = u64::MAX;

#[derive(Debug, Clone, Copy)]
struct KeptDataset {
    id: DatasetId,
    partitions: usize,
    /// What code has made it; an empty one of a batch that was given up is nobody's.
    code: Option<u64>,
}

impl History {
    /// Nothing remembered yet; it will be in that store.
    pub fn new(plan: &JobPlan, store: Arc<dyn PartitionStore>) -> Self {
        let slides = |input: &StageInput| match input {
            StageInput::Keyed(keyed) => {
                keyed.reads.iter().any(|read| matches!(read.span, Span::Sliding(_)))
            }
            _ => false,
        };
        let kept = plan.stages.iter();
        let kept = kept.map(|stage| Kept { slides: slides(&stage.input), ..Kept::default() });
        let codes = vec![0; plan.stages.len()];
        Self { store, stages: kept.collect(), codes }
    }

    /// From now on, datasets that other code has made are kept and not seen: no batch reads rows of
    /// two versions of a plugin. Batches that read earlier ones run one after the other.
    pub fn seen_by(&mut self, codes: &[u64]) {
        codes.clone_into(&mut self.codes);
    }

    /// Whether the plan has anything to remember.
    pub fn is_needed(plan: &JobPlan) -> bool {
        plan.stages.iter().any(|stage| !stage.remember.is_zero())
    }

    /// Whether batches read datasets of earlier ones: they run one after the other then.
    pub fn is_read(plan: &JobPlan) -> bool {
        plan.stages.iter().any(|stage| match &stage.input {
            StageInput::Window { .. } => true,
            StageInput::Keyed(keyed) => keyed.reads.iter().any(|read| read.span != Span::Batch),
            _ => false,
        })
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
        Some(Keeper { store: Arc::clone(&self.store), key, level: level_of(stage) })
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
        let stages = plan.stages.iter().zip(&self.codes);
        for ((stage, code), kept) in stages.zip(&mut self.stages) {
            let Some(&id) = keeps.get(&stage.id) else { continue };
            if let Some(partitions) = partitions_of(stage.id) {
                let dataset = KeptDataset { id, partitions, code: Some(*code) };
                kept.datasets.insert((time, *code), dataset);
            }
            kept.forget(&*self.store, time.before(stage.remember));
        }
    }

    /// Keeps an empty dataset for a batch that was given up, at each stage that would have had one.
    /// A window that is made of the one before has none to go on from: the next is made anew.
    pub fn keep_empty(&mut self, plan: &JobPlan, time: BatchTime) {
        for (stage, kept) in plan.stages.iter().zip(&mut self.stages) {
            if stage.remember.is_zero() {
                continue;
            }
            if time.is_multiple_of(stage.slide) && !kept.slides {
                let id = self.store.new_dataset();
                let dataset = KeptDataset { id, partitions: 0, code: None };
                kept.datasets.insert((time, NOBODY), dataset);
            }
            kept.forget(&*self.store, time.before(stage.remember));
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
        let at = self.stages[stage.0].datasets.range((time, 0)..=(time, NOBODY));
        let dataset = at.map(|(_, dataset)| dataset).find(|dataset| self.sees(stage, dataset))?;
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
            for dataset in kept.datasets.values() {
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
        let range = (Bound::Excluded((after, NOBODY)), Bound::Included((to, NOBODY)));
        let range = (after < to).then(|| self.stages[stage.0].datasets.range(range));
        let kept = range.into_iter().flatten().map(|(_, dataset)| dataset);
        kept.filter(move |dataset| self.sees(stage, dataset))
    }

    fn sees(&self, stage: StageId, dataset: &KeptDataset) -> bool {
        dataset.code.is_none_or(|code| code == self.codes[stage.0])
    }

    /// The newest dataset of a stage that was remembered once.
    pub fn forgotten(&self, stage: StageId) -> Option<BatchTime> {
        self.stages[stage.0].forgotten
    }

    /// The datasets of a stage from one time to another, both included.
    pub fn from_to(
        &self,
        stage: StageId,
        from: BatchTime,
        to: BatchTime,
    ) -> Vec<(BatchTime, Vec<HeldPartition>)> {
        if from > to {
            return Vec::new();
        }
        let held = |dataset: &KeptDataset| -> Vec<HeldPartition> {
            (0..dataset.partitions).filter_map(|number| self.held(dataset, number)).collect()
        };
        let found = self.stages[stage.0].datasets.range((from, 0)..=(to, NOBODY));
        let mut by_time: BTreeMap<BatchTime, &KeptDataset> = BTreeMap::new();
        for ((time, _), dataset) in found {
            // Of two versions' the one that batches see now.
            if self.sees(stage, dataset) || !by_time.contains_key(time) {
                by_time.insert(*time, dataset);
            }
        }
        by_time.into_iter().map(|(time, dataset)| (time, held(dataset))).collect()
    }
}

/// How a stage's datasets are kept: what windows read is never dropped.
fn level_of(stage: &Stage) -> StorageLevel {
    stage.level.unwrap_or(StorageLevel::OF_STREAMS).with_disk()
}

impl Kept {
    fn forget(&mut self, store: &dyn PartitionStore, up_to: BatchTime) {
        while let Some(entry) = self.datasets.first_entry().filter(|entry| entry.key().0 <= up_to) {
            self.forgotten = Some(entry.key().0);
            store.remove(entry.remove().id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::block::budget::BlockBudget;
    use crate::block::store::KeptPartitions;
    use crate::model::id::SourceId;
    use crate::model::stage::{Gather, KeyedInput, Read, Stage, WithoutParent};

    use crate::sys::storage_memory::MemoryStorage;

    const SECOND: Duration = Duration::from_secs(1);

    fn stage(id: usize, input: StageInput, slide: u32, remember: u32) -> Stage {
        let (slide, remember) = (SECOND * slide, SECOND * remember);
        let without_parent = WithoutParent::Runs;
        Stage { slide, remember, without_parent, ..Stage::sample(id, input) }
    }

    fn history(plan: &JobPlan) -> History {
        let budget = BlockBudget::new(1 << 20);
        let storage = Arc::new(MemoryStorage::new());
        let store = KeptPartitions::new(budget, 1 << 20, storage, Path::new("/spill"));
        History::new(plan, Arc::new(store))
    }

    fn window(from: usize, length: u32) -> StageInput {
        StageInput::Window { from: StageId(from), length: SECOND * length }
    }

    fn plan(stages: Vec<Stage>) -> JobPlan {
        JobPlan { stages, sinks: Vec::new() }
    }

    /// Seconds of the datasets that a stage has kept.
    fn kept(history: &History, stage: usize) -> Vec<i64> {
        history.stages[stage].datasets.keys().map(|(time, _)| time.0 / 1000).collect()
    }

    /// Case D01 of Spark's suites: ten batches, remember 3 s, then a window (2 s, 1 s) and one of
    /// it (4 s, 2 s). Spark's streams remember what their children remember on top of windows,
    /// since they compute those anew; here datasets are kept as they are, each as long as a window
    /// or the program needs it.
    #[test]
    fn each_stage_keeps_what_windows_and_the_program_need() {
        let plan = plan(vec![
            stage(0, StageInput::Source(SourceId(0)), 1, 3),
            stage(1, window(0, 2), 1, 4),
            stage(2, window(1, 4), 2, 3),
        ]);
        let mut history = history(&plan);
        for second in 1..=10 {
            let time = BatchTime(second * 1000);
            let there = |id: StageId| time.is_multiple_of(plan.stages[id.0].slide);
            let keeps = history.begin(&plan);
            history.keep(&plan, time, &keeps, |id| there(id).then_some(0));
        }
        assert_eq!(kept(&history, 0), [8, 9, 10]);
        assert_eq!(kept(&history, 1), [7, 8, 9, 10]);
        assert_eq!(kept(&history, 2), [8, 10]);
        assert_eq!(history.forgotten(StageId(2)), Some(BatchTime(6000)));
    }

    #[test]
    fn datasets_of_other_code_are_kept_and_not_seen() {
        let plan = plan(vec![stage(0, StageInput::Source(SourceId(0)), 1, 9)]);
        let mut history = history(&plan);
        let seen =
            |history: &History| history.partitions(StageId(0), BatchTime(0), BatchTime(9000));
        for (second, code) in [(1, 0), (2, 7), (3, 7)] {
            history.seen_by(&[code]);
            let keeps = history.begin(&plan);
            history.keep(&plan, BatchTime(second * 1000), &keeps, |_| Some(1));
        }
        assert_eq!(seen(&history), 2);
        assert!(history.at(StageId(0), 0, BatchTime(1000)).is_none());
        history.seen_by(&[0]);
        assert_eq!((seen(&history), kept(&history, 0).len()), (1, 3));
        assert!(history.at(StageId(0), 0, BatchTime(1000)).is_some());
    }

    /// A swap makes a window's datasets again; who goes back finds the old ones.
    #[test]
    fn datasets_that_are_made_again_lie_beside_the_old_ones() {
        let plan = plan(vec![stage(0, StageInput::Source(SourceId(0)), 1, 9)]);
        let mut history = history(&plan);
        for second in [1, 2] {
            let keeps = history.begin(&plan);
            history.keep(&plan, BatchTime(second * 1000), &keeps, |_| Some(1));
        }
        let again = |second: i64| MadeAgain {
            stage: StageId(0),
            time: BatchTime(second * 1000),
            id: history.store.new_dataset(),
            partitions: 3,
        };
        let made = vec![again(1), again(2)];
        history.add_made_again(made, &[7]);
        let seen = |history: &History| {
            let datasets = history.from_to(StageId(0), BatchTime(0), BatchTime(9000)).len();
            (history.partitions(StageId(0), BatchTime(0), BatchTime(9000)), datasets)
        };
        assert_eq!(seen(&history), (2, 2), "one partition each");
        history.seen_by(&[7]);
        assert_eq!(seen(&history), (6, 2), "three each");
    }

    #[test]
    fn a_batch_that_was_given_up_leaves_an_empty_dataset() {
        let read = Read { from: StageId(0), span: Span::Sliding(2 * SECOND) };
        let gather = Gather::Append;
        let keyed = KeyedInput { reads: vec![read], partitions: 1, gather };
        let plan = plan(vec![
            stage(0, StageInput::Source(SourceId(0)), 2, 4),
            stage(1, StageInput::Keyed(keyed), 2, 2),
        ]);
        let mut history = history(&plan);
        (2..=8).for_each(|second| history.keep_empty(&plan, BatchTime(second * 1000)));
        assert_eq!(kept(&history, 0), [6, 8], "on its grid, and no longer than others");
        // A window cannot be made of an empty one before: something has left that one, too.
        assert!(kept(&history, 1).is_empty());
    }
}
