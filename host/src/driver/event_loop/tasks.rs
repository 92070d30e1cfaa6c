//! Driver: what the loop of a job does with tasks: hands them out, hears of their ends, and has
//! made again what was lost.
//!
//! Takes batches that run, and results. Gives tasks to executors. Never lets a batch go on that has
//! failed.

use std::sync::Arc;

use super::EventLoop;
use crate::driver::batch_data::BatchData;
use crate::driver::history;
use crate::driver::task_facts::facts_of;
use crate::error::Classify;
use crate::exec::executor::{ReadInput, Task, TaskKey, TaskResult};
use crate::exec::state::snapshot;
use crate::exec::task_error::TaskError;
use crate::exec::transform::transform;
use crate::model::id::StageId;
use crate::model::schema::StreamSchema;
use crate::model::stage::{StageInput, TransformPlan};
use crate::model::transform::BatchDataset;
use crate::sched::batch_run::{ReadyTask, Verdict};

impl EventLoop {
    /// Hands out what can run. What a task finds lost can run next, and so on.
    pub(super) fn submit_ready(&mut self, run: u64) {
        loop {
            let Some(batch) = self.running.get_mut(&run) else { return };
            if batch.failure.is_some() {
                return;
            }
            let tasks = batch.ready(&self.parts.plan, &self.history);
            let handed_out = tasks.iter().filter(|task| self.submit(run, **task)).count();
            if handed_out == tasks.len() {
                return;
            }
        }
    }

    /// Hands out a task. Gives whether it can run: not when what it would read is lost, which is
    /// made again first.
    fn submit(&mut self, run: u64, task: ReadyTask) -> bool {
        let Some(batch) = self.running.get_mut(&run) else { return true };
        let ReadyTask { stage, partition } = task;
        let planned = &self.parts.plan.stages[stage.0];
        let time = batch.batch.time;
        let lost = batch.data.lost_to(planned, partition, time, &self.history);
        if !lost.is_empty() {
            batch.in_flight -= 1;
            batch.lost(&self.parts.plan, Some(task), &lost);
            return false;
        }
        let read: ReadInput = match &planned.input {
            StageInput::Source(source) => {
                let input = batch.batch.inputs[source][partition].clone();
                let read = self.parts.sources.reader(&input);
                match &batch.retaining {
                    Some(retaining) => retaining.what(read, (*source, partition)),
                    None => read,
                }
            }
            StageInput::Snapshots(from) => {
                let delta = batch.deltas.get(&(*from, partition)).map(Arc::clone);
                let schema = planned.input_schema.to_arrow();
                // A stage whose state is shown has one.
                let store = batch.version.states.of(*from).map(Arc::clone);
                Box::new(move || {
                    let shown = store.map(|store| {
                        snapshot(&store, delta.as_deref(), &schema, (partition, time))
                    });
                    Ok(vec![shown.transpose()?.unwrap_or_default()])
                })
            }
            StageInput::Transform(planned_transform) => {
                let datasets = datasets_of(&batch.data, planned_transform);
                let function = Arc::clone(&planned_transform.function);
                let schema = planned.input_schema.clone();
                Box::new(move || transform(&*function, &schema, time, &datasets))
            }
            _ => {
                let input = batch.data.input(planned, partition, time, &self.history);
                Box::new(move || history::read(&input))
            }
        };
        let fed = batch.batch.fed.as_ref();
        let fed = fed.map_or_else(Vec::new, |fed| fed.of_task(stage, partition));
        let answer = Arc::clone(&self.parts.answer);
        let answer = match self.history.keeper(&batch.keeps, planned, partition) {
            Some(keeper) => Arc::new(move |result| answer(keeper.keep(result))) as _,
            None => answer,
        };
        let facts = facts_of(self.parts.seed, time, task);
        self.parts.executors.submit(Task {
            key: TaskKey { run, stage, partition },
            stage: Arc::clone(&self.parts.versions.of_task(&batch.version, task).stages[stage.0]),
            facts,
            read,
            fed,
            taps: self.taps.wishes(stage),
            broadcasts: batch.broadcasts.clone(),
            cancelled: Arc::clone(&batch.cancelled),
            answer,
        });
        true
    }

    pub(super) fn task_ended(&mut self, result: TaskResult) {
        let TaskResult { key, outcome, cpu, call_times, rows_in } = result;
        let Some(batch) = self.running.get_mut(&key.run) else { return };
        batch.charge(key.stage, cpu, &call_times);
        let task = ReadyTask { stage: key.stage, partition: key.partition };
        match outcome {
            Ok(mut attempted) => {
                // What is made again because it was lost was seen, or will be.
                if !batch.is_comparison() && !batch.schedule().was_done(task) {
                    let shown = std::mem::take(&mut attempted.shown);
                    self.taps.shown(batch.batch.time, shown);
                }
                let files = self.parts.sources.files_of(&self.parts.plan, key.stage);
                let file_rows = files.map(|source| (source, rows_in));
                let result_bytes_max = self.parts.pace.result_bytes_max();
                batch.weigh(&self.parts.plan, task, &attempted.output, result_bytes_max);
                if batch.finished(task, attempted, file_rows) {
                    self.submit_ready(key.run);
                }
            }
            Err(TaskError::Lost { stage, partition }) => {
                let lost = ReadyTask { stage, partition };
                batch.data.lose(lost);
                batch.lost(&self.parts.plan, Some(task), &[lost]);
                self.submit_ready(key.run);
            }
            Err(error) => match batch.schedule().failed(task, error.retry()) {
                Verdict::Again(task) if batch.failure.is_none() => {
                    batch.again();
                    if !self.submit(key.run, task) {
                        self.submit_ready(key.run);
                    }
                }
                _ => {
                    let stream = &self.parts.plan.stages[key.stage.0].stream;
                    let message = format!(
                        "stream `{stream}`, stage {}, partition {}: {error}",
                        key.stage.0, key.partition
                    );
                    batch.fail(message, error.domain());
                }
            },
        }
    }

    /// Has what outputs and later batches need made again, where it was lost. Gives whether that is
    /// to be waited for.
    pub(super) fn make_lost_again(&mut self, run: u64) -> bool {
        let plan = &self.parts.plan;
        let Some(batch) = self.running.get_mut(&run).filter(|batch| batch.failure.is_none()) else {
            return false;
        };
        let outputs = plan.sinks.iter().map(|(_, stage)| *stage);
        let remembered = plan.stages.iter().filter(|stage| !stage.remember.is_zero());
        let needed: Vec<StageId> = outputs.chain(remembered.map(|stage| stage.id)).collect();
        let lost = batch.data.lost_of(&needed);
        if lost.is_empty() {
            return false;
        }
        batch.lost(plan, None, &lost);
        self.submit_ready(run);
        // A batch that has lost too much has failed, and is through.
        self.running.get(&run).is_some_and(|batch| batch.failure.is_none())
    }
}

fn datasets_of(data: &BatchData, planned: &TransformPlan) -> Vec<BatchDataset> {
    let parents = planned.parents.iter().zip(&planned.schemas);
    let dataset = |(parent, schema): (&StageId, &StreamSchema)| BatchDataset {
        schema: schema.clone(),
        partitions: data.dataset(*parent).iter().map(|slices| slices.to_vec()).collect(),
    };
    parents.map(dataset).collect()
}
