//! Exec: one thread per core that takes tasks and answers with what they made.
//!
//! Takes tasks from one queue. Gives each result to whoever handed the task in. Never dies of a
//! task: a panic of the host's own code is a failed attempt.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arrow_array::RecordBatch;

use super::accumulator::in_task;
use super::attempt::{Attempted, Beside, attempt};
use super::fed_back::FedRow;
use super::stage::SharedStage;
use super::tap::TapWish;
use super::task_error::TaskError;
use crate::error::panic_message;
use crate::model::broadcast::Broadcasts;
use crate::model::call_times::CallTimes;
use crate::model::id::StageId;
use crate::model::operator::{TaskFacts, TaskScope};
use crate::sys::cpu::thread_cpu_time;

/// Which task of which batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskKey {
    /// Number of the batch, unique in its job: it is run again only when no task of it is left.
    pub run: u64,
    /// The stage.
    pub stage: StageId,
    /// The partition within the stage.
    pub partition: usize,
}

/// What a task reads: runs of slices. Most read one; joins and windows more.
pub type TaskInput = Vec<Vec<RecordBatch>>;

/// Gives a task its input; runs on the executor, so that reading a file costs its core.
pub type ReadInput = Box<dyn FnOnce() -> Result<TaskInput, TaskError> + Send>;

/// A task to run.
pub struct Task {
    /// Which one.
    pub key: TaskKey,
    /// What it runs.
    pub stage: SharedStage,
    /// What it may know; rows and bytes are filled in from its input.
    pub facts: TaskFacts,
    /// Its input.
    pub read: ReadInput,
    /// Rows that are fed back to its stage and partition.
    pub fed: Vec<FedRow>,
    /// Who looks at rows of it.
    pub taps: Arc<[TapWish]>,
    /// The broadcasts of its batch.
    pub broadcasts: Broadcasts,
    /// Set when nobody needs the task any more: it is answered, not run.
    pub cancelled: Arc<AtomicBool>,
    /// Who is told.
    pub answer: Arc<dyn Fn(TaskResult) + Send + Sync>,
}

/// What became of a task.
#[derive(Debug)]
pub struct TaskResult {
    /// Which one.
    pub key: TaskKey,
    /// What it made, or why it failed.
    pub outcome: Result<Attempted, TaskError>,
    /// CPU time of the executor's thread.
    pub cpu: Duration,
    /// What of it the calls of operators took, but for calls that look for poison rows.
    pub call_times: CallTimes,
    /// Rows of its input.
    pub rows_in: u64,
}

/// The executor threads. Dropping it lets them finish their tasks and joins them.
#[derive(Debug)]
pub struct Executors {
    // Unbounded by itself: schedulers hand in at most the tasks of `concurrent_jobs` batches.
    tasks: Option<Sender<Task>>,
    threads: Vec<JoinHandle<()>>,
}

impl Executors {
    /// Starts so many threads.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(count: usize) -> std::io::Result<Self> {
        let (tasks, queue) = channel::<Task>();
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..count)
            .map(|number| {
                let queue = Arc::clone(&queue);
                std::thread::Builder::new()
                    .name(format!("executor-{number}"))
                    .spawn(move || run_tasks(&queue))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { tasks: Some(tasks), threads })
    }

    /// How many threads there are.
    pub fn count(&self) -> usize {
        self.threads.len()
    }

    /// Queues a task.
    pub fn submit(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // The receivers live as long as the threads, which end only when `tasks` is dropped.
            let _sent = tasks.send(task);
        }
    }
}

impl Drop for Executors {
    fn drop(&mut self) {
        self.tasks = None;
        for thread in self.threads.drain(..) {
            let _ended = thread.join();
        }
    }
}

fn run_tasks(queue: &Mutex<Receiver<Task>>) {
    // One thread at a time waits for a task, the others for their turn.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(task) = next() {
        let answer = Arc::clone(&task.answer);
        answer(run_task(task));
    }
}

/// Runs a task on the thread of whoever asks, who hears what became of it; nobody else is told.
pub fn run_task(task: Task) -> TaskResult {
    let Task { key, stage, facts, read, fed, taps, broadcasts, cancelled, answer: _ } = task;
    if cancelled.load(Ordering::Relaxed) {
        let (outcome, cpu) = (Err(TaskError::Cancelled), Duration::ZERO);
        return TaskResult { key, outcome, cpu, call_times: CallTimes::default(), rows_in: 0 };
    }
    let started = thread_cpu_time();
    let (mut rows_in, mut call_times) = (0, CallTimes::default());
    let run = AssertUnwindSafe(|| {
        let input = read()?;
        let slices = || input.iter().flatten();
        rows_in = slices().map(|slice| slice.num_rows() as u64).sum();
        let input_bytes = slices().map(|slice| slice.get_array_memory_size() as u64).sum();
        let input_rows = rows_in + fed.len() as u64;
        let facts = TaskFacts { input_rows, input_bytes, ..facts };
        let mut scope = TaskScope::new(facts).with_broadcasts(broadcasts);
        let attempted = attempt(&stage, &mut scope, input, Beside { fed: &fed, taps });
        call_times = scope.call_times;
        attempted
    });
    let (ran, added) = in_task(|| catch_unwind(run));
    let outcome = ran.unwrap_or_else(|panic| Err(TaskError::Panic(panic_message(&*panic))));
    let outcome = outcome.map(|attempted| Attempted { added, ..attempted });
    drop(stage);
    let cpu = thread_cpu_time().saturating_sub(started);
    TaskResult { key, outcome, cpu, call_times, rows_in }
}
