//! Benches: resident memory of a process, as Linux counts it.
//!
//! Takes a process's number. Gives bytes; zeros where the system does not say.

use serde::Serialize;

/// Resident memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Now.
    pub resident_bytes: u64,
    /// The most there was at once.
    pub peak_bytes: u64,
}

impl Memory {
    /// That of the process.
    pub fn of(process: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        Self { resident_bytes: field(&status, "VmRSS:"), peak_bytes: field(&status, "VmHWM:") }
    }
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Bytes as MB, for tables.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}
