//! Benches: how many lines a second a subject takes when it is never made to wait.
//!
//! Takes subjects. Gives lines counted per second. Says nothing of delays: a subject that has no
//! bound on what it takes in is late for ever.

use crate::figures::{print_json, print_table, rate, row};
use crate::memory::megabytes;
use crate::subject_process::Subject;
use crate::trial::{Times, Trial, run};

/// Runs the subject on an unlimited feed. Whatever the rule says of it, its rate is a figure.
///
/// # Errors
/// When a program does not start.
pub fn trial(subject: &Subject, times: Times) -> anyhow::Result<Trial> {
    let warm_up = times.warm_up.min(std::time::Duration::from_secs(10));
    let hold = times.hold.min(std::time::Duration::from_secs(20));
    run(subject, None, Times { warm_up, hold, ..times })
}

/// Measures the subjects, so many times each, in turn, so that a drift of the machine meets all.
///
/// # Errors
/// When a program does not start.
pub fn measure(subjects: &[Subject], runs: usize, times: Times) -> anyhow::Result<()> {
    let mut rows = vec![row(["", "lines/s", "batches", "p50", "resident", "peak"])];
    for _ in 0..runs {
        for subject in subjects {
            let trial = run(subject, None, times)?;
            print_json(&format!("unlimited {}", subject.name), &trial)?;
            rows.push(vec![
                subject.name.clone(),
                rate(trial.verdict.rows_per_second),
                trial.verdict.batches.to_string(),
                format!("{:.0} ms", trial.verdict.p50_ms),
                megabytes(trial.memory.resident_bytes),
                megabytes(trial.memory.peak_bytes),
            ]);
        }
    }
    print_table(&rows);
    Ok(())
}
