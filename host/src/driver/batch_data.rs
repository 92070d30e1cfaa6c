//! Driver: what the stages of one running batch have made so far.
//!
//! Takes outputs of tasks. Gives tasks of later stages their input, and says which of it is lost.
//! Never outlives its batch.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::history::{DatasetPartition, HeldPartition, History};
use crate::exec::attempt::TaskOutput;
use crate::model::id::StageId;
use crate::model::stage::{JobPlan, Read, Span, Stage, StageInput, StageOutput};
use crate::model::time::BatchTime;
use crate::sched::batch_run::ReadyTask;
use crate::shuffle::map_output::MapOutputs;

/// The outputs of a batch's stages.
#[derive(Debug)]
pub struct BatchData {
    stages: Vec<StageData>,
    opened: Vec<bool>,
    /// What was there and is no more.
    lost: BTreeSet<ReadyTask>,
}

#[derive(Debug)]
enum StageData {
    Dataset(Vec<DatasetPartition>),
    Shuffle(MapOutputs),
}

impl BatchData {
    /// Nothing made yet.
    pub fn new(plan: &JobPlan) -> Self {
        let stages = plan.stages.iter().map(|stage| match stage.output {
            StageOutput::Dataset => StageData::Dataset(Vec::new()),
            StageOutput::Shuffle { .. } => StageData::Shuffle(MapOutputs::default()),
        });
        let opened = vec![false; plan.stages.len()];
        Self { stages: stages.collect(), opened, lost: BTreeSet::new() }
    }

    /// Makes room for what a stage's tasks make, whose number is known now. What is there stays.
    pub fn open(&mut self, stage: StageId, partitions: usize) {
        if std::mem::replace(&mut self.opened[stage.0], true) {
            return;
        }
        match &mut self.stages[stage.0] {
            StageData::Dataset(parts) => parts.resize(partitions, Arc::default()),
            StageData::Shuffle(outputs) => *outputs = MapOutputs::new(partitions),
        }
    }

    /// Keeps what a task made.
    pub fn store(&mut self, stage: StageId, partition: usize, output: TaskOutput) {
        self.lost.remove(&ReadyTask { stage, partition });
        match (&mut self.stages[stage.0], output) {
            (StageData::Dataset(parts), TaskOutput::Dataset(slices)) => {
                parts[partition] = Arc::new(slices);
            }
            (StageData::Dataset(parts), TaskOutput::Apart(partitions)) => {
                self.lost.retain(|lost| lost.stage != stage);
                *parts = partitions.into_iter().map(Arc::new).collect();
            }
            (StageData::Shuffle(outputs), TaskOutput::MapOutput(written)) => {
                outputs.store(partition, written);
            }
            // A bound stage writes what its plan says; both come from one `StageOutput`.
            (data, output) => unreachable!("stage {stage:?} keeps {data:?}, was given {output:?}"),
        }
    }

    /// Lets go of what a task made: whoever needs it has it made again.
    pub fn lose(&mut self, task: ReadyTask) {
        match &mut self.stages[task.stage.0] {
            StageData::Dataset(parts) => {
                if let Some(part) = parts.get_mut(task.partition) {
                    *part = Arc::default();
                }
            }
            StageData::Shuffle(outputs) => outputs.lose(task.partition),
        }
        self.lost.insert(task);
    }

    /// What a task of the stage would read and is lost.
    pub fn lost_to(
        &self,
        stage: &Stage,
        partition: usize,
        time: BatchTime,
        history: &History,
    ) -> Vec<ReadyTask> {
        if self.lost.is_empty() {
            return Vec::new();
        }
        let one = |stage, partition| self.lost.get(&ReadyTask { stage, partition }).copied();
        match &stage.input {
            StageInput::Source(_) => Vec::new(),
            // What the task changed is there as long as the batch: its rows alone may be lost.
            StageInput::Snapshots(_) => Vec::new(),
            StageInput::Transform(transform) => self.lost_of(&transform.parents),
            StageInput::Datasets(parents) => {
                let number = |&parent: &StageId| {
                    (0..self.dataset(parent).len()).map(move |index| (parent, index))
                };
                let read = parents.iter().flat_map(number).nth(partition);
                read.and_then(|(parent, index)| one(parent, index)).into_iter().collect()
            }
            StageInput::Window { from, length } => {
                let earlier = history.partitions(*from, time.before(*length), time);
                let now = partition.checked_sub(earlier);
                now.and_then(|index| one(*from, index)).into_iter().collect()
            }
            StageInput::Keyed(keyed) => {
                let of = |read: &Read| match &self.stages[read.from.0] {
                    StageData::Shuffle(_) => self.lost_of(&[read.from]),
                    StageData::Dataset(_) => one(read.from, partition).into_iter().collect(),
                };
                keyed.reads.iter().flat_map(of).collect()
            }
        }
    }

    /// Everything of these stages that is lost.
    pub fn lost_of(&self, stages: &[StageId]) -> Vec<ReadyTask> {
        self.lost.iter().filter(|lost| stages.contains(&lost.stage)).copied().collect()
    }

    /// The input of a task whose stage does not read a source.
    pub fn input(
        &self,
        stage: &Stage,
        partition: usize,
        time: BatchTime,
        history: &History,
    ) -> Vec<Vec<HeldPartition>> {
        match &stage.input {
            // Their readers make their own.
            StageInput::Source(_) | StageInput::Snapshots(_) | StageInput::Transform(_) => {
                Vec::new()
            }
            StageInput::Datasets(parents) => {
                let mut partitions = parents.iter().flat_map(|parent| self.dataset(*parent));
                vec![partitions.nth(partition).map(made).into_iter().collect()]
            }
            StageInput::Window { from, length } => {
                let after = time.before(*length);
                let now = partition.checked_sub(history.partitions(*from, after, time));
                let held = match now {
                    Some(now) => self.dataset(*from).get(now).map(made),
                    None => history.numbered(*from, partition, after, time),
                };
                vec![held.into_iter().collect()]
            }
            StageInput::Keyed(keyed) => {
                let read = |read: &Read| self.read(stage, *read, partition, time, history);
                keyed.reads.iter().flat_map(read).collect()
            }
        }
    }

    /// What a keyed partition reads of one parent, in as many runs as [`Read::parts`] says.
    fn read(
        &self,
        stage: &Stage,
        read: Read,
        partition: usize,
        time: BatchTime,
        history: &History,
    ) -> Vec<Vec<HeldPartition>> {
        let now = || match &self.stages[read.from.0] {
            StageData::Shuffle(outputs) => {
                Some(HeldPartition::Made(Arc::new(outputs.read(partition))))
            }
            StageData::Dataset(parts) => parts.get(partition).map(made),
        };
        let earlier = |after, to| history.partition(read.from, partition, after, to);
        let with_now = |mut earlier: Vec<HeldPartition>| {
            earlier.extend(now());
            earlier
        };
        match read.span {
            Span::Batch => vec![now().into_iter().collect()],
            Span::Window(length) => vec![with_now(earlier(time.before(length), time))],
            Span::Sliding(length) => {
                let before = time.before(stage.slide);
                let begins = time.before(length);
                // Windows that share no batch have nothing to tell each other.
                let overlaps = before > begins;
                match history.at(stage.id, partition, before).filter(|_| overlaps) {
                    None => vec![Vec::new(), Vec::new(), with_now(earlier(begins, time))],
                    Some(kept) => {
                        let left = earlier(before.before(length), begins);
                        vec![kept, left, with_now(earlier(before, time))]
                    }
                }
            }
        }
    }

    /// The partitions of a stage's dataset.
    pub fn dataset(&self, stage: StageId) -> &[DatasetPartition] {
        match &self.stages[stage.0] {
            StageData::Dataset(partitions) => partitions,
            StageData::Shuffle(_) => &[],
        }
    }

    /// What a stage's shuffle carries to a reduce partition.
    pub fn carried(&self, stage: StageId, partition: usize) -> Vec<RecordBatch> {
        match &self.stages[stage.0] {
            StageData::Shuffle(outputs) => outputs.read(partition),
            StageData::Dataset(_) => Vec::new(),
        }
    }

    /// Rows and bytes that all shuffles carried.
    pub fn shuffled(&self) -> (u64, u64) {
        self.stages.iter().fold((0, 0), |(rows, bytes), stage| match stage {
            StageData::Shuffle(outputs) => (rows + outputs.rows(), bytes + outputs.bytes() as u64),
            StageData::Dataset(_) => (rows, bytes),
        })
    }
}

fn made(partition: &DatasetPartition) -> HeldPartition {
    HeldPartition::Made(Arc::clone(partition))
}
