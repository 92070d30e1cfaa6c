//! Timings: how long each round of a bench took, beside criterion's means.
//!
//! Takes what is to be timed. Gives criterion its times, and a table of medians, 99th percentiles
//! and ratios. Never counts the time to prepare, nor that to drop what a round gives back.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use tidemill_benches::figures::print_table;
use tidemill_benches::rule::percentile;

/// Samples of rounds that take milliseconds: criterion's hundred would take minutes.
const FEW_SAMPLES: usize = 20;

/// The benches of one group.
pub struct Timings<'c> {
    title: String,
    group: BenchmarkGroup<'c, WallTime>,
    /// The microseconds of each round, by name.
    rows: Vec<(String, Vec<f64>)>,
}

impl<'c> Timings<'c> {
    /// A group of rounds that take microseconds.
    pub fn of_short(criterion: &'c mut Criterion, title: &str) -> Self {
        let group = criterion.benchmark_group(title);
        Self { title: title.to_owned(), group, rows: Vec::new() }
    }

    /// A group of rounds that take milliseconds, each of them doing so much.
    pub fn of_long(criterion: &'c mut Criterion, title: &str, work: Throughput) -> Self {
        let mut timings = Self::of_short(criterion, title);
        timings.group.sample_size(FEW_SAMPLES).sampling_mode(SamplingMode::Flat).throughput(work);
        timings
    }

    /// Times rounds of what `prepare` gives, if it was asked for. The first one measured is what
    /// the others are compared with.
    pub fn time<Made, Run: FnMut() -> Made>(
        &mut self,
        name: &str,
        prepare: impl FnOnce() -> anyhow::Result<Run>,
    ) {
        let (mut prepare, mut run) = (Some(prepare), None);
        let mut rounds = Vec::new();
        self.group.bench_function(name, |bencher| {
            if let Some(prepare) = prepare.take() {
                let ready = prepare();
                run = Some(ready.unwrap_or_else(|error| panic!("`{name}` failed: {error:#}")));
            }
            let run = run.as_mut().expect("it was prepared the first time");
            bencher.iter_custom(|count| {
                let mut total = Duration::ZERO;
                for _ in 0..count {
                    let started = Instant::now();
                    let made = black_box(run());
                    let took = started.elapsed();
                    drop(made);
                    total += took;
                    rounds.push(took.as_secs_f64() * 1e6);
                }
                total
            });
        });
        if !rounds.is_empty() {
            rounds.sort_by(f64::total_cmp);
            self.rows.push((name.to_owned(), rounds));
        }
    }

    /// Ends the group and prints its table, if anything of it was asked for.
    pub fn end(self) {
        self.group.finish();
        let Some((_, first)) = self.rows.first() else { return };
        let first = percentile(first, 0.5);
        let head = [self.title.as_str(), "rounds", "p50", "p99", "p50 to the first"];
        let mut table = vec![head.map(str::to_owned).to_vec()];
        for (name, rounds) in &self.rows {
            let (p50, p99) = (percentile(rounds, 0.5), percentile(rounds, 0.99));
            let ratio = format!("{:.2}", p50 / first);
            table.push(vec![
                name.clone(),
                rounds.len().to_string(),
                micros(p50),
                micros(p99),
                ratio,
            ]);
        }
        print_table(&table);
        println!();
    }
}

fn micros(us: f64) -> String {
    if us < 1000.0 { format!("{us:.2} us") } else { format!("{:.2} ms", us / 1000.0) }
}
