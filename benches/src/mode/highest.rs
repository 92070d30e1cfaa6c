//! Benches: the highest rate a subject holds, and the rate of its unlimited feed (figures 1, 2).
//!
//! Takes subjects, which are measured one after the other by one rule. Gives for each the rate,
//! the delays and the memory at it, and how it stands to the first. Never compares across runs.

use serde::Serialize;

use super::unlimited;
use crate::figures::{millis, print_json, print_table, rate, row};
use crate::memory::megabytes;
use crate::search::Search;
use crate::subject_process::Subject;
use crate::trial::{Times, Trial, run};

/// Where a search begins that knows no better.
const SEARCH_FROM_MIN: u64 = 100_000;

/// Which rates are tried.
#[derive(Debug, Clone)]
pub enum Rates {
    /// These.
    Given(Vec<u64>),
    /// By a search from this one, or from what an unlimited feed suggests.
    Searched(Option<u64>),
}

#[derive(Debug, Clone, Serialize)]
struct Figures {
    subject: String,
    unlimited_rows_per_second: f64,
    highest: Option<Trial>,
    trials: Vec<Trial>,
}

/// Measures the subjects.
///
/// # Errors
/// When a program does not start.
pub fn measure(subjects: &[Subject], rates: &Rates, times: Times) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for subject in subjects {
        let figures = measure_one(subject, rates, times)?;
        print_json("highest", &figures)?;
        all.push(figures);
    }
    println!();
    print_table(&table(&all));
    Ok(())
}

fn measure_one(subject: &Subject, rates: &Rates, times: Times) -> anyhow::Result<Figures> {
    let unlimited = unlimited::trial(subject, times)?.verdict.rows_per_second;
    eprintln!("{}: {} lines/s unlimited", subject.name, rate(unlimited));
    let trials = match rates {
        Rates::Given(rates) => {
            rates.iter().map(|rate| trial(subject, *rate, times)).collect::<Result<_, _>>()?
        }
        Rates::Searched(first) => {
            // Beside an unlimited feeder a subject has less of the machine than beside a paced one.
            // One that chokes on an unlimited feed may still hold a rate.
            let first = first.unwrap_or((unlimited as u64).max(SEARCH_FROM_MIN));
            search(subject, first, times)?
        }
    };
    let held = trials.iter().filter(|trial| trial.verdict.failed.is_none());
    let highest = held.max_by_key(|trial| trial.rate).cloned();
    let subject = subject.name.clone();
    Ok(Figures { subject, unlimited_rows_per_second: unlimited, highest, trials })
}

fn search(subject: &Subject, first: u64, times: Times) -> anyhow::Result<Vec<Trial>> {
    let (mut search, mut trials) = (Search::from(first), Vec::new());
    while let Some(rate) = search.next() {
        let trial = trial(subject, rate, times)?;
        search.note(rate, trial.verdict.failed.is_none());
        trials.push(trial);
    }
    Ok(trials)
}

fn trial(subject: &Subject, at: u64, times: Times) -> anyhow::Result<Trial> {
    let trial = run(subject, Some(at), times)?;
    let verdict = &trial.verdict;
    let how = verdict.failed.as_deref().unwrap_or("held");
    eprintln!(
        "{} at {}: {how}; p50 {}, p99 {}, {}",
        subject.name,
        rate(at as f64),
        millis(verdict.p50_ms),
        millis(verdict.p99_ms),
        megabytes(trial.memory.peak_bytes)
    );
    Ok(trial)
}

fn table(all: &[Figures]) -> Vec<Vec<String>> {
    let mut rows = vec![row([
        "",
        "lines/s held",
        "first to it",
        "p50",
        "p99",
        "resident",
        "peak",
        "unlimited",
    ])];
    let held = |figures: &Figures| {
        figures.highest.as_ref().map_or(0.0, |trial| trial.verdict.rows_per_second)
    };
    let first = all.first().map_or(0.0, held);
    for figures in all {
        let unlimited = rate(figures.unlimited_rows_per_second);
        let Some(highest) = &figures.highest else {
            let mut none = row([&figures.subject, "none", "", "", "", "", ""]);
            none.push(unlimited);
            rows.push(none);
            continue;
        };
        rows.push(vec![
            figures.subject.clone(),
            rate(held(figures)),
            format!("{:.2}", first / held(figures)),
            millis(highest.verdict.p50_ms),
            millis(highest.verdict.p99_ms),
            megabytes(highest.memory.resident_bytes),
            megabytes(highest.memory.peak_bytes),
            unlimited,
        ]);
    }
    rows
}
