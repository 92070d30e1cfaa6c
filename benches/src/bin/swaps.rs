//! Swaps: many versions of a plugin swapped into a job under load, over HTTP, from outside.
//!
//! Takes a number of swaps and a rate. Gives lost, repeated and mixed rows, memory a swap, and
//! total delays during swaps beside those of a quiet time just before.
#![allow(clippy::disallowed_methods, reason = "benches live by the wall clock")]

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use serde::Serialize;
use serde_json::json;
use tidemill_benches::figures::{grouped, millis, print_json, print_table, row};
use tidemill_benches::ids::{IdFeed, Ledger};
use tidemill_benches::rule::percentile;
use tidemill_benches::served_job::{Batch, ServedJob};
use tidemill_benches::trial::now_ms;
use tidemill_benches::versions::Versions;

/// What p99 of total delay may be during swaps, times that of the quiet time.
const DELAY_RATIO_MAX: f64 = 1.5;
/// What a swap may add to memory.
const SWAP_BYTES_MAX: f64 = 10.0 * 1024.0;
const LOOK: Duration = Duration::from_millis(2);

/// Swaps plugins of a running job and measures what that costs.
#[derive(Debug, Parser)]
struct Cli {
    /// Swaps.
    #[arg(long, default_value_t = 1000)]
    swaps: usize,
    /// Time between two swaps; one is asked for later when the one before still waits.
    #[arg(long, value_parser = humantime::parse_duration, default_value = "100ms")]
    every: Duration,
    /// Rows a second.
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// The batch interval.
    #[arg(long, value_parser = humantime::parse_duration, default_value = "50ms")]
    interval: Duration,
    /// How long delays are looked at before the first swap.
    #[arg(long, value_parser = humantime::parse_duration, default_value = "30s")]
    quiet: Duration,
    /// A digest of its own for each swap, which has to be compiled.
    #[arg(long)]
    fresh: bool,
}

#[derive(Debug, Serialize)]
struct Figures {
    ledger: Ledger,
    switches: usize,
    quiet: Delays,
    swapping: Delays,
    delay_ratio: f64,
    pause_p99_ms: f64,
    bytes_a_swap: f64,
    request_p50_ms: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Delays {
    batches: usize,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

impl Delays {
    fn of(batches: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = batches.collect();
        sorted.sort_by(f64::total_cmp);
        Self {
            batches: sorted.len(),
            p50_ms: percentile(&sorted, 0.5),
            p99_ms: percentile(&sorted, 0.99),
            max_ms: sorted.last().copied().unwrap_or_default(),
        }
    }
}

/// What was seen while plugins were swapped.
struct Swapped {
    /// Resident bytes after each swap.
    resident: Vec<u64>,
    /// How long each request took.
    requests_ms: Vec<f64>,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let program = std::env::current_exe()?;
    let folder = program.parent().context("a program lies in a folder")?.join("bench-swaps");
    // What an earlier run has left.
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder)?;
    let figures = measure(&cli, &folder)?;
    std::fs::remove_dir_all(&folder)?;
    show(&cli, &figures);
    print_json("swaps", &figures)
}

fn measure(cli: &Cli, folder: &Path) -> anyhow::Result<Figures> {
    let versions = Versions::in_folder(folder)?;
    let feed = IdFeed::start(cli.rate)?;
    let first = versions.known(0)?;
    std::fs::write(folder.join("job.toml"), job(&first, feed.port, cli.interval))?;
    let job = ServedJob::start(folder, "swapped", &folder.join("artefacts"))?;
    // Both are compiled before anything is looked at.
    swap(&job, &versions.known(1)?)?;
    std::thread::sleep(cli.interval * 20);
    let quiet_from = now_ms();
    std::thread::sleep(cli.quiet);
    let swaps_from = now_ms();
    let swapped = swap_many(cli, &job, &versions)?;
    let swaps_to = now_ms();
    std::thread::sleep(cli.interval * 4);
    let quiet = job.batches(quiet_from, swaps_from)?;
    let during = job.batches(swaps_from, swaps_to)?;
    let sent = feed.end()?;
    job.drain(sent)?;
    let ledger = Ledger::of(&folder.join("out"), sent)?;
    let delays = |batches: &[Batch]| Delays::of(batches.iter().map(|batch| batch.total_ms));
    let (quiet, swapping) = (delays(&quiet), delays(&during));
    let switched = during.windows(2).filter(|pair| pair[0].digest != pair[1].digest);
    let pauses: Vec<f64> =
        switched.map(|pair| (pair[1].total_ms - quiet.p50_ms).max(0.0)).collect();
    Ok(Figures {
        ledger,
        switches: pauses.len(),
        quiet,
        swapping,
        delay_ratio: swapping.p99_ms / quiet.p99_ms,
        pause_p99_ms: Delays::of(pauses.into_iter()).p99_ms,
        bytes_a_swap: slope(&swapped.resident),
        request_p50_ms: Delays::of(swapped.requests_ms.into_iter()).p50_ms,
    })
}

fn swap_many(cli: &Cli, job: &ServedJob, versions: &Versions) -> anyhow::Result<Swapped> {
    let mut swapped = Swapped { resident: Vec::new(), requests_ms: Vec::new() };
    let began = Instant::now();
    for number in 0..cli.swaps {
        let due = cli.every * u32::try_from(number)?;
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let component = match cli.fresh {
            true => versions.fresh(10 + number)?,
            false => versions.known(number % 2)?,
        };
        swapped.requests_ms.push(swap(job, &component)?);
        if cli.fresh {
            std::fs::remove_file(component)?;
        }
        swapped.resident.push(job.memory().resident_bytes);
    }
    Ok(swapped)
}

/// Swaps when no swap waits. Gives how long the request took.
fn swap(job: &ServedJob, component: &Path) -> anyhow::Result<f64> {
    while job.is_waiting()? {
        std::thread::sleep(LOOK);
    }
    let body = json!({ "plugins": { "stamped": component } });
    let asked = Instant::now();
    let (status, answer) = job.ask("POST", "/swap", Some(&body))?;
    anyhow::ensure!(status == 202, "{answer}");
    Ok(asked.elapsed().as_secs_f64() * 1000.0)
}

/// Bytes a swap, by least squares over all but the first tenth.
fn slope(resident: &[u64]) -> f64 {
    let points: Vec<(f64, f64)> = resident
        .iter()
        .enumerate()
        .skip(resident.len() / 10)
        .map(|(swap, bytes)| (swap as f64, *bytes as f64))
        .collect();
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (x, y) = (x / count, y / count);
    let both: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    both / spread
}

fn job(component: &Path, port: u16, interval: Duration) -> String {
    format!(
        "name = \"swapped\"\nbatch_interval = \"{}\"\n\
         [plugins.stamped]\ncomponent = \"{}\"\n\
         [sources.ids]\ntype = \"socket\"\naddress = \"127.0.0.1:{port}\"\n\
         format = \"csv\"\nschema = {{ id = \"int64\" }}\n\
         [streams.stamped]\nfrom = \"ids\"\n\
         steps = [{{ flat_map = \"stamped.stamp\", as = [\"id\", \"version\"] }}]\n\
         [sinks.out]\ntype = \"files\"\npath = \"out\"\nfrom = \"stamped\"\nformat = \"csv\"\n",
        humantime::format_duration(interval),
        component.display()
    )
}

fn show(cli: &Cli, figures: &Figures) {
    let delays = |name: &str, delays: &Delays| {
        let [p50, p99, max] = [delays.p50_ms, delays.p99_ms, delays.max_ms].map(millis);
        vec![name.to_owned(), grouped(delays.batches as u64), p50, p99, max]
    };
    print_table(&[
        row(["total delay", "batches", "p50", "p99", "longest"]),
        delays("quiet", &figures.quiet),
        delays("swapping", &figures.swapping),
    ]);
    let word = |holds: bool| if holds { "holds" } else { "FAILS" };
    let Ledger { sent, lost, repeated, mixed } = figures.ledger;
    println!(
        "{} rows: {lost} lost, {repeated} repeated, {mixed} batches of mixed versions: {}",
        grouped(sent),
        word([lost, repeated, mixed] == [0, 0, 0])
    );
    println!(
        "p99 of swapping to quiet: {:.2}, at most {DELAY_RATIO_MAX}: {}",
        figures.delay_ratio,
        word(figures.delay_ratio <= DELAY_RATIO_MAX)
    );
    let interval_ms = cli.interval.as_secs_f64() * 1000.0;
    println!(
        "pause of a switch, p99 of {}: {}, at most a batch: {}",
        figures.switches,
        millis(figures.pause_p99_ms),
        word(figures.pause_p99_ms <= interval_ms)
    );
    println!(
        "memory a swap: {:.0} bytes, at most {SWAP_BYTES_MAX:.0}: {}; a request takes {}",
        figures.bytes_a_swap,
        word(figures.bytes_a_swap <= SWAP_BYTES_MAX),
        millis(figures.request_p50_ms)
    );
}
