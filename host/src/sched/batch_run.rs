//! Sched: the run of one batch through its stages.
//!
//! Takes the plan, the number of source partitions, each task's end, and what was lost. Gives the
//! tasks that have become ready. Never runs a stage before all its parents are done.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::error::Retry;
use crate::limits::STAGE_REOPENINGS_MAX;
use crate::model::id::{SourceId, StageId};
use crate::model::stage::{JobPlan, Stage, StageInput, WithoutParent};
use crate::model::time::BatchTime;

/// A task of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReadyTask {
    /// The stage.
    pub stage: StageId,
    /// The partition within it.
    pub partition: usize,
}

/// What is to be done about a failed task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Run it once more.
    Again(ReadyTask),
    /// The batch has failed.
    GiveUp,
}

/// What a run asks about what lies outside its stages.
pub trait Inputs {
    /// The partitions of a source in the batch; `None`: it has no dataset.
    fn of_source(&self, source: SourceId) -> Option<usize>;

    /// The partitions of a stage's datasets of earlier batches within a window that ends with
    /// this batch.
    fn of_earlier(&self, stage: StageId, length: Duration) -> usize;
}

/// A stage that needs a dataset its parent does not have in this batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "stream `{stream}` needs a dataset of stream `{parent}`, which has none in this batch (an \
     empty one would do)"
)]
pub struct MissingDataset {
    /// The stream that needs it.
    pub stream: String,
    /// The stream that has none.
    pub parent: String,
}

/// What a stage had made was lost again and again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "what stage {} of stream `{stream}` had made was lost {lost} times in a row, allowed are \
     {STAGE_REOPENINGS_MAX}",
    .stage.0
)]
pub struct LostAgain {
    /// The stage.
    pub stage: StageId,
    /// Its stream.
    pub stream: String,
    /// How often.
    pub lost: u32,
}

/// What the end of a task comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Whether its stage is done with it.
    pub stage_done: bool,
    /// Whether the task has never been done before: what it counted counts once.
    pub first: bool,
}

/// One batch on its way through the stages.
#[derive(Debug)]
pub struct BatchRun {
    time: BatchTime,
    stages: Vec<StageRun>,
    failures_max: u32,
}

#[derive(Debug, Default)]
struct StageRun {
    parents: Vec<StageId>,
    /// Known once all parents are done.
    tasks: Option<usize>,
    /// Partitions of its dataset, where one task makes several.
    made: Option<usize>,
    /// Tasks to hand out when all parents are done: at first all, later those whose work was lost
    /// or that found theirs lost.
    waiting: BTreeSet<usize>,
    left: usize,
    done: Vec<bool>,
    ever_done: Vec<bool>,
    failures: Vec<u32>,
    /// How often what it made was lost since a task that reads it was done.
    lost: u32,
    /// Whether it has no dataset in this batch.
    absent: bool,
}

impl StageRun {
    /// So many tasks; none: it has no dataset.
    fn open(&mut self, found: Option<usize>) {
        let tasks = found.unwrap_or(0);
        self.absent = found.is_none();
        self.tasks = Some(tasks);
        self.waiting = (0..tasks).collect();
        self.left = tasks;
        (self.done, self.ever_done) = (vec![false; tasks], vec![false; tasks]);
        self.failures = vec![0; tasks];
    }

    fn is_done(&self) -> bool {
        self.tasks.is_some() && self.left == 0
    }
}

impl BatchRun {
    /// A run of which nothing has been started.
    pub fn new(plan: &JobPlan, time: BatchTime, failures_max: u32) -> Self {
        let run =
            |stage: &Stage| StageRun { parents: stage.input.parents(), ..StageRun::default() };
        let stages = plan.stages.iter().map(run).collect();
        Self { time, stages, failures_max: failures_max.max(1) }
    }

    /// The tasks that can run now and have not been given before: at the start those of the
    /// sources, later those of stages whose parents are done. A task whose work was lost is given
    /// again.
    ///
    /// # Errors
    /// When a stage needs a dataset that is not there.
    pub fn ready(
        &mut self,
        plan: &JobPlan,
        inputs: &dyn Inputs,
    ) -> Result<Vec<ReadyTask>, MissingDataset> {
        let mut tasks = Vec::new();
        // Parents have lower numbers, so one pass sees a stage without partitions open the next.
        for (stage, planned) in plan.stages.iter().enumerate() {
            let run = &self.stages[stage];
            let blocked = run.parents.iter().any(|parent| !self.stages[parent.0].is_done());
            if blocked {
                continue;
            }
            if run.tasks.is_none() {
                let found = self.partitions_of(plan, planned, inputs)?;
                self.stages[stage].open(found);
            }
            let waiting = std::mem::take(&mut self.stages[stage].waiting);
            let stage = StageId(stage);
            tasks.extend(waiting.into_iter().map(|partition| ReadyTask { stage, partition }));
        }
        Ok(tasks)
    }

    /// The partitions of a stage whose parents are done; `None` when it has no dataset.
    fn partitions_of(
        &self,
        plan: &JobPlan,
        stage: &Stage,
        inputs: &dyn Inputs,
    ) -> Result<Option<usize>, MissingDataset> {
        if !self.time.is_multiple_of(stage.slide) {
            return Ok(None);
        }
        let parents = &self.stages[stage.id.0].parents;
        let missing = parents.iter().find(|parent| self.stages[parent.0].absent);
        match (missing, stage.without_parent) {
            (None, _) | (Some(_), WithoutParent::Runs) => {}
            (Some(_), WithoutParent::HasNone) => return Ok(None),
            (Some(parent), WithoutParent::Fails) => {
                let parent = plan.stages[parent.0].stream.clone();
                return Err(MissingDataset { stream: stage.stream.clone(), parent });
            }
        }
        let known = |stage: &StageId| {
            let run = &self.stages[stage.0];
            run.made.or(run.tasks).unwrap_or(0)
        };
        Ok(match &stage.input {
            StageInput::Source(source) => inputs.of_source(*source),
            StageInput::Keyed(keyed) => Some(keyed.partitions),
            StageInput::Datasets(from) => Some(from.iter().map(known).sum()),
            StageInput::Snapshots(from) => Some(known(from)),
            StageInput::Window { from, length } => {
                Some(inputs.of_earlier(*from, *length) + known(from))
            }
            StageInput::Transform(_) => Some(1),
        })
    }

    /// Notes that a task has done its work.
    pub fn finished(&mut self, task: ReadyTask) -> Finished {
        let run = &mut self.stages[task.stage.0];
        if !std::mem::replace(&mut run.done[task.partition], true) {
            run.left -= 1;
        }
        let first = !std::mem::replace(&mut run.ever_done[task.partition], true);
        let stage_done = run.left == 0;
        for parent in run.parents.clone() {
            self.stages[parent.0].lost = 0;
        }
        Finished { stage_done, first }
    }

    /// Whether a task has ever done its work, though that may be lost.
    pub fn was_done(&self, task: ReadyTask) -> bool {
        self.stages[task.stage.0].ever_done.get(task.partition).is_some_and(|done| *done)
    }

    /// Notes that the one task of a stage made so many partitions.
    pub fn made(&mut self, stage: StageId, partitions: usize) {
        self.stages[stage.0].made = Some(partitions);
    }

    /// Notes that what these tasks had made is lost, as `reader` found, which waits for it now; no
    /// reader: an output needs it. Only they are run again. Gives how many of them were not known
    /// to be lost.
    ///
    /// # Errors
    /// When a stage loses what it made too often in a row.
    pub fn lost(
        &mut self,
        plan: &JobPlan,
        reader: Option<ReadyTask>,
        lost: &[ReadyTask],
    ) -> Result<u32, LostAgain> {
        if let Some(ReadyTask { stage, partition }) = reader {
            self.stages[stage.0].waiting.insert(partition);
        }
        let mut news = 0;
        for ReadyTask { stage, partition } in lost {
            let run = &mut self.stages[stage.0];
            let partition = if run.made.is_some() { 0 } else { *partition };
            let was_done = run.is_done();
            if !run.done.get_mut(partition).is_some_and(std::mem::take) {
                continue;
            }
            run.left += 1;
            run.waiting.insert(partition);
            news += 1;
            // Further losses of a stage that is open again belong to the same round.
            run.lost += u32::from(was_done);
            if run.lost > STAGE_REOPENINGS_MAX {
                let stream = plan.stages[stage.0].stream.clone();
                return Err(LostAgain { stage: *stage, stream, lost: run.lost });
            }
        }
        Ok(news)
    }

    /// Decides about a failed task.
    pub fn failed(&mut self, task: ReadyTask, retry: Retry) -> Verdict {
        let failures = &mut self.stages[task.stage.0].failures[task.partition];
        *failures += 1;
        match retry {
            Retry::Backoff | Retry::Recompute if *failures < self.failures_max => {
                Verdict::Again(task)
            }
            _ => Verdict::GiveUp,
        }
    }

    /// Whether every stage is done.
    pub fn is_done(&self) -> bool {
        self.stages.iter().all(StageRun::is_done)
    }

    /// The tasks of a stage, once they are known.
    pub fn tasks_of(&self, stage: StageId) -> usize {
        self.stages[stage.0].tasks.unwrap_or(0)
    }

    /// Whether a stage has no dataset in this batch.
    pub fn is_absent(&self, stage: StageId) -> bool {
        self.stages[stage.0].absent
    }

    /// Tasks of the whole run that are known so far.
    pub fn tasks(&self) -> usize {
        self.stages.iter().filter_map(|stage| stage.tasks).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stage::{Gather, KeyedInput, Partitioner, Read, Span, StageOutput};

    fn stage(id: usize, input: StageInput, output: StageOutput) -> Stage {
        Stage { output, ..Stage::sample(id, input) }
    }

    fn shuffled(partitions: usize) -> StageOutput {
        StageOutput::Shuffle { by: Partitioner::RoundRobin, partitions, combine: None }
    }

    fn two_stages() -> JobPlan {
        let reads = vec![Read { from: StageId(0), span: Span::Batch }];
        let reduce = KeyedInput { reads, partitions: 2, gather: Gather::Append };
        JobPlan {
            stages: vec![
                stage(0, StageInput::Source(SourceId(0)), shuffled(2)),
                stage(1, StageInput::Keyed(reduce), StageOutput::Dataset),
            ],
            sinks: Vec::new(),
        }
    }

    /// So many partitions of each source; none: no dataset.
    struct Sources(Option<usize>);

    impl Inputs for Sources {
        fn of_source(&self, _source: SourceId) -> Option<usize> {
            self.0
        }

        fn of_earlier(&self, _stage: StageId, _length: Duration) -> usize {
            0
        }
    }

    fn ready(run: &mut BatchRun, plan: &JobPlan, sources: Option<usize>) -> Vec<ReadyTask> {
        run.ready(plan, &Sources(sources)).expect("no stage misses a dataset")
    }

    fn task(stage: usize, partition: usize) -> ReadyTask {
        ReadyTask { stage: StageId(stage), partition }
    }

    #[test]
    fn reduce_waits_for_every_map_task() {
        let plan = two_stages();
        let mut run = BatchRun::new(&plan, BatchTime(1000), 4);
        assert_eq!(ready(&mut run, &plan, Some(2)), [task(0, 0), task(0, 1)]);
        assert!(!run.finished(task(0, 1)).stage_done);
        assert_eq!(ready(&mut run, &plan, Some(2)), []);
        assert!(run.finished(task(0, 0)).stage_done);
        assert_eq!(ready(&mut run, &plan, Some(2)), [task(1, 0), task(1, 1)]);
        run.finished(task(1, 0));
        assert!(!run.is_done());
        run.finished(task(1, 1));
        assert!(run.is_done());
    }

    #[test]
    fn a_stage_without_partitions_opens_the_next_at_once() {
        let plan = two_stages();
        let mut run = BatchRun::new(&plan, BatchTime(1000), 4);
        assert_eq!(ready(&mut run, &plan, Some(0)), [task(1, 0), task(1, 1)]);
    }

    #[test]
    fn a_stage_without_a_dataset_leaves_its_children_without_or_fails() {
        let mut plan = two_stages();
        let mut run = BatchRun::new(&plan, BatchTime(1000), 4);
        assert_eq!(ready(&mut run, &plan, None), []);
        assert!(run.is_done() && run.is_absent(StageId(1)));

        plan.stages[1].without_parent = WithoutParent::Runs;
        let mut run = BatchRun::new(&plan, BatchTime(1000), 4);
        assert_eq!(ready(&mut run, &plan, None), [task(1, 0), task(1, 1)]);

        plan.stages[1].without_parent = WithoutParent::Fails;
        let missing = BatchRun::new(&plan, BatchTime(1000), 4).ready(&plan, &Sources(None));
        assert!(missing.is_err_and(|error| error.to_string().contains("needs a dataset")));
    }

    #[test]
    fn a_stage_has_datasets_at_multiples_of_its_slide() {
        let mut plan = two_stages();
        plan.stages[1].slide = Duration::from_secs(3);
        for (time, tasks) in [(1000, 2), (3000, 4)] {
            let mut run = BatchRun::new(&plan, BatchTime(time), 4);
            let mut seen = ready(&mut run, &plan, Some(2));
            seen.clone().into_iter().for_each(|task| {
                run.finished(task);
            });
            seen.extend(ready(&mut run, &plan, Some(2)));
            assert_eq!(seen.len(), tasks, "at {time}");
        }
    }

    /// Runs all tasks that are ready as done.
    fn finish(run: &mut BatchRun, plan: &JobPlan) -> Vec<ReadyTask> {
        let tasks = ready(run, plan, Some(2));
        for task in &tasks {
            run.finished(*task);
        }
        tasks
    }

    #[test]
    fn only_what_was_lost_is_made_again() {
        let plan = two_stages();
        let mut run = BatchRun::new(&plan, BatchTime(1000), 4);
        finish(&mut run, &plan);
        assert_eq!(ready(&mut run, &plan, Some(2)), [task(1, 0), task(1, 1)]);
        // Both readers find the same map output lost.
        assert_eq!(run.lost(&plan, Some(task(1, 0)), &[task(0, 1)]), Ok(1));
        assert_eq!(run.lost(&plan, Some(task(1, 1)), &[task(0, 1)]), Ok(0));
        assert_eq!(ready(&mut run, &plan, Some(2)), [task(0, 1)]);
        assert_eq!(ready(&mut run, &plan, Some(2)), [], "readers wait for it");
        let again = run.finished(task(0, 1));
        assert_eq!(again, Finished { stage_done: true, first: false });
        assert_eq!(finish(&mut run, &plan), [task(1, 0), task(1, 1)]);
        assert!(run.is_done());
        // An output finds its dataset lost, and the map output it was made of as well.
        assert_eq!(run.lost(&plan, None, &[task(1, 0)]), Ok(1));
        assert_eq!(ready(&mut run, &plan, Some(2)), [task(1, 0)]);
        assert_eq!(run.lost(&plan, Some(task(1, 0)), &[task(0, 0)]), Ok(1));
        assert_eq!(finish(&mut run, &plan), [task(0, 0)]);
        assert_eq!(finish(&mut run, &plan), [task(1, 0)]);
        assert!(run.is_done());
    }

    #[test]
    fn a_stage_that_loses_its_work_again_and_again_fails_the_batch() {
        let plan = two_stages();
        let mut run = BatchRun::new(&plan, BatchTime(1000), 4);
        finish(&mut run, &plan);
        ready(&mut run, &plan, Some(2));
        for _ in 0..STAGE_REOPENINGS_MAX {
            assert_eq!(run.lost(&plan, Some(task(1, 0)), &[task(0, 1)]), Ok(1));
            assert_eq!(ready(&mut run, &plan, Some(2)), [task(0, 1)]);
            run.finished(task(0, 1));
            assert_eq!(ready(&mut run, &plan, Some(2)), [task(1, 0)]);
        }
        let error = run.lost(&plan, Some(task(1, 0)), &[task(0, 1)]).expect_err("once too often");
        assert_eq!((error.stage, error.lost), (StageId(0), STAGE_REOPENINGS_MAX + 1));
    }

    #[test]
    fn losses_are_forgotten_when_what_was_made_again_was_of_use() {
        let plan = two_stages();
        let mut run = BatchRun::new(&plan, BatchTime(1000), 4);
        finish(&mut run, &plan);
        ready(&mut run, &plan, Some(2));
        for reader in [task(1, 0), task(1, 1)] {
            for _ in 0..STAGE_REOPENINGS_MAX {
                assert_eq!(run.lost(&plan, Some(reader), &[task(0, 0)]), Ok(1));
                assert_eq!(finish(&mut run, &plan), [task(0, 0)]);
                assert_eq!(ready(&mut run, &plan, Some(2)), [reader]);
            }
            run.finished(reader);
        }
        assert!(run.is_done());
    }

    #[test]
    fn only_failures_that_may_pass_are_tried_again() {
        let plan = two_stages();
        let mut run = BatchRun::new(&plan, BatchTime(1000), 2);
        ready(&mut run, &plan, Some(1));
        assert_eq!(run.failed(task(0, 0), Retry::Recompute), Verdict::Again(task(0, 0)));
        assert_eq!(run.failed(task(0, 0), Retry::Recompute), Verdict::GiveUp);
        let mut run = BatchRun::new(&plan, BatchTime(1000), 2);
        ready(&mut run, &plan, Some(1));
        assert_eq!(run.failed(task(0, 0), Retry::Never), Verdict::GiveUp);
    }
}
