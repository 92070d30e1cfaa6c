//! Sched: the run of one batch through its stages.
//!
//! Takes the plan, the number of source partitions, and each task's end. Gives the tasks that have
//! become ready. Never runs a stage before all its parents are done.

use crate::error::Retry;
use crate::model::id::{SourceId, StageId};
use crate::model::stage::{JobPlan, Stage, StageInput};

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

/// One batch on its way through the stages.
#[derive(Debug)]
pub struct BatchRun {
    stages: Vec<StageRun>,
    failures_max: u32,
}

#[derive(Debug, Default)]
struct StageRun {
    parents: Vec<StageId>,
    /// Known once all parents are done.
    partitions: Option<usize>,
    left: usize,
    failures: Vec<u32>,
}

impl StageRun {
    fn is_done(&self) -> bool {
        self.partitions.is_some() && self.left == 0
    }
}

impl BatchRun {
    /// A run of which nothing has been started.
    pub fn new(plan: &JobPlan, failures_max: u32) -> Self {
        let parents = |stage: &Stage| match &stage.input {
            StageInput::Source(_) => Vec::new(),
            StageInput::Shuffle { from, .. } => vec![*from],
            StageInput::Datasets(from) => from.clone(),
        };
        let stages = plan
            .stages
            .iter()
            .map(|stage| StageRun { parents: parents(stage), ..StageRun::default() })
            .collect();
        Self { stages, failures_max: failures_max.max(1) }
    }

    /// The tasks that can run now and have not been given before: at the start those of the
    /// sources, later those of stages whose parents are done.
    pub fn ready(
        &mut self,
        plan: &JobPlan,
        source_partitions: &dyn Fn(SourceId) -> usize,
    ) -> Vec<ReadyTask> {
        let mut tasks = Vec::new();
        // Parents have lower numbers, so one pass sees a stage without partitions open the next.
        for (stage, planned) in plan.stages.iter().enumerate() {
            let run = &self.stages[stage];
            let blocked = run.parents.iter().any(|parent| !self.stages[parent.0].is_done());
            if run.partitions.is_some() || blocked {
                continue;
            }
            let partitions = match &planned.input {
                StageInput::Source(source) => source_partitions(*source),
                StageInput::Shuffle { partitions, .. } => *partitions,
                StageInput::Datasets(from) => {
                    from.iter().filter_map(|parent| self.stages[parent.0].partitions).sum()
                }
            };
            let run = &mut self.stages[stage];
            run.partitions = Some(partitions);
            run.left = partitions;
            run.failures = vec![0; partitions];
            let stage = StageId(stage);
            tasks.extend((0..partitions).map(|partition| ReadyTask { stage, partition }));
        }
        tasks
    }

    /// Notes that a task has done its work. Gives whether its stage is done with it.
    pub fn finished(&mut self, task: ReadyTask) -> bool {
        let run = &mut self.stages[task.stage.0];
        run.left = run.left.saturating_sub(1);
        run.left == 0
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

    /// The partitions of a stage, once they are known.
    pub fn partitions(&self, stage: StageId) -> usize {
        self.stages[stage.0].partitions.unwrap_or(0)
    }

    /// Tasks of the whole run that are known so far.
    pub fn tasks(&self) -> usize {
        self.stages.iter().filter_map(|stage| stage.partitions).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::schema::StreamSchema;
    use crate::model::stage::{Gather, Partitioner, StageOutput};

    fn stage(id: usize, input: StageInput, output: StageOutput) -> Stage {
        Stage {
            id: StageId(id),
            stream: "s".to_owned(),
            input,
            input_schema: StreamSchema::default(),
            steps: Vec::new(),
            output,
        }
    }

    fn shuffled(partitions: usize) -> StageOutput {
        StageOutput::Shuffle { by: Partitioner::RoundRobin, partitions, combine: None }
    }

    fn two_stages() -> JobPlan {
        let gather = Gather::Append;
        let reduce = StageInput::Shuffle { from: StageId(0), partitions: 2, gather };
        JobPlan {
            stages: vec![
                stage(0, StageInput::Source(SourceId(0)), shuffled(2)),
                stage(1, reduce, StageOutput::Dataset),
            ],
            sinks: Vec::new(),
        }
    }

    fn task(stage: usize, partition: usize) -> ReadyTask {
        ReadyTask { stage: StageId(stage), partition }
    }

    #[test]
    fn reduce_waits_for_every_map_task() {
        let plan = two_stages();
        let mut run = BatchRun::new(&plan, 4);
        assert_eq!(run.ready(&plan, &|_| 2), [task(0, 0), task(0, 1)]);
        assert!(!run.finished(task(0, 1)));
        assert_eq!(run.ready(&plan, &|_| 2), []);
        assert!(run.finished(task(0, 0)));
        assert_eq!(run.ready(&plan, &|_| 2), [task(1, 0), task(1, 1)]);
        run.finished(task(1, 0));
        assert!(!run.is_done());
        run.finished(task(1, 1));
        assert!(run.is_done());
    }

    #[test]
    fn a_stage_without_partitions_opens_the_next_at_once() {
        let plan = two_stages();
        let mut run = BatchRun::new(&plan, 4);
        assert_eq!(run.ready(&plan, &|_| 0), [task(1, 0), task(1, 1)]);
    }

    #[test]
    fn only_failures_that_may_pass_are_tried_again() {
        let plan = two_stages();
        let mut run = BatchRun::new(&plan, 2);
        run.ready(&plan, &|_| 1);
        assert_eq!(run.failed(task(0, 0), Retry::Recompute), Verdict::Again(task(0, 0)));
        assert_eq!(run.failed(task(0, 0), Retry::Recompute), Verdict::GiveUp);
        let mut run = BatchRun::new(&plan, 2);
        run.ready(&plan, &|_| 1);
        assert_eq!(run.failed(task(0, 0), Retry::Never), Verdict::GiveUp);
    }
}
