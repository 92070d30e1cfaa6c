//! Driver: where the loop writes down how a job stands, and whoever watches reads it.
//!
//! Takes events and counts from the loop. Gives snapshots, and each event to the listeners. Never
//! makes the loop wait for a reader longer than a listener takes.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::error::DriverError;
use crate::error::panic_message;
use crate::limits::COUNTERS_MAX;
use crate::model::status::{BatchOutcome, JobEvent, JobState, JobStatus};

/// Is told each event of a job, on the thread on which it happened. It must be quick.
pub type Listener = Box<dyn Fn(&JobEvent) + Send + Sync>;

/// How a job stands.
pub struct StatusBoard {
    status: Mutex<(JobStatus, Option<DriverError>)>,
    ended: Condvar,
    listeners: Vec<Listener>,
}

impl StatusBoard {
    /// A job that has just been started.
    pub fn new(listeners: Vec<Listener>) -> Self {
        let status = JobStatus {
            state: JobState::Running,
            queued_batches: 0,
            backlog_rows: 0,
            batches: 0,
            failed_batches: 0,
            rows_in: 0,
            rejected_rows: 0,
            bad_rows: 0,
            held_bytes: (0, 0),
            kept: BTreeMap::new(),
            counters: BTreeMap::new(),
            states: Vec::new(),
            last_batch: None,
        };
        Self { status: Mutex::new((status, None)), ended: Condvar::new(), listeners }
    }

    /// Tells every listener, and counts a batch that has ended.
    pub fn tell(&self, event: &JobEvent) {
        if let JobEvent::BatchEnded(batch) = event {
            self.change(|status| {
                status.batches += 1;
                status.rows_in += batch.rows_in;
                status.rejected_rows += batch.rejected.rows();
                status.failed_batches += u64::from(batch.outcome != BatchOutcome::Completed);
                status.last_batch = Some(batch.clone());
            });
        }
        self.tell_listeners(event);
    }

    /// A listener that panics is not the job's end.
    fn tell_listeners(&self, event: &JobEvent) {
        for listener in &self.listeners {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| listener(event))) {
                tracing::error!("a listener panicked: {}", panic_message(&*panic));
            }
        }
    }

    /// Adds to a counter of a plugin; names past the limit are dropped.
    pub fn count(&self, plugin: &str, name: &str, delta: u64) {
        self.change(|status| {
            let name = format!("{plugin}.{name}");
            let known = status.counters.len();
            match status.counters.get_mut(&name) {
                Some(count) => *count = count.saturating_add(delta),
                None if known < COUNTERS_MAX => {
                    status.counters.insert(name, delta);
                }
                None => {}
            }
        });
    }

    /// Changes the counts.
    pub fn change(&self, change: impl FnOnce(&mut JobStatus)) {
        change(&mut self.lock().0);
    }

    /// Notes the end of the job and tells it.
    pub fn end(&self, error: Option<DriverError>) {
        let state = if error.is_some() { JobState::Failed } else { JobState::Stopped };
        self.tell_listeners(&JobEvent::Stopped);
        let mut status = self.lock();
        status.0.state = state;
        status.1 = error;
        self.ended.notify_all();
    }

    /// How the job stands now.
    pub fn snapshot(&self) -> JobStatus {
        self.lock().0.clone()
    }

    /// Waits until the job has ended; gives its error to the first who asks.
    ///
    /// # Errors
    /// What the job failed of.
    pub fn wait(&self) -> Result<(), DriverError> {
        let running = |(status, _): &mut (JobStatus, _)| {
            matches!(status.state, JobState::Running | JobState::Draining)
        };
        let mut status =
            self.ended.wait_while(self.lock(), running).unwrap_or_else(PoisonError::into_inner);
        status.1.take().map_or(Ok(()), Err)
    }

    fn lock(&self) -> MutexGuard<'_, (JobStatus, Option<DriverError>)> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for StatusBoard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StatusBoard({:?})", self.snapshot())
    }
}
