//! Cli: how much of the batch log is kept, as it can be typed.
//!
//! Takes nothing. Gives arguments for clap, and bounds for the store. Never lets in a bound under
//! which batches would leave while they run.

use std::time::Duration;

use clap::Args;
use tidemill::config::job_file::{read_duration, read_size};
use tidemill::limits::{BATCH_LOG_AGE_MIN, BATCH_LOG_BYTES_MIN};
use tidemill::store::retention::Retention;

/// How much of the batch log is kept.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// How long batches stay in the batch log, a minute at least; seven days unless given.
    #[arg(long, value_name = "DURATION", value_parser = age)]
    log_retention: Option<Duration>,
    /// How many bytes the records of the batch log may have, of all jobs together, 64KiB at least;
    /// 128MiB unless given. The oldest leave first, and the newest stays.
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    log_bytes: Option<u64>,
}

impl LogArgs {
    /// What is kept.
    pub fn retention(&self) -> Retention {
        let unless_given = Retention::default();
        Retention {
            age_max: self.log_retention.unwrap_or(unless_given.age_max),
            bytes_max: self.log_bytes.unwrap_or(unless_given.bytes_max),
        }
    }
}

fn age(text: &str) -> Result<Duration, String> {
    let age = read_duration(text)?;
    if age < BATCH_LOG_AGE_MIN {
        let least = humantime::format_duration(BATCH_LOG_AGE_MIN);
        return Err(format!("it is {least} at least: a batch may run that long"));
    }
    Ok(age)
}

fn bytes(text: &str) -> Result<u64, String> {
    let bytes = read_size(text)?;
    if bytes < BATCH_LOG_BYTES_MIN {
        let least = BATCH_LOG_BYTES_MIN / 1024;
        return Err(format!("it is {least}KiB at least: less does not hold the batches that run"));
    }
    Ok(bytes)
}
