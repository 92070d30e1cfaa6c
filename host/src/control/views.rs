//! Control: what is shown over HTTP, as it is written: its JSON is the interface.
//!
//! Takes values of the driver, copied. Gives JSON. Never holds anything that lives.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits::{SHADOW_SHARE_DEFAULT, SWAP_WATCHED_BATCHES};

/// Rows, word by word as a sink would write them: a value of JSON in memory is a double, which
/// bends decimals and long whole numbers.
#[derive(Debug, Serialize)]
pub struct RowsView {
    /// An object of each.
    pub rows: Vec<Box<RawValue>>,
    /// Each as `print` shows it.
    pub shown: Vec<String>,
    /// What else is told of them.
    #[serde(flatten)]
    pub of: serde_json::Value,
}

/// What a look gives: names, where nobody says what is to be seen.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Looked<T> {
    /// What could be looked at.
    Names(serde_json::Value),
    /// What is seen.
    Rows(T),
}

/// Rows of the next batches.
#[derive(Debug, Serialize)]
pub struct SeenView {
    /// Batch by batch.
    pub batches: Vec<RowsView>,
}

/// A job at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobView {
    /// Its name.
    pub name: String,
    /// `running`, `paused`, `draining`, `stopped` or `failed`.
    pub state: &'static str,
    /// Why it has failed.
    pub failure: Option<String>,
    /// Time between its batches.
    pub batch_interval_us: u64,
    /// When its run began, in microseconds since the epoch.
    pub run_us: i64,
    /// Batches that have ended.
    pub batches: u64,
    /// Those that failed.
    pub failed_batches: u64,
    /// Rows of all batches that have ended.
    pub rows_in: u64,
    /// Rows that operators refused.
    pub rejected_rows: u64,
    /// Records that sources could not use.
    pub bad_rows: u64,
    /// Batches that wait to run.
    pub queued_batches: usize,
    /// Rows that wait.
    pub backlog_rows: u64,
    /// Bytes held of the block budget.
    pub held_bytes: usize,
    /// Counters of plugins.
    pub counters: BTreeMap<String, u64>,
    /// Its plugins.
    pub plugins: Vec<PluginView>,
    /// How often swaps have brought others since its run began.
    pub swaps: u64,
    /// How often it has gone back, by itself or as somebody asked.
    pub rollbacks: u64,
    /// Versions that it is not to run again.
    pub quarantined: usize,
    /// The batch that ended last.
    pub last_batch: Option<LastBatchView>,
    /// What runs in the shadow of its batches.
    pub shadow: Option<ShadowView>,
    /// Batches whose inputs are retained.
    pub retained_inputs: usize,
    /// Bytes that these hold.
    pub retained_input_bytes: usize,
}

/// New versions of a job's plugins that run in the shadow of the current ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShadowView {
    /// The digests of the plugins, by their names in the job.
    pub digests: BTreeMap<String, String>,
    /// Batches that are to run.
    pub batches: u32,
    /// Those that have run.
    pub ran: u32,
    /// Those of them with another output.
    pub differing: u32,
    /// Batches for which there was no time or no room.
    pub batches_left_out: u32,
    /// Partitions of sources for which there was no time, of those that have run.
    pub partitions_left_out: u64,
}

/// A plugin of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginView {
    /// Its name in the job.
    pub name: String,
    /// The blake3 digest of its component.
    pub digest: String,
    /// What it says its version is.
    pub version: String,
}

/// The batch that ended last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastBatchView {
    /// Its time, in milliseconds since the epoch.
    pub time_ms: i64,
    /// Its rows.
    pub rows_in: u64,
    /// Whether it failed.
    pub failed: bool,
    /// From its time until it began to run.
    pub scheduling_delay_us: u64,
    /// From then until its last output was published.
    pub processing_delay_us: u64,
    /// Both together.
    pub total_delay_us: u64,
}

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineView {
    /// Its place among all lines of the job's run.
    pub number: u64,
    /// When it was said, in microseconds since the epoch.
    pub at_us: i64,
    /// `error`, `warn`, `info` or `debug`.
    pub level: &'static str,
    /// The words.
    pub text: String,
}

/// A job that is submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The text of the job file.
    pub text: String,
    /// The folder that paths in it are taken from, from the root.
    pub folder: String,
    /// How messages call the file.
    #[serde(default = "unnamed")]
    pub file_name: String,
}

fn unnamed() -> String {
    "job.toml".to_owned()
}

/// A mistake of a job file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingView {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What was found, and what is allowed.
    pub message: String,
    /// What would mend it, where that is known.
    pub help: Option<String>,
}

/// The body of a response to a request that is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorView {
    /// A word for programs.
    pub code: &'static str,
    /// Words for people.
    pub message: String,
    /// Mistakes of a job file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingView>,
}

/// What a swap is asked with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwapBody {
    /// The component files on the server's machine, by the plugins' names in the job.
    pub plugins: BTreeMap<String, PathBuf>,
    /// As [`crate::model::version::SwapRules::allow`].
    #[serde(default)]
    pub allow: Vec<String>,
    /// As [`crate::model::version::SwapRules::drop_state`].
    #[serde(default)]
    pub drop_state: bool,
    /// As [`crate::model::version::SwapRules::restart_windows`].
    #[serde(default)]
    pub restart_windows: bool,
    /// As [`crate::model::version::SwapRules::force`].
    #[serde(default)]
    pub force: bool,
    /// As [`crate::model::version::SwapRules::watched_batches`].
    #[serde(default = "watched")]
    pub watched_batches: u32,
    /// As [`crate::model::version::SwapRules::slower_max`].
    pub slower_max: Option<f64>,
    /// As [`crate::model::version::SwapRules::replay`].
    #[serde(default = "yes")]
    pub replay: bool,
    /// As [`crate::model::version::SwapRules::same`].
    #[serde(default)]
    pub same: bool,
    /// As [`crate::model::version::SwapRules::shadow_batches`].
    #[serde(default)]
    pub shadow_batches: u32,
    /// As [`crate::model::version::SwapRules::shadow_share`].
    #[serde(default = "share")]
    pub shadow_share: f64,
}

fn yes() -> bool {
    true
}

fn share() -> f64 {
    SHADOW_SHARE_DEFAULT
}

/// What a replay is asked with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayBody {
    /// The batch's time, in milliseconds since the epoch; the newest that is retained unless given.
    pub batch_ms: Option<i64>,
    /// Component files on the server's machine, by the plugins' names in the job.
    #[serde(default)]
    pub plugins: BTreeMap<String, PathBuf>,
    /// The only partition of sources whose rows are read.
    pub partition: Option<usize>,
    /// Whether the batch's rows are wanted as a case for `tidemill test`.
    #[serde(default)]
    pub case: bool,
}

fn watched() -> u32 {
    SWAP_WATCHED_BATCHES
}
