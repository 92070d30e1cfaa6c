//! Benches: total delays at a set rate and a short interval, the best of some runs (figure 3).
//!
//! Takes a rate, an interval and a number of runs. Gives p50, p99 and the longest delay beside how
//! late the machine's own timers were. A run beside late timers is shown, but cannot be the best.

use serde::Serialize;

use crate::figures::{millis, print_json, print_table, rate, row};
use crate::subject_process::Subject;
use crate::timer::{Overshoot, TimerWatch};
use crate::trial::{Times, Trial, run};

/// A machine whose timers are later than that (99 of 100 of them) says nothing about 5 ms batches.
const OVERSHOOT_MAX_MS: f64 = 2.0;

#[derive(Debug, Serialize)]
struct Run {
    trial: Trial,
    timers: Overshoot,
    discarded: bool,
}

/// Measures the subject.
///
/// # Errors
/// When a program does not start.
pub fn measure(subject: &Subject, at: u64, runs: usize, times: Times) -> anyhow::Result<()> {
    let mut rows =
        vec![row(["run", "p50", "p99", "longest", "timers p99", "timers latest", "lines/s", ""])];
    let mut all = Vec::new();
    for number in 1..=runs {
        let timer = TimerWatch::start(times.interval);
        let trial = run(subject, Some(at), times)?;
        let timers = timer.end();
        let discarded = timers.p99_ms > OVERSHOOT_MAX_MS;
        let verdict = &trial.verdict;
        rows.push(vec![
            number.to_string(),
            millis(verdict.p50_ms),
            millis(verdict.p99_ms),
            millis(verdict.max_ms),
            millis(timers.p99_ms),
            millis(timers.max_ms),
            rate(verdict.rows_per_second),
            if discarded { "late timers: discarded".to_owned() } else { String::new() },
        ]);
        all.push(Run { trial, timers, discarded });
    }
    print_table(&rows);
    let counted = all.iter().filter(|run| !run.discarded);
    let best = counted.map(|run| run.trial.verdict.p99_ms).min_by(f64::total_cmp);
    match best {
        Some(p99_ms) => println!("best p99: {}", millis(p99_ms)),
        None => println!("no run counts: the machine was busy"),
    }
    print_json("steady", &all)
}
