//! Task: what a task costs that does nothing.
//!
//! Takes ten thousand tasks without rows. Gives the time of a whole batch of them through clock,
//! loop, scheduler, executors and publisher, and of the executors and the scheduler's mind alone.
//! A round is a batch, so a task's overhead is a ten-thousandth of it.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::Context;
use criterion::{Criterion, Throughput};
use tidemill::api::context::StreamingContext;
use tidemill::api::dstream::BoxError;
use tidemill::driver::engine::Engine;
use tidemill::exec::executor::{Executors, Task, TaskKey, TaskResult};
use tidemill::exec::stage::{BadRows, BoundGather, BoundOutput, BoundStage, SharedStage};
use tidemill::model::broadcast::Broadcasts;
use tidemill::model::id::{SourceId, StageId};
use tidemill::model::stage::{JobPlan, Stage, StageInput, StageOutput, WithoutParent};
use tidemill::model::status::{BatchOutcome, JobEvent};
use tidemill::model::time::BatchTime;
use tidemill::sched::batch_run::{BatchRun, Inputs};
use tidemill::sys::clock::ManualClock;
use tidemill_benches::plugin;

use super::rig;
use super::timings::Timings;

/// Tasks of a batch.
const TASKS: usize = 10_000;
/// Partitions of the shuffles of a batch, in all as many as tasks. A shuffle of a stage without
/// tasks still has all its reduce tasks, and they have nothing to do.
const SHUFFLES: [usize; 4] = [2_500; 4];
/// How long the clock is moved for a batch.
const INTERVAL: Duration = Duration::from_secs(1);
/// When the clock begins.
const START_MS: i64 = 1_000_000;

/// Measures the part.
pub fn measure(criterion: &mut Criterion) {
    let work = Throughput::Elements(TASKS as u64);
    let mut timings = Timings::of_long(criterion, "task, 10,000 of them empty", work);
    timings.time("job", || {
        let job = Job::start()?;
        Ok(move || job.batch().expect("nothing can fail in an empty batch"))
    });
    timings.time("executors", || {
        let executors = Executors::start(plugin::engine_config(None)?.executors)?;
        let stage = empty_stage();
        Ok(move || run_on(&executors, &stage))
    });
    timings.time("scheduler", || {
        let plan = plan();
        Ok(move || schedule(&plan))
    });
    timings.end();
}

/// A running job whose source says nothing, and whose clock is moved by hand.
struct Job {
    clock: ManualClock,
    ended: Receiver<usize>,
    /// Ends with the job.
    _context: StreamingContext,
    _silent: TcpListener,
}

impl Job {
    fn start() -> anyhow::Result<Self> {
        let clock = ManualClock::at_ms(START_MS);
        let mut config = plugin::engine_config(None)?;
        config.clock = Arc::new(clock.clone());
        let engine = Engine::start(config)?;
        let mut context = StreamingContext::new(&engine, INTERVAL);
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let lines = context.socket_text_stream(&silent.local_addr()?.to_string());
        for partitions in SHUFFLES {
            let spread = lines.repartition(partitions);
            spread.for_each_batch(|_, _| -> Result<(), BoxError> { Ok(()) });
        }
        let (tell, ended) = channel();
        context.start_with(vec![Box::new(move |event: &JobEvent| hear(event, &tell))])?;
        Ok(Self { clock, ended, _context: context, _silent: silent })
    }

    /// Runs a batch from its tick to its end.
    fn batch(&self) -> anyhow::Result<()> {
        self.clock.advance(INTERVAL);
        let tasks = self.ended.recv().context("the job has ended")?;
        anyhow::ensure!(tasks == TASKS, "{tasks} tasks ran, expected {TASKS}");
        Ok(())
    }
}

/// Tells how many tasks a batch ran: none, where it failed.
fn hear(event: &JobEvent, tell: &Sender<usize>) {
    if let JobEvent::BatchEnded(batch) = event {
        let tasks = if batch.outcome == BatchOutcome::Completed { batch.tasks } else { 0 };
        // The bench hears nothing any more once it is through.
        let _sent = tell.send(tasks);
    }
}

/// Hands all tasks in, then waits for all answers, as the loop of a job does.
fn run_on(executors: &Executors, stage: &SharedStage) -> usize {
    let (tell, answers) = channel();
    let answer: Arc<dyn Fn(TaskResult) + Send + Sync> =
        Arc::new(move |result| drop(tell.send(result)));
    for partition in 0..TASKS {
        executors.submit(Task {
            key: TaskKey { run: 0, stage: StageId(0), partition },
            stage: Arc::clone(stage),
            facts: rig::task(&[]).facts,
            read: Box::new(|| Ok(Vec::new())),
            fed: Vec::new(),
            taps: Arc::default(),
            broadcasts: Broadcasts::default(),
            cancelled: Arc::default(),
            answer: Arc::clone(&answer),
        });
    }
    drop(answer);
    answers.iter().filter(|result| result.outcome.is_ok()).count()
}

fn empty_stage() -> SharedStage {
    Arc::new(BoundStage {
        id: StageId(0),
        stream: "empty".to_owned(),
        gather: BoundGather::Append,
        input_schema: rig::line_schema().to_arrow(),
        steps: Vec::new(),
        output: BoundOutput::Dataset,
        hash_seed: 0,
        bad_rows: BadRows::default(),
    })
}

/// One stage that has a task for each partition of its source.
fn plan() -> JobPlan {
    let stage = Stage {
        id: StageId(0),
        stream: "empty".to_owned(),
        input: StageInput::Source(SourceId(0)),
        slide: Duration::from_secs(1),
        remember: Duration::ZERO,
        level: None,
        without_parent: WithoutParent::HasNone,
        input_schema: rig::line_schema(),
        steps: Vec::new(),
        output: StageOutput::Dataset,
    };
    JobPlan { stages: vec![stage], sinks: Vec::new() }
}

/// So many partitions of the one source.
struct Sources;

impl Inputs for Sources {
    fn of_source(&self, _source: SourceId) -> Option<usize> {
        Some(TASKS)
    }

    fn of_earlier(&self, _stage: StageId, _length: Duration) -> usize {
        0
    }
}

/// Every decision of a batch's schedule.
fn schedule(plan: &JobPlan) -> usize {
    let mut run = BatchRun::new(plan, BatchTime(START_MS), 1);
    let ready = run.ready(plan, &Sources).expect("no stage lacks a dataset");
    ready.into_iter().filter(|task| run.finished(*task).stage_done).count()
}
