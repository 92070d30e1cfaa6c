//! Driver: where the loop writes down how a job stands, and whoever watches reads it.
//!
//! Takes events and counts from the loop. Gives snapshots, and each event to the listeners. Never
//! makes the loop wait for a reader.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::error::{DriverError, JobFailure};
use super::listener_bus::ListenerBus;
pub use super::listener_bus::{Listener, ListenerId};
use super::progress::Progress;
use crate::model::counted::Counted;
use crate::model::gauges::Gauges;
use crate::model::replay::RetainedSizes;
use crate::model::status::{BatchInfo, BatchOutcome, JobEvent, JobState, JobStatus};
use crate::model::version::CodeStatus;
use crate::sys::clock::{Clock, Wake};

/// How a job stands.
pub struct StatusBoard {
    status: Mutex<(JobStatus, Option<JobFailure>)>,
    ended: Condvar,
    bells: Mutex<Bells>,
    progress: Mutex<Progress>,
    listeners: Arc<ListenerBus>,
}

/// Those who wait for the end by a clock.
#[derive(Default)]
struct Bells {
    by_number: BTreeMap<u64, Wake>,
    next: u64,
}

impl StatusBoard {
    /// A job that has just been started, of which so many batches are kept when they have ended.
    pub fn new(listeners: Arc<ListenerBus>, retained_batches: usize) -> Self {
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
            counters: Counted::default(),
            states: Vec::new(),
            last_batch: None,
            retained: RetainedSizes::default(),
            code: CodeStatus::default(),
            dropped_events: 0,
        };
        Self {
            status: Mutex::new((status, None)),
            ended: Condvar::new(),
            bells: Mutex::default(),
            progress: Mutex::new(Progress::new(retained_batches)),
            listeners,
        }
    }

    /// Takes note of what happened, and tells every listener.
    pub fn tell(&self, event: &JobEvent) {
        if let JobEvent::BatchEnded(batch) = event {
            self.change(|status| {
                status.batches += 1;
                status.rows_in += batch.rows_in;
                status.rejected_rows += batch.rejected.rows();
                status.failed_batches += u64::from(batch.outcome != BatchOutcome::Completed);
                status.counters.absorb(&batch.counters);
                status.last_batch = Some(batch.clone());
            });
        }
        self.lock_progress().hear(event);
        self.listeners.tell(event);
    }

    /// Who is told.
    pub fn listeners(&self) -> &Arc<ListenerBus> {
        &self.listeners
    }

    /// Changes the counts.
    pub fn change(&self, change: impl FnOnce(&mut JobStatus)) {
        change(&mut self.lock().0);
    }

    /// Tells the end of the job, the last thing listeners hear, and notes it.
    pub fn end(&self, failure: Option<JobFailure>) {
        let state = if failure.is_some() { JobState::Failed } else { JobState::Stopped };
        self.listeners.tell(&JobEvent::Stopped);
        self.listeners.end();
        let mut status = self.lock();
        status.0.state = state;
        status.1 = failure;
        self.ended.notify_all();
        drop(status);
        self.lock_bells().by_number.values().for_each(Wake::ring);
    }

    /// Why the job has failed, if it has.
    pub fn failure(&self) -> Option<String> {
        self.lock().1.as_ref().map(ToString::to_string)
    }

    /// How the job stands now.
    pub fn snapshot(&self) -> JobStatus {
        let mut status = self.lock().0.clone();
        status.dropped_events = self.listeners.dropped();
        status
    }

    /// How the versions of its plugins stand now.
    pub fn code(&self) -> CodeStatus {
        self.lock().0.code.clone()
    }

    /// The numbers a dashboard draws.
    pub fn gauges(&self) -> Gauges {
        self.lock_progress().gauges()
    }

    /// The batches that ended last, the oldest first, as many as the job retains.
    pub fn completed_batches(&self) -> Vec<BatchInfo> {
        self.lock_progress().completed()
    }

    /// Waits until the job has ended.
    ///
    /// # Errors
    /// What the job failed of first, each time it is asked.
    pub fn wait(&self) -> Result<(), DriverError> {
        let running = |(status, _): &mut (JobStatus, _)| status.state.is_running();
        let status =
            self.ended.wait_while(self.lock(), running).unwrap_or_else(PoisonError::into_inner);
        status.1.clone().map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Waits until the job has ended or the clock's monotonic half stands so. Gives whether it has
    /// ended.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_until(&self, clock: &dyn Clock, until_us: u64) -> Result<bool, DriverError> {
        let bell = Wake::default();
        let number = {
            let mut bells = self.lock_bells();
            let number = bells.next;
            bells.next += 1;
            bells.by_number.insert(number, bell.clone());
            number
        };
        while self.lock().0.state.is_running() && clock.monotonic_us() < until_us {
            clock.wait_until_us(until_us, &bell);
        }
        self.lock_bells().by_number.remove(&number);
        if self.lock().0.state.is_running() { Ok(false) } else { self.wait().map(|()| true) }
    }

    fn lock(&self) -> MutexGuard<'_, (JobStatus, Option<JobFailure>)> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_bells(&self) -> MutexGuard<'_, Bells> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for StatusBoard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StatusBoard({:?})", self.snapshot())
    }
}
