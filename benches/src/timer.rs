//! Benches: how late the machine's timers are while something is measured.
//!
//! Takes an interval. Gives how late a thread woke that slept to each multiple of it. It is a
//! measure of the machine, not of a subject: a busy one makes short batches look late.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::rule::percentile;

/// How late wake-ups were.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Overshoot {
    /// The median.
    pub p50_ms: f64,
    /// What 99 of 100 stay under.
    pub p99_ms: f64,
    /// The latest.
    pub max_ms: f64,
}

/// A thread that sleeps and looks how late it woke.
#[derive(Debug)]
pub struct TimerWatch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<f64>>,
}

impl TimerWatch {
    /// Starts sleeping to multiples of the interval from now on.
    pub fn start(interval: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut due, mut late) = (Instant::now(), Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                due += interval;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                late.push(due.elapsed().as_secs_f64() * 1000.0);
            }
            late
        });
        Self { stop, thread }
    }

    /// Ends it.
    pub fn end(self) -> Overshoot {
        self.stop.store(true, Ordering::Relaxed);
        let mut late = self.thread.join().unwrap_or_default();
        late.sort_by(f64::total_cmp);
        Overshoot {
            p50_ms: percentile(&late, 0.5),
            p99_ms: percentile(&late, 0.99),
            max_ms: late.last().copied().unwrap_or(0.0),
        }
    }
}
