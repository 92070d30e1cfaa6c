//! Driver: datasets of earlier batches, for windows that read them and programs that ask.
//!
//! Takes the datasets of a batch that has succeeded. Gives them to later batches, until no window
//! reaches them any more. Never keeps what nobody reads: a batch that failed leaves an empty one.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::model::id::StageId;
use crate::model::stage::{JobPlan, Span, StageInput};
use crate::model::time::BatchTime;

/// A partition of a dataset; several stages, sinks and later batches may read it.
pub type DatasetPartition = Arc<Vec<RecordBatch>>;

/// The datasets that are remembered, by stage and time.
#[derive(Debug)]
pub struct History {
    stages: Vec<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    datasets: BTreeMap<BatchTime, Vec<DatasetPartition>>,
    /// The newest that was let go.
    forgotten: Option<BatchTime>,
    /// Whether its windows are made of the ones before.
    slides: bool,
}

impl History {
    /// Nothing remembered yet.
    pub fn new(plan: &JobPlan) -> Self {
        let slides = |input: &StageInput| match input {
            StageInput::Keyed(keyed) => {
                keyed.reads.iter().any(|read| matches!(read.span, Span::Sliding(_)))
            }
            _ => false,
        };
        let kept = plan.stages.iter();
        let kept = kept.map(|stage| Kept { slides: slides(&stage.input), ..Kept::default() });
        Self { stages: kept.collect() }
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
                kept.datasets.insert(time, partitions.to_vec());
            }
            kept.forget(time.before(stage.remember));
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
                kept.datasets.insert(time, Vec::new());
            }
            kept.forget(time.before(stage.remember));
        }
    }

    /// The dataset of a stage at a time.
    pub fn at(&self, stage: StageId, time: BatchTime) -> Option<&[DatasetPartition]> {
        self.stages[stage.0].datasets.get(&time).map(Vec::as_slice)
    }

    /// The datasets of a stage after one time and up to another, the oldest first.
    pub fn between(
        &self,
        stage: StageId,
        after: BatchTime,
        to: BatchTime,
    ) -> impl Iterator<Item = &[DatasetPartition]> {
        let range = (Bound::Excluded(after), Bound::Included(to));
        let range = (after < to).then(|| self.stages[stage.0].datasets.range(range));
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
    ) -> Vec<(BatchTime, Vec<Vec<RecordBatch>>)> {
        if from > to {
            return Vec::new();
        }
        let owned = |partitions: &[DatasetPartition]| {
            partitions.iter().map(|slices| slices.to_vec()).collect()
        };
        let found = self.stages[stage.0].datasets.range(from..=to);
        found.map(|(time, partitions)| (*time, owned(partitions))).collect()
    }
}

impl Kept {
    fn forget(&mut self, up_to: BatchTime) {
        while let Some(entry) = self.datasets.first_entry().filter(|entry| *entry.key() <= up_to) {
            self.forgotten = Some(*entry.key());
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::id::SourceId;
    use crate::model::schema::StreamSchema;
    use crate::model::stage::{Gather, KeyedInput, Read, Stage, StageOutput, WithoutParent};

    const SECOND: Duration = Duration::from_secs(1);

    fn stage(id: usize, input: StageInput, slide: u32, remember: u32) -> Stage {
        Stage {
            id: StageId(id),
            stream: "s".to_owned(),
            input,
            slide: SECOND * slide,
            remember: SECOND * remember,
            without_parent: WithoutParent::Runs,
            input_schema: StreamSchema::default(),
            steps: Vec::new(),
            output: StageOutput::Dataset,
        }
    }

    fn window(from: usize, length: u32) -> StageInput {
        StageInput::Window { from: StageId(from), length: SECOND * length }
    }

    fn plan(stages: Vec<Stage>) -> JobPlan {
        JobPlan { stages, sinks: Vec::new() }
    }

    /// Seconds of the datasets that a stage has kept.
    fn kept(history: &History, stage: usize) -> Vec<i64> {
        history.stages[stage].datasets.keys().map(|time| time.0 / 1000).collect()
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
        let mut history = History::new(&plan);
        for second in 1..=10 {
            let time = BatchTime(second * 1000);
            let there = |id: StageId| time.is_multiple_of(plan.stages[id.0].slide);
            history.keep(&plan, time, |id| there(id).then_some(&[][..]));
        }
        assert_eq!(kept(&history, 0), [8, 9, 10]);
        assert_eq!(kept(&history, 1), [7, 8, 9, 10]);
        assert_eq!(kept(&history, 2), [8, 10]);
        assert_eq!(history.forgotten(StageId(2)), Some(BatchTime(6000)));
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
        let mut history = History::new(&plan);
        (2..=8).for_each(|second| history.keep_empty(&plan, BatchTime(second * 1000)));
        assert_eq!(kept(&history, 0), [6, 8], "on its grid, and no longer than others");
        // A window cannot be made of an empty one before: something has left that one, too.
        assert!(kept(&history, 1).is_empty());
    }
}
