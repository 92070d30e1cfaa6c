//! Benches: whether memory stays as it is over a long run (figure 4).
//!
//! Takes a subject and a rate, or any program at all. Gives its resident memory over time. Memory
//! is flat when the second half of the run adds less than a tenth to the first.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;

use crate::feed::Order;
use crate::feeder_process::FeederProcess;
use crate::figures::{print_json, print_table, row};
use crate::memory::{Memory, megabytes};
use crate::subject_process::{Subject, SubjectProcess};

/// Samples of a run.
const SAMPLES: u32 = 20;
/// What the second half may add to the first.
const GROWTH_MAX: f64 = 1.1;

#[derive(Debug, Serialize)]
struct Figures {
    seconds: Vec<f64>,
    resident_bytes: Vec<u64>,
    peak_bytes: u64,
    flat: bool,
}

/// Watches a subject at a rate.
///
/// # Errors
/// When a program does not start, or ends by itself.
pub fn subject(
    subject: &Subject,
    rate: u64,
    lasting: Duration,
    interval: Duration,
) -> anyhow::Result<()> {
    let feeder = FeederProcess::start(Order { rate: Some(rate), lines: None })?;
    let mut process = SubjectProcess::start(subject, feeder.port, interval)?;
    watch(lasting, || (!process.is_gone()).then(|| process.memory()))
}

/// Watches any program, its output thrown away.
///
/// # Errors
/// When it does not start, or ends by itself.
pub fn program(command: &[String], lasting: Duration) -> anyhow::Result<()> {
    let (program, arguments) = command.split_first().context("which program?")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("failed to start `{program}`"))?;
    let id = child.id();
    let watched = watch(lasting, || matches!(child.try_wait(), Ok(None)).then(|| Memory::of(id)));
    // It may have ended by itself, which was told already.
    let _killed = child.kill();
    let _waited = child.wait();
    watched
}

fn watch(lasting: Duration, mut look: impl FnMut() -> Option<Memory>) -> anyhow::Result<()> {
    let (began, mut seconds, mut resident_bytes) = (Instant::now(), Vec::new(), Vec::new());
    let mut peak_bytes = 0;
    for sample in 1..=SAMPLES {
        let due = lasting * sample / SAMPLES;
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let memory = look().context("the program ended by itself")?;
        seconds.push(began.elapsed().as_secs_f64());
        resident_bytes.push(memory.resident_bytes);
        peak_bytes = memory.peak_bytes;
    }
    let (first, second) = resident_bytes.split_at(resident_bytes.len() / 2);
    let most = |half: &[u64]| half.iter().copied().max().unwrap_or(0) as f64;
    let flat = most(second) < most(first) * GROWTH_MAX;
    let mut rows = vec![row(["after", "resident"])];
    let cells = seconds.iter().zip(&resident_bytes);
    rows.extend(cells.map(|(at, bytes)| vec![format!("{at:.0} s"), megabytes(*bytes)]));
    print_table(&rows);
    let word = if flat { "flat" } else { "growing" };
    println!("peak {}; {word}", megabytes(peak_bytes));
    print_json("flat", &Figures { seconds, resident_bytes, peak_bytes, flat })
}
