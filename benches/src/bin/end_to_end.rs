//! End to end: word count over a socket, measured from outside.
//!
//! Takes a figure and its options. Gives the figure as a table and as a line of JSON. Never does
//! any of the work that is measured: feeder and subject are processes of their own.
#![allow(clippy::disallowed_methods, reason = "benches live by the wall clock")]

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tidemill_benches::mode::highest::{self, Rates};
use tidemill_benches::mode::{flat, slow, start, steady, unlimited};
use tidemill_benches::plugin;
use tidemill_benches::subject_process::Subject;
use tidemill_benches::trial::Times;

/// Warm-up and window of `--quick`.
const QUICK: Duration = Duration::from_secs(5);

/// Measures word count over a socket.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    figure: Figure,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Args)]
struct Options {
    /// The batch interval.
    #[arg(long, global = true, value_parser = humantime::parse_duration, default_value = "1s")]
    interval: Duration,
    /// From the first batch until delays count.
    #[arg(long, global = true, value_parser = humantime::parse_duration, default_value = "60s")]
    warm_up: Duration,
    /// How long delays are looked at.
    #[arg(long, global = true, value_parser = humantime::parse_duration, default_value = "60s")]
    hold: Duration,
    /// Warm-up and hold of 5 s: to see that it runs, not for figures.
    #[arg(long, global = true)]
    quick: bool,
    /// Who counts in Tidemill: `guest` or `native`, again for both; `none` measures peers alone.
    #[arg(long, global = true, value_parser = ["guest", "native", "none"])]
    operators: Vec<String>,
    /// A further subject, as `name=program arguments`; it is given a port and the interval in ms.
    #[arg(long, global = true, value_parser = peer)]
    peer: Vec<Subject>,
    /// Further arguments of the program `subject`, such as `--executors=1`.
    #[arg(long, global = true, allow_hyphen_values = true)]
    with: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Figure {
    /// The highest rate at which total delays stay under two intervals.
    Highest {
        /// Tries these rates, in lines a second, instead of searching.
        #[arg(long, value_delimiter = ',')]
        rates: Vec<u64>,
        /// Where a search begins.
        #[arg(long)]
        from: Option<u64>,
    },
    /// The rate of an unlimited feed.
    Unlimited {
        /// Runs of each subject, in turn.
        #[arg(long, default_value_t = 1)]
        runs: usize,
    },
    /// Delays at a set rate.
    Steady {
        /// Lines a second.
        #[arg(long, default_value_t = 10_000)]
        rate: u64,
        /// Runs, of which the best counts.
        #[arg(long, default_value_t = 3)]
        runs: usize,
    },
    /// A stream ten times too fast for a slow plugin.
    Slow {
        /// Rounds of work on every line.
        #[arg(long, default_value_t = 200)]
        work: u32,
        /// How long it is sent.
        #[arg(long = "for", value_parser = humantime::parse_duration, default_value = "5m")]
        lasting: Duration,
        /// Bytes of blocks that may be held.
        #[arg(long, default_value_t = 128 * 1024 * 1024)]
        budget: u64,
    },
    /// From the start of the process until it has connected.
    Start {
        /// Runs that count.
        #[arg(long, default_value_t = 10)]
        runs: usize,
    },
    /// Resident memory over time, of Tidemill at a rate or of any program.
    Flat {
        /// Lines a second.
        #[arg(long, default_value_t = 1_000_000)]
        rate: u64,
        /// How long.
        #[arg(long = "for", value_parser = humantime::parse_duration, default_value = "10m")]
        lasting: Duration,
        /// A program with its arguments, instead of word count at a rate.
        #[arg(last = true)]
        program: Vec<String>,
    },
}

fn peer(text: &str) -> Result<Subject, String> {
    let (name, command) = text.split_once('=').ok_or("expected `name=program arguments`")?;
    let command = command.split_whitespace().map(str::to_owned).collect();
    Ok(Subject { name: name.to_owned(), command })
}

fn main() -> anyhow::Result<()> {
    let Cli { figure, options } = Cli::parse();
    let times = options.times();
    match figure {
        Figure::Highest { rates, from } => {
            let rates = if rates.is_empty() { Rates::Searched(from) } else { Rates::Given(rates) };
            highest::measure(&options.subjects()?, &rates, times)
        }
        Figure::Unlimited { runs } => unlimited::measure(&options.subjects()?, runs, times),
        Figure::Steady { rate, runs } => {
            options.subjects()?.iter().try_for_each(|it| steady::measure(it, rate, runs, times))
        }
        Figure::Slow { work, lasting, budget } => {
            let slow = [format!("--slow={work}"), format!("--budget={budget}")];
            let subject = options.tidemill("slow", &slow)?;
            slow::measure(&subject, budget, lasting, options.interval)
        }
        Figure::Start { runs } => {
            options.subjects()?.iter().try_for_each(|it| start::measure(it, runs, options.interval))
        }
        Figure::Flat { rate, lasting, program } if program.is_empty() => {
            let guest = options.tidemill("guest", &["--operators=guest".to_owned()])?;
            flat::subject(&guest, rate, lasting, options.interval)
        }
        Figure::Flat { lasting, program, .. } => flat::program(&program, lasting),
    }
}

impl Options {
    fn times(&self) -> Times {
        let (warm_up, hold) = if self.quick { (QUICK, QUICK) } else { (self.warm_up, self.hold) };
        Times { interval: self.interval, warm_up, hold }
    }

    /// Tidemill with each kind of operators that was asked for, then the peers.
    fn subjects(&self) -> anyhow::Result<Vec<Subject>> {
        let guest = ["guest".to_owned()];
        let kinds = if self.operators.is_empty() { &guest[..] } else { &self.operators };
        let tidemill = kinds.iter().filter(|kind| *kind != "none").map(|kind| {
            let arguments = [format!("--operators={kind}")];
            self.tidemill(&format!("tidemill ({kind})"), &arguments)
        });
        let mut subjects = tidemill.collect::<Result<Vec<_>, _>>()?;
        subjects.extend(self.peer.iter().cloned());
        Ok(subjects)
    }

    fn tidemill(&self, name: &str, arguments: &[String]) -> anyhow::Result<Subject> {
        // Built here, so that no subject spends its start on it.
        let component = plugin::component("word_count")?;
        let mut arguments = arguments.to_vec();
        arguments.push(format!("--component={}", component.display()));
        arguments.extend_from_slice(&self.with);
        Subject::tidemill(name, &arguments)
    }
}
