//! Benches: a stream ten times too fast for a slow plugin (figure 5).
//!
//! Takes a plugin that works so much on every line, and a time. Gives whether memory stayed under
//! the budget, the sender was slowed, and every line that was sent was counted once.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::feed::Order;
use crate::feeder_process::FeederProcess;
use crate::figures::{grouped, print_json, rate};
use crate::memory::{Memory, megabytes};
use crate::report::BatchReport;
use crate::subject_process::{Subject, SubjectProcess};
use crate::text::WORDS_PER_LINE;
use crate::trial::{Times, run};

/// How many times too fast the stream is.
const TIMES_TOO_FAST: u64 = 10;
/// How often a run is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long nothing may be counted before the rest is held for lost.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize)]
struct Figures {
    capacity: f64,
    rate: u64,
    sent: u64,
    sent_per_second: f64,
    rows: u64,
    words: u64,
    held_bytes_max: u64,
    budget_bytes: u64,
    memory: Memory,
}

/// Measures the subject.
///
/// # Errors
/// When a program does not start, or any of the three does not hold.
pub fn measure(
    subject: &Subject,
    budget_bytes: u64,
    lasting: Duration,
    interval: Duration,
) -> anyhow::Result<()> {
    let seconds = Duration::from_secs;
    let short = Times { interval, warm_up: seconds(3), hold: lasting.min(seconds(10)) };
    let capacity = run(subject, None, short)?.verdict.rows_per_second;
    let too_fast = (capacity as u64).max(1) * TIMES_TOO_FAST;
    println!("{} lines/s is what it can do; it is sent {}", rate(capacity), rate(too_fast as f64));
    let mut feeder = FeederProcess::start(Order { rate: Some(too_fast), lines: None })?;
    let mut process = SubjectProcess::start(subject, feeder.port, interval)?;
    std::thread::sleep(lasting);
    feeder.stop();
    let sent = until_counted(&feeder, &mut process)?;
    let memory = process.memory();
    let batches = process.drain()?;
    let sum = |of: fn(&BatchReport) -> u64| batches.iter().map(of).sum::<u64>();
    let figures = Figures {
        capacity,
        rate: too_fast,
        sent,
        sent_per_second: sent as f64 / lasting.as_secs_f64(),
        rows: sum(|batch| batch.rows),
        words: sum(|batch| batch.words),
        held_bytes_max: batches.iter().map(|batch| batch.held_bytes_max).max().unwrap_or(0),
        budget_bytes,
        memory,
    };
    print_json("slow", &figures)?;
    check(&figures)
}

/// Waits until everything that was sent is counted, or nothing more comes.
fn until_counted(feeder: &FeederProcess, process: &mut SubjectProcess) -> anyhow::Result<u64> {
    let (mut counted, mut moved) = (0, Instant::now());
    loop {
        std::thread::sleep(LOOK);
        anyhow::ensure!(!process.is_gone(), "the subject ended by itself");
        let (rows, _) = process.counted();
        if let Some(sent) = feeder.ended().filter(|sent| rows >= *sent) {
            return Ok(sent);
        }
        if rows > counted {
            (counted, moved) = (rows, Instant::now());
        }
        anyhow::ensure!(moved.elapsed() < PATIENCE, "nothing was counted after {counted} lines");
    }
}

fn check(figures: &Figures) -> anyhow::Result<()> {
    let Figures { sent, rows, words, held_bytes_max, budget_bytes, .. } = figures;
    println!(
        "sent {}, at {} lines/s; counted {} lines, {} words",
        grouped(*sent),
        rate(figures.sent_per_second),
        grouped(*rows),
        grouped(*words)
    );
    println!(
        "blocks held at most {} of {}; resident at most {}",
        megabytes(*held_bytes_max),
        megabytes(*budget_bytes),
        megabytes(figures.memory.peak_bytes)
    );
    anyhow::ensure!(sent == rows, "{sent} lines were sent and {rows} counted");
    anyhow::ensure!(sent * WORDS_PER_LINE == *words, "{sent} lines gave {words} words");
    anyhow::ensure!(held_bytes_max <= budget_bytes, "more was held than the budget allows");
    let slowed = figures.sent_per_second < figures.rate as f64 / 2.0;
    anyhow::ensure!(slowed, "the sender was not slowed");
    println!("every line once, memory under the budget, the sender slowed");
    Ok(())
}
