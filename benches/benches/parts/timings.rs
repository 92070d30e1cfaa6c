//! Timings: how long each round of a bench took, beside criterion's means.
//!
//! Takes what is to be timed. Gives criterion its times, and a table of the least, the median and
//! the 99th percentile, with ratios to the first row. Never counts the time to prepare, nor that to
//! drop what a round gives back.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use tidemill_benches::figures::{print_table, row};
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
        let shares = |rounds: &[f64]| [0.0, 0.5, 0.99].map(|share| percentile(rounds, share));
        let [first_least, first_p50, _] = shares(first);
        let head = [self.title.as_str(), "rounds", "least", "p50", "p99", "x least", "x p50"];
        let mut table = vec![row(head)];
        for (name, rounds) in &self.rows {
            let [least, p50, p99] = shares(rounds);
            let times = [least, p50, p99].map(micros);
            let ratios = [least / first_least, p50 / first_p50].map(|ratio| format!("{ratio:.2}"));
            let cells = [vec![name.clone(), rounds.len().to_string()], times.into(), ratios.into()];
            table.push(cells.concat());
        }
        print_table(&table);
        println!();
    }
}

fn micros(us: f64) -> String {
    if us < 1000.0 { format!("{us:.2} us") } else { format!("{:.2} ms", us / 1000.0) }
}
