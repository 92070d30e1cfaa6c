//! Control: a hosted job that could not be started again with its process.
//!
//! Takes the job and why. Gives what is shown of it, so that nobody takes it for gone. Never runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::ControlError;
use super::hosted::micros;
use super::lines::RecentLines;
use super::views::JobView;
use crate::model::status::JobState;
use crate::sys::clock::Clock;

/// A job that lies on the shelf and does not run.
#[derive(Debug)]
pub struct Unstarted {
    name: String,
    submitted_ms: i64,
    batch_interval: Duration,
    /// When its start was tried.
    run_us: i64,
    reason: String,
    lines: Arc<RecentLines>,
}

impl Unstarted {
    /// A job that cannot be started for that reason.
    pub(super) fn new(
        (name, submitted_ms, batch_interval): (&str, i64, Duration),
        reason: &ControlError,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let (reason, lines) = (reason.to_string(), RecentLines::new(Arc::clone(clock)));
        lines.say("error", &format!("not started again: {reason}"));
        let (name, run_us) = (name.to_owned(), clock.now_us());
        Self { name, submitted_ms, batch_interval, run_us, reason, lines }
    }

    /// When it was submitted.
    pub(super) fn submitted_ms(&self) -> i64 {
        self.submitted_ms
    }

    /// What it has said, which is why it does not run.
    pub(super) fn lines(&self) -> &Arc<RecentLines> {
        &self.lines
    }

    /// Why nothing can be asked of it.
    pub(super) fn refusal(&self) -> ControlError {
        ControlError::NotStarted { name: self.name.clone(), reason: self.reason.clone() }
    }

    /// How it stands.
    pub(super) fn view(&self) -> JobView {
        JobView {
            name: self.name.clone(),
            state: JobState::Failed.word(),
            failure: Some(format!("not started again: {}", self.reason)),
            batch_interval_us: micros(self.batch_interval),
            run_us: self.run_us,
            batches: 0,
            failed_batches: 0,
            rows_in: 0,
            rejected_rows: 0,
            bad_rows: 0,
            queued_batches: 0,
            backlog_rows: 0,
            held_bytes: 0,
            counters: BTreeMap::new(),
            plugins: Vec::new(),
            swaps: 0,
            rollbacks: 0,
            quarantined: 0,
            last_batch: None,
            shadow: None,
            retained_inputs: 0,
            retained_input_bytes: 0,
        }
    }
}
