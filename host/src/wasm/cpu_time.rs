//! Wasm: the CPU time that the guests of one task may use, and have used.
//!
//! Takes readings of the thread's CPU clock. Gives an error when the budget is used up. Never
//! reads a clock for a call that ends within one tick.

use std::time::Duration;

use crate::limits;
use crate::model::operator::TaskFacts;
use crate::wasm::plugin_limits::PluginLimits;

/// A task used more CPU time than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} ms of cpu time were used, limit is {} ms", found.as_millis(), allowed.as_millis())]
pub(super) struct CpuTimeExceeded {
    pub(super) found: Duration,
    pub(super) allowed: Duration,
}

/// The budget of one task, and what of it is spent.
#[derive(Debug)]
pub(super) struct CpuMeter {
    allowed: Duration,
    spent: Duration,
    /// The clock when the first tick of the running call was seen.
    since: Option<Duration>,
}

impl CpuMeter {
    pub(super) fn new(allowed: Duration) -> Self {
        Self { allowed, spent: Duration::ZERO, since: None }
    }

    /// Allows more.
    pub(super) fn grant(&mut self, more: Duration) {
        self.allowed = self.allowed.saturating_add(more);
    }

    /// A tick of the epoch during a call, at this reading of the thread's CPU clock. The first one
    /// is charged whole: the call began within it.
    pub(super) fn on_tick(&mut self, now: Duration) -> Result<(), CpuTimeExceeded> {
        let since = *self.since.get_or_insert(now);
        let found = self.spent + now.saturating_sub(since) + limits::EPOCH_TICK;
        if found > self.allowed {
            return Err(CpuTimeExceeded { found, allowed: self.allowed });
        }
        Ok(())
    }

    /// The end of a call. The clock is asked only if a tick was seen.
    pub(super) fn on_return(&mut self, now: impl FnOnce() -> Duration) {
        if let Some(since) = self.since.take() {
            self.spent += now().saturating_sub(since) + limits::EPOCH_TICK;
        }
    }
}

/// The CPU time of a task with so much input.
pub(super) fn budget(limits: &PluginLimits, facts: &TaskFacts) -> Duration {
    limits.cpu_base.saturating_add(earned(limits, facts.input_rows, facts.input_bytes))
}

/// The CPU time that so many rows and bytes earn.
pub(super) fn earned(limits: &PluginLimits, rows: u64, bytes: u64) -> Duration {
    let share = |each: Duration, count: u64| {
        let nanos = u64::try_from(each.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(nanos.saturating_mul(count))
    };
    share(limits.cpu_per_row, rows).saturating_add(share(limits.cpu_per_byte, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn budget_spans_all_calls_of_a_task() {
        let mut meter = CpuMeter::new(ms(10));
        meter.on_tick(ms(100)).expect("within the budget");
        meter.on_tick(ms(104)).expect("within the budget");
        meter.on_return(|| ms(105));
        meter.on_return(|| panic!("the clock is not asked for a short call"));
        // Six are spent; the thread did something else until 200.
        meter.on_tick(ms(200)).expect("within the budget");
        let error = meter.on_tick(ms(204)).expect_err("past the budget");
        assert_eq!(error, CpuTimeExceeded { found: ms(11), allowed: ms(10) });
    }
}
