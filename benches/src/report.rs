//! Benches: what subjects and feeders say while they run: a line of JSON at a time.
//!
//! Takes facts. Gives lines, and facts of lines. Peers write the same lines from their own
//! languages; only the first three fields of a batch are asked of them.

use std::io::Write;

use serde::{Deserialize, Serialize};

/// A batch (or a window of that length) that a subject is through with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct BatchReport {
    /// When it ended by the clock, in milliseconds since 1970.
    pub time_ms: i64,
    /// Lines that it counted.
    pub rows: u64,
    /// From its time until its result was there.
    pub total_ms: f64,
    /// From its time until work on it began, where that is told apart.
    #[serde(default)]
    pub scheduling_ms: f64,
    /// CPU time of its tasks, where it is known.
    #[serde(default)]
    pub cpu_ms: f64,
    /// Words of its result, all counts added up, where the result was looked at.
    #[serde(default)]
    pub words: u64,
    /// The most bytes of blocks that were held at once so far, where that is known.
    #[serde(default)]
    pub held_bytes_max: u64,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// How a feeder stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct FeedReport {
    /// When it was so, in milliseconds since 1970.
    pub at_ms: i64,
    /// Lines that were sent.
    pub sent: u64,
    /// How far it was behind its rate, at most, since the last report.
    pub behind_ms: f64,
    /// Whether no more will be sent.
    #[serde(default)]
    pub ended: bool,
}

/// The first line of a feeder.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Listening {
    /// The port it listens on.
    pub port: u16,
}

/// Writes a line to standard output. A reader that is gone ends the program: it was its purpose.
pub fn say(line: &impl Serialize) {
    let written = serde_json::to_string(line)
        .map_err(std::io::Error::from)
        .and_then(|line| writeln!(std::io::stdout().lock(), "{line}"));
    if written.is_err() {
        std::process::exit(0);
    }
}
