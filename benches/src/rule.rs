//! Benches: whether a rate was held: one rule for every subject.
//!
//! Takes batches, reports of the feeder and a window of time. Gives the delays, and the first
//! reason why the rate was not held. Never looks at a subject's name.

use std::time::Duration;

use serde::Serialize;

use crate::report::{BatchReport, FeedReport};

/// The time that is looked at, in milliseconds since 1970, after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Batches later than this count.
    pub from_ms: i64,
    /// The last batch time that counts.
    pub to_ms: i64,
}

impl Window {
    fn has(self, time_ms: i64) -> bool {
        (self.from_ms + 1..=self.to_ms).contains(&time_ms)
    }
}

/// What was seen in a window.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verdict {
    /// Why the rate was not held, if it was not.
    pub failed: Option<String>,
    /// Batches.
    pub batches: usize,
    /// Lines counted per second of the window.
    pub rows_per_second: f64,
    /// The median of the batches' total delays.
    pub p50_ms: f64,
    /// The delay that 99 of 100 batches stay under.
    pub p99_ms: f64,
    /// The longest delay.
    pub max_ms: f64,
    /// How far the feeder was behind at most.
    pub behind_ms: f64,
}

/// A rate is held when every batch of the window is there, each with a total delay under two batch
/// intervals, and the feeder was never behind by more than one interval (or 100 ms): else the
/// subject held another rate than the one it was asked to.
pub fn judge(
    batches: &[BatchReport],
    feed: &[FeedReport],
    window: Window,
    interval: Duration,
) -> Verdict {
    let interval_ms = interval.as_secs_f64() * 1000.0;
    let seen: Vec<&BatchReport> = batches.iter().filter(|b| window.has(b.time_ms)).collect();
    let mut delays: Vec<f64> = seen.iter().map(|batch| batch.total_ms).collect();
    delays.sort_by(f64::total_cmp);
    let behind_ms = feed
        .iter()
        .filter(|report| window.has(report.at_ms))
        .fold(0.0_f64, |most, report| most.max(report.behind_ms));
    let length_ms = (window.to_ms - window.from_ms) as f64;
    let rows: u64 = seen.iter().map(|batch| batch.rows).sum();
    let mut verdict = Verdict {
        failed: None,
        batches: seen.len(),
        rows_per_second: rows as f64 * 1000.0 / length_ms,
        p50_ms: percentile(&delays, 0.5),
        p99_ms: percentile(&delays, 0.99),
        max_ms: delays.last().copied().unwrap_or(0.0),
        behind_ms,
    };
    let expected = (length_ms / interval_ms) as usize;
    let behind_max_ms = interval_ms.max(100.0);
    let broken = seen.iter().find_map(|batch| batch.failure.clone());
    verdict.failed = if let Some(failure) = broken {
        Some(failure)
    } else if verdict.batches + 1 < expected {
        Some(format!("{} of {expected} batches were done", verdict.batches))
    } else if verdict.max_ms >= 2.0 * interval_ms {
        Some(format!("a batch was delayed by {:.0} ms", verdict.max_ms))
    } else if behind_ms > behind_max_ms {
        Some(format!("the feeder was {behind_ms:.0} ms behind"))
    } else {
        None
    };
    verdict
}

/// The value that such a share of the sorted values does not exceed.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(0.0)
}
