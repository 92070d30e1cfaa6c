//! Benches: one run of a subject on a feed: warm-up, then a window that is judged.
//!
//! Takes a subject, a rate and times. Gives the verdict and the subject's memory. Never leaves a
//! process behind.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::feed::Order;
use crate::feeder_process::FeederProcess;
use crate::memory::Memory;
use crate::rule::{Verdict, Window, judge};
use crate::subject_process::{Subject, SubjectProcess};

/// How long a subject may take to its first batch.
const START_MAX: Duration = Duration::from_secs(60);
/// How often a run is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The times of a trial.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The batch interval.
    pub interval: Duration,
    /// From the first batch until the window.
    pub warm_up: Duration,
    /// The window.
    pub hold: Duration,
}

/// How a trial went.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// Lines a second that were sent; none: as fast as they were taken.
    pub rate: Option<u64>,
    /// What was seen.
    pub verdict: Verdict,
    /// The subject's memory at the end of the window.
    pub memory: Memory,
}

/// Runs the subject at a rate, or on an unlimited feed.
///
/// # Errors
/// When a program does not start.
pub fn run(subject: &Subject, rate: Option<u64>, times: Times) -> anyhow::Result<Trial> {
    let feeder = FeederProcess::start(Order { rate, lines: None })?;
    let mut process = SubjectProcess::start(subject, feeder.port, times.interval)?;
    let ended = |verdict, memory| Ok(Trial { rate, verdict, memory });
    let fails = |why: &str| Verdict { failed: Some(why.to_owned()), ..Verdict::default() };
    if !first_batch(&mut process) {
        return ended(fails("it gave no batch"), process.memory());
    }
    let from_ms = now_ms() + millis(times.warm_up);
    let window = Window { from_ms, to_ms: from_ms + millis(times.hold) };
    // A batch of the window's end may take two intervals; later than that it has failed anyhow.
    let until_ms = window.to_ms + 2 * millis(times.interval) + millis(LOOK);
    let mut memory = Memory::default();
    while now_ms() < until_ms {
        std::thread::sleep(LOOK);
        if process.is_gone() {
            return ended(fails("it ended by itself"), memory);
        }
        if now_ms() <= window.to_ms {
            memory = process.memory();
        }
    }
    let verdict = judge(&process.batches(), &feeder.reports(), window, times.interval);
    ended(verdict, memory)
}

fn first_batch(process: &mut SubjectProcess) -> bool {
    let until = Instant::now() + START_MAX;
    while Instant::now() < until && !process.is_gone() {
        if process.counted().0 > 0 {
            return true;
        }
        std::thread::sleep(LOOK);
    }
    false
}

/// The time by the clock.
pub fn now_ms() -> i64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
