//! Wasm: what the instances of a plugin may use.
//!
//! Takes what a job grants. Gives one value for sandbox, meters and answers. Never enforces a limit
//! itself.

use std::time::Duration;

use super::exchange::AnswerLimits;
use crate::limits;

/// What the instances of a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PluginLimits {
    /// Linear memory, all memories of an instance together.
    pub memory_bytes: usize,
    /// CPU time of a task, and of `describe`.
    pub cpu_base: Duration,
    /// CPU time granted beyond that for each row of a task's input.
    pub cpu_per_row: Duration,
    /// CPU time granted beyond that for each byte of a task's input.
    pub cpu_per_byte: Duration,
    /// What one call may give back.
    pub answer: AnswerLimits,
    /// Bytes of log of a task.
    pub log_bytes: usize,
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            memory_bytes: limits::INSTANCE_MEMORY_BYTES_MAX,
            cpu_base: limits::TASK_CPU_BASE,
            cpu_per_row: limits::TASK_CPU_PER_ROW,
            cpu_per_byte: limits::TASK_CPU_PER_BYTE,
            answer: AnswerLimits::default(),
            log_bytes: limits::TASK_LOG_BYTES_MAX,
        }
    }
}
