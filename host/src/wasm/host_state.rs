//! Wasm: what the host keeps beside one instance while it lives.
//!
//! Takes limits and the port that log lines of the guest leave through. Gives what the guest's
//! imports, its limiter and its epoch need. Never outlives the attempt of a task.

use std::sync::Arc;
use std::time::Duration;

use super::cpu_time::{self, CpuMeter};
use super::guest_broadcasts::{GivenRows, GuestBroadcasts};
use super::store_limits::StoreLimits;
use crate::limits;
use crate::model::counted::is_counter_name;
use crate::model::text::escape;
use crate::model::text::number_of;
use crate::wasm::plugin_limits::PluginLimits;

/// How much a guest thinks a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestLogLevel {
    /// Something failed.
    Error,
    /// Something is odd.
    Warn,
    /// Something happened.
    Info,
    /// For whoever looks for a fault.
    Debug,
}

impl GuestLogLevel {
    /// `error`, `warn`, `info` or `debug`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// Where the log lines of guests go. They are escaped and bounded already.
pub trait GuestPort: Send + Sync {
    /// One log line of the job's plugin of that name.
    fn log(&self, plugin: &str, level: GuestLogLevel, message: &str);
}

/// A port into nothing.
#[derive(Debug)]
pub struct SilentPort;

impl GuestPort for SilentPort {
    fn log(&self, _plugin: &str, _level: GuestLogLevel, _message: &str) {}
}

/// On whose behalf an instance is called.
#[derive(Clone)]
pub(super) struct Caller {
    /// The plugin's name in the job.
    pub(super) plugin: Arc<str>,
    pub(super) port: Arc<dyn GuestPort>,
}

/// Why a guest's trap is about to come, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Panicked {
    pub(super) message: String,
    pub(super) step: u32,
    pub(super) row: Option<u32>,
}

/// What the host keeps beside one instance.
pub(super) struct HostState {
    pub(super) limits: StoreLimits,
    pub(super) cpu: CpuMeter,
    pub(super) panicked: Option<Panicked>,
    pub(super) caller: Caller,
    broadcasts: GuestBroadcasts,
    plugin_limits: PluginLimits,
    log: LogBudget,
    /// Sums of the current call, in the order of their first mention.
    counters: Vec<(String, u64)>,
}

impl HostState {
    pub(super) fn new(
        plugin: &PluginLimits,
        cpu: Duration,
        caller: Caller,
        broadcasts: GuestBroadcasts,
    ) -> Self {
        let memory = plugin.memory_bytes.min(limits::INSTANCE_MEMORY_BYTES_MAX);
        Self {
            limits: StoreLimits::new(memory),
            cpu: CpuMeter::new(cpu),
            panicked: None,
            caller,
            broadcasts,
            plugin_limits: *plugin,
            log: LogBudget { left: plugin.log_bytes, dropped: 0 },
            counters: Vec::new(),
        }
    }

    /// Whether any log line would still be taken; asked before a line is read.
    pub(super) fn takes_lines(&mut self) -> bool {
        self.log.is_open()
    }

    pub(super) fn log(&mut self, level: GuestLogLevel, message: &str) {
        let line = escape(message, limits::GUEST_TEXT_BYTES_MAX);
        if self.log.grant(line.len()) {
            self.caller.port.log(&self.caller.plugin, level, &line);
        }
    }

    /// A broadcast that the operator has declared. Its rows earn CPU time as those of the task's
    /// input do, once: who asks again is given no more.
    pub(super) fn broadcast(&mut self, operator: u32, name: &str) -> Option<Arc<GivenRows>> {
        let given = self.broadcasts.read(operator, name)?;
        if given.first {
            let (rows, bytes) = given.rows.size();
            self.cpu.grant(cpu_time::earned(&self.plugin_limits, rows, bytes));
        }
        Some(given.rows)
    }

    /// Adds up; the sums leave when the call has succeeded, so that what a failed call counted is
    /// not counted again by its retry.
    pub(super) fn count(&mut self, name: &str, delta: u64) {
        if !is_counter_name(name) {
            return;
        }
        if let Some((_, sum)) = self.counters.iter_mut().find(|(known, _)| known == name) {
            *sum = sum.saturating_add(delta);
        } else if self.counters.len() < limits::COUNTERS_MAX {
            self.counters.push((name.to_owned(), delta));
        }
    }

    pub(super) fn take_counters(&mut self) -> Vec<(String, u64)> {
        std::mem::take(&mut self.counters)
    }

    /// Says how many lines were dropped, once, when the instance ends.
    pub(super) fn report_dropped_lines(&mut self) {
        let dropped = std::mem::take(&mut self.log.dropped);
        if dropped > 0 {
            let (one, many) =
                ("further log line of the task was", "further log lines of the task were");
            let message = format!("{} dropped", number_of(dropped, one, many));
            self.caller.port.log(&self.caller.plugin, GuestLogLevel::Warn, &message);
        }
    }
}

/// Bytes of log that a task has left.
#[derive(Debug)]
struct LogBudget {
    left: usize,
    dropped: u64,
}

impl LogBudget {
    /// Once a line did not fit, the budget stays closed: a gap in a log should be one gap.
    fn is_open(&mut self) -> bool {
        let open = self.dropped == 0 && self.left >= limits::LOG_LINE_BYTES_MIN;
        self.dropped += u64::from(!open);
        open
    }

    fn grant(&mut self, bytes: usize) -> bool {
        let rest = self.left.checked_sub(bytes.max(limits::LOG_LINE_BYTES_MIN));
        match rest {
            Some(rest) => self.left = rest,
            None => self.dropped += 1,
        }
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_budget_closes_once_and_counts_what_it_drops() {
        let mut budget = LogBudget { left: 100, dropped: 0 };
        assert!(budget.is_open() && budget.grant(60));
        assert!(budget.is_open() && !budget.grant(50));
        assert!(!budget.is_open() && !budget.is_open());
        assert_eq!(budget.dropped, 3);
    }

    #[test]
    fn empty_lines_are_not_free() {
        let mut budget = LogBudget { left: 2 * limits::LOG_LINE_BYTES_MIN, dropped: 0 };
        assert!(budget.grant(0) && budget.grant(0));
        assert!(!budget.is_open());
    }
}
