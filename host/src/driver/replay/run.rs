//! Driver: one retained batch on one set of versions, on the thread of whoever asks.
//!
//! Takes a batch and bound stages. Gives what each output had, or why a task failed. Nothing of it
//! reaches a sink, a state, a dead-letter file or a counter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arrow_array::RecordBatch;

use super::compare::measure;
use crate::driver::batch_data::BatchData;
use crate::driver::history::{self, History};
use crate::driver::job_version::JobVersion;
use crate::driver::refusals::failure_of;
use crate::driver::retained::RetainedBatch;
use crate::driver::task_facts::facts_of;
use crate::error::{Classify, Domain};
use crate::exec::attempt::TaskOutput;
use crate::exec::executor::{ReadInput, Task, TaskKey, TaskResult, run_task};
use crate::exec::refused::Refused;
use crate::limits::REPLAY_BYTES_MAX;
use crate::model::id::{SinkId, SourceId, StageId};
use crate::model::output_measure::OutputMeasure;
use crate::model::partition_store::PartitionStore;
use crate::model::pipeline::JobSettings;
use crate::model::schema::StreamSchema;
use crate::model::stage::{JobPlan, Stage, StageInput, StageOutput};
use crate::sched::batch_run::{BatchRun, Inputs, ReadyTask};
use crate::version::replayable::Replayable;

/// A batch that is to be run again.
pub(super) struct Replay<'a> {
    /// What of the plan can be run.
    pub replayable: &'a Replayable,
    /// The stages of the plan, bound.
    pub version: &'a JobVersion,
    /// The batch.
    pub batch: &'a RetainedBatch,
    /// The only partition of sources whose rows are read; `None`: all.
    pub partition: Option<usize>,
    /// The job's settings.
    pub settings: &'a JobSettings,
    /// The job's seed.
    pub seed: u64,
    /// No stage that runs reads what is in it.
    pub nothing: Arc<dyn PartitionStore>,
    /// CPU time after which no further partition of a source is read.
    pub cpu_max: Option<Duration>,
}

/// What came out.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// The outputs that have a dataset.
    pub outputs: Vec<Output>,
    /// CPU time of the tasks.
    pub cpu: Duration,
    /// Rows that operators refused.
    pub rejected: u64,
    /// Those of them that were taken out because calls failed with them.
    pub poison: u64,
    /// Partitions of sources for which there was no time.
    pub partitions_left_out: u64,
}

/// What came out at one place.
#[derive(Debug)]
pub(super) struct Output {
    /// How messages name it.
    pub name: String,
    /// The sink, if it is one's.
    pub sink: Option<SinkId>,
    /// Its columns.
    pub columns: StreamSchema,
    /// Its rows.
    pub partitions: Vec<Vec<RecordBatch>>,
}

impl Output {
    /// Its rows, bytes and hash.
    pub fn measure(&self) -> OutputMeasure {
        measure(&self.columns, &self.partitions)
    }
}

/// Why nothing came out.
#[derive(Debug)]
pub(super) struct Stopped {
    /// What happened, with stream, stage and partition.
    pub message: String,
    /// Whose fault it is; somebody's outside is no version's.
    pub blame: Domain,
    /// CPU time of the tasks so far.
    pub cpu: Duration,
}

impl Replay<'_> {
    /// Runs every stage that can be run, one task after the other. `name_of` names sinks.
    pub fn run(&self, name_of: &dyn Fn(SinkId) -> String) -> Result<Replayed, Stopped> {
        // No stage that runs reads earlier batches.
        let history = History::new(&self.replayable.plan, Arc::clone(&self.nothing));
        let (run, made) = self.run_all(&history)?;
        let outputs = self.outputs(&run, &made.data, name_of);
        let Made { cpu, refused, partitions_left_out, .. } = made;
        let (rejected, poison) = (refused.counts.rows(), refused.poison);
        Ok(Replayed { outputs, cpu, rejected, poison, partitions_left_out })
    }

    /// Runs them after the batches of a history, which keeps what they make for the next. Gives the
    /// rows that were taken out because calls failed with them.
    pub fn run_on(&self, history: &mut History) -> Result<u64, Stopped> {
        let plan = &self.replayable.plan;
        let (run, made) = self.run_all(history)?;
        let keeps = history.begin(plan);
        for (stage, dataset) in &keeps {
            let partitions = made.data.dataset(*stage).iter().enumerate();
            for (partition, slices) in partitions {
                let put = history.put(*dataset, &plan.stages[stage.0], partition, slices);
                if let Err(error) = put {
                    history.give_up(&keeps);
                    return Err(made.stopped(error.to_string(), Domain::External));
                }
            }
        }
        let partitions_of = |stage| (!run.is_absent(stage)).then(|| made.data.dataset(stage).len());
        history.keep(plan, self.batch.time, &keeps, partitions_of);
        Ok(made.refused.poison)
    }

    fn run_all(&self, history: &History) -> Result<(BatchRun, Made), Stopped> {
        let plan = &self.replayable.plan;
        let mut run = BatchRun::new(plan, self.batch.time, 1);
        let mut made = Made::new(plan);
        loop {
            let tasks = run.ready(plan, &Known(self.batch, history));
            let tasks = tasks.map_err(|missing| made.stopped(missing.to_string(), Domain::User))?;
            if tasks.is_empty() {
                break;
            }
            for task in &tasks {
                made.data.open(task.stage, run.tasks_of(task.stage));
            }
            for task in tasks {
                self.task(task, &mut run, &mut made, history)?;
            }
        }
        if let Some((message, blame)) = failure_of(&made.refused, self.settings) {
            return Err(made.stopped(message, blame));
        }
        Ok((run, made))
    }

    fn task(
        &self,
        task: ReadyTask,
        run: &mut BatchRun,
        made: &mut Made,
        history: &History,
    ) -> Result<(), Stopped> {
        let ReadyTask { stage, partition } = task;
        let planned = &self.replayable.plan.stages[stage.0];
        let read = self.reader(planned, partition, made, history);
        let TaskResult { outcome, cpu, .. } = run_task(Task {
            key: TaskKey { run: 0, stage, partition },
            stage: Arc::clone(&self.version.stages[stage.0]),
            facts: facts_of(self.seed, self.batch.time, task),
            read,
            fed: Vec::new(),
            taps: Arc::default(),
            broadcasts: self.batch.broadcasts.clone(),
            cancelled: Arc::<AtomicBool>::default(),
            answer: Arc::new(|_| ()),
        });
        made.cpu += cpu;
        let attempted = outcome.map_err(|error| {
            let (stream, stage) = (&planned.stream, stage.0);
            let message =
                format!("stream `{stream}`, stage {stage}, partition {partition}: {error}");
            made.stopped(message, error.domain())
        })?;
        made.weigh(&attempted.output)?;
        if let TaskOutput::Apart(partitions) = &attempted.output {
            run.made(stage, partitions.len());
        }
        made.refused.absorb(attempted.refused);
        made.data.store(stage, partition, attempted.output);
        run.finished(task);
        Ok(())
    }

    fn reader(
        &self,
        stage: &Stage,
        partition: usize,
        made: &mut Made,
        history: &History,
    ) -> ReadInput {
        let StageInput::Source(source) = &stage.input else {
            let input = made.data.input(stage, partition, self.batch.time, history);
            return Box::new(move || history::read(&input));
        };
        let in_time = self.cpu_max.is_none_or(|most| made.cpu < most);
        let wanted = self.partition.is_none_or(|wanted| wanted == partition);
        made.partitions_left_out += u64::from(wanted && !in_time);
        let slices = if wanted && in_time {
            self.batch.sources[source][partition].clone()
        } else {
            Vec::new()
        };
        Box::new(move || Ok(vec![slices]))
    }

    fn outputs(
        &self,
        run: &BatchRun,
        data: &BatchData,
        name_of: &dyn Fn(SinkId) -> String,
    ) -> Vec<Output> {
        let plan = &self.replayable.plan;
        let sink = |(sink, stage): &(SinkId, StageId)| {
            let name = format!("sink `{}`", name_of(*sink));
            (*stage, name, Some(*sink))
        };
        let end = |stage: &StageId| {
            let name = format!("stream `{}`, stage {}", plan.stages[stage.0].stream, stage.0);
            (*stage, name, None)
        };
        let all = plan.sinks.iter().map(sink).chain(self.replayable.ends.iter().map(end));
        let there = all.filter(|(stage, ..)| !run.is_absent(*stage));
        let output = |(stage, name, sink): (StageId, String, Option<SinkId>)| {
            let stage = &plan.stages[stage.0];
            let (columns, partitions) = match &stage.output {
                StageOutput::Dataset => {
                    let partitions = data.dataset(stage.id).iter().map(|slices| slices.to_vec());
                    (stage.output_schema().clone(), partitions.collect())
                }
                StageOutput::Shuffle { partitions, combine, .. } => {
                    let combined = combine.as_ref().map(|fold| fold.output.clone());
                    let columns = combined.unwrap_or_else(|| stage.output_schema().clone());
                    let read = |partition| data.carried(stage.id, partition);
                    (columns, (0..*partitions).map(read).collect())
                }
            };
            Output { name, sink, columns, partitions }
        };
        there.map(output).collect()
    }
}

/// What the tasks have made so far.
struct Made {
    data: BatchData,
    refused: Refused,
    cpu: Duration,
    bytes: usize,
    partitions_left_out: u64,
}

impl Made {
    fn new(plan: &JobPlan) -> Self {
        Self {
            data: BatchData::new(plan),
            refused: Refused::default(),
            cpu: Duration::ZERO,
            bytes: 0,
            partitions_left_out: 0,
        }
    }

    fn weigh(&mut self, output: &TaskOutput) -> Result<(), Stopped> {
        let bytes = |slices: &[RecordBatch]| -> usize {
            slices.iter().map(RecordBatch::get_array_memory_size).sum()
        };
        self.bytes += match output {
            TaskOutput::Dataset(slices) => bytes(slices),
            TaskOutput::Apart(all) | TaskOutput::MapOutput(all) => {
                all.iter().map(|slices| bytes(slices)).sum()
            }
        };
        if self.bytes <= REPLAY_BYTES_MAX {
            return Ok(());
        }
        let message = format!("its tasks make more than {REPLAY_BYTES_MAX} bytes");
        Err(self.stopped(message, Domain::External))
    }

    fn stopped(&self, message: String, blame: Domain) -> Stopped {
        Stopped { message, blame, cpu: self.cpu }
    }
}

/// What a retained batch is made of, and what it can look back to.
struct Known<'a>(&'a RetainedBatch, &'a History);

impl Inputs for Known<'_> {
    fn of_source(&self, source: SourceId) -> Option<usize> {
        self.0.sources.get(&source).map(Vec::len)
    }

    fn of_earlier(&self, stage: StageId, length: Duration) -> usize {
        let time = self.0.time;
        self.1.partitions(stage, time.before(length), time)
    }
}

/// Outputs of one run that another has too, by name.
pub(super) fn by_name(outputs: Vec<Output>) -> BTreeMap<String, Output> {
    outputs.into_iter().map(|output| (output.name.clone(), output)).collect()
}
