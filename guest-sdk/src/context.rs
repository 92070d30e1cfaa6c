//! What an operator may know of where it runs, and what it may tell.
//!
//! Takes the task from the host. Gives it to operators that ask for a `Context`. Never gives the
//! time of day: a retry must not differ.

use crate::column::Timestamp;
use crate::host::{self, Level};

/// The task that a call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Task {
    /// The end instant of the batch, in milliseconds since the epoch.
    pub batch_time_ms: i64,
    /// The partition within its stage.
    pub partition: u32,
    /// Chance for the operator, the same in every attempt.
    pub seed: u64,
}

/// What an operator may know of where it runs: the last argument of its function, as `Context`. It
/// may be taken as `&Context` too; a result that borrows from the row must name its lifetime then.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    task: Task,
}

impl Context {
    pub(crate) fn new(task: Task) -> Self {
        Self { task }
    }

    /// A context for the author's own tests. What operators log goes to standard error, what they
    /// count is read with [`counted`](crate::host::counted).
    pub fn for_test(task: Task) -> Self {
        Self::new(task)
    }

    /// The end instant of the batch.
    pub fn batch_time(&self) -> Timestamp {
        Timestamp::from_millis(self.task.batch_time_ms)
    }

    /// The partition within its stage.
    pub fn partition(&self) -> u32 {
        self.task.partition
    }

    /// Chance, the same in every attempt of the task.
    pub fn seed(&self) -> u64 {
        self.task.seed
    }

    /// Adds to a counter of the job. What a task counts is added once, however often the host tries
    /// it, and when its batch has succeeded.
    pub fn counter(&self, name: &str, delta: u64) {
        host::counter(name, delta);
    }

    /// Writes a line to the job's log. Lines beyond the budget of the task are dropped.
    pub fn log(&self, level: Level, message: &str) {
        host::log(level, message);
    }
}
