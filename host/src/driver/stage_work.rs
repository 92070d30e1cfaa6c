//! Driver: what the tasks of one stage of a batch have cost.
//!
//! Takes the ends of attempts. Gives their sums. Those that failed count as well.

use std::time::Duration;

use crate::model::call_times::CallTimes;

/// The work of a stage.
#[derive(Debug, Default)]
pub struct StageWork {
    /// CPU time of its attempts.
    pub cpu: Duration,
    /// What of it calls of operators took.
    pub call_times: CallTimes,
    /// How many attempts there were.
    pub attempts: u32,
}

impl StageWork {
    /// Counts the end of an attempt.
    pub fn add(&mut self, cpu: Duration, call_times: &CallTimes) {
        self.cpu += cpu;
        self.call_times.absorb(call_times);
        self.attempts += 1;
    }
}
