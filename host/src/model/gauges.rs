//! Model: the numbers of a job that a dashboard draws, as in Spark's `StreamingMetrics`.
//!
//! Takes what the driver counted. Gives plain values. What is not known yet is `None`, never -1.

use std::time::Duration;

/// A job's gauges at one moment. Times are microseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gauges {
    /// Receivers that are active.
    pub receivers: usize,
    /// Batches that have ended, failed ones too.
    pub total_completed_batches: u64,
    /// Rows of batches that have begun.
    pub total_received_rows: u64,
    /// Rows of batches that have ended.
    pub total_processed_rows: u64,
    /// Batches that wait or run.
    pub unprocessed_batches: usize,
    /// Batches that wait.
    pub waiting_batches: usize,
    /// Batches that run.
    pub running_batches: usize,
    /// Batches that have ended and are still kept.
    pub retained_completed_batches: usize,
    /// The last batch that ended.
    pub last_completed_batch: Option<LastCompleted>,
    /// The last batch that was made.
    pub last_received_batch: Option<LastReceived>,
}

/// When the last batch that ended was worked on, and how long that took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastCompleted {
    /// When it was made.
    pub submitted_us: i64,
    /// When it began.
    pub started_us: i64,
    /// When it ended.
    pub ended_us: i64,
    /// From its time to its beginning.
    pub scheduling_delay: Duration,
    /// From its beginning to its end.
    pub processing_delay: Duration,
    /// Both together.
    pub total_delay: Duration,
}

/// When the last batch that was made was worked on, as far as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastReceived {
    /// When it was made.
    pub submitted_us: i64,
    /// When it began.
    pub started_us: Option<i64>,
    /// When it ended.
    pub ended_us: Option<i64>,
    /// Its rows.
    pub rows: u64,
}
