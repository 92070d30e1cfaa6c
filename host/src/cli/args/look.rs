//! Cli: the arguments of commands that look into a job.
//!
//! Takes nothing. Gives types for clap; their help is the documentation.

use std::time::Duration;

use clap::Args;

use super::OneJobArgs;

/// Arguments of `dead-letters`.
#[derive(Debug, Args)]
pub struct LettersArgs {
    /// The job.
    #[command(flatten)]
    pub job: OneJobArgs,
    /// At most so many, the newest.
    #[arg(short = 'n', long, default_value_t = 20, conflicts_with = "retry", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
    /// Feed the oldest that can be into the job's next batch, and say what became of them.
    #[arg(long)]
    pub retry: bool,
    /// All that is known of each, as a JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `tap`.
#[derive(Debug, Args)]
pub struct TapArgs {
    /// The job.
    #[command(flatten)]
    pub job: OneJobArgs,
    /// A stream or source, a step by its name, or an operator as `plugin.operator`; unless given,
    /// the names of all that can be looked behind are shown.
    pub of: Option<String>,
    /// So many rows, the first that come.
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
    /// How long to wait for them, at most a minute.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub wait: Duration,
    /// A JSON object a row.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `state`.
#[derive(Debug, Args)]
pub struct StateArgs {
    /// The job.
    #[command(flatten)]
    pub job: OneJobArgs,
    /// The step's name; unless given, the steps that keep something are shown.
    pub step: Option<String>,
    /// One key alone: the value of the key column, texts and times without quotes, or a JSON array
    /// of those of several.
    #[arg(long, allow_hyphen_values = true, requires = "step")]
    pub key: Option<String>,
    /// The next page: what stands behind `--after` at the end of the page before.
    #[arg(long, conflicts_with = "key", requires = "step")]
    pub after: Option<String>,
    /// At most so many keys.
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
    /// A JSON object a key.
    #[arg(long)]
    pub json: bool,
}
