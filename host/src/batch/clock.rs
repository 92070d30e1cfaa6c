//! Batch: the batch clock, on the grid of the interval's multiples.
//!
//! Takes the time. Gives each batch time that has become due, late ones too, in order. Never skips
//! one that a queue of batches could still hold.

use std::time::Duration;

use crate::limits::LATE_TICKS_MAX;
use crate::model::time::BatchTime;

/// Which batch is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchClock {
    interval: Duration,
    next: BatchTime,
}

impl BatchClock {
    /// A clock whose first batch is the first multiple of the interval after `now_ms`.
    pub fn start(now_ms: i64, interval: Duration) -> Self {
        Self { interval, next: BatchTime::first_after(now_ms, interval) }
    }

    /// The batch that is due next.
    pub fn next(&self) -> BatchTime {
        self.next
    }

    /// The next batch time if it has come; asked again, the one after it.
    ///
    /// A clock that was set forward by years owes more ticks than anyone can work off: those that
    /// no queue could hold are left out, and what was received goes to the next one.
    pub fn due(&mut self, now_ms: i64) -> Option<BatchTime> {
        let held = self.interval.saturating_mul(LATE_TICKS_MAX);
        let held_ms = i64::try_from(held.as_millis()).unwrap_or(i64::MAX);
        if now_ms.saturating_sub(self.next.0) > held_ms {
            self.next = BatchTime::first_after(now_ms - held_ms, self.interval);
        }
        (now_ms >= self.next.0).then(|| self.take())
    }

    /// The next batch time, whether it has come or not: the last batch of a job that drains.
    pub fn take(&mut self) -> BatchTime {
        let time = self.next;
        self.next = time.next(self.interval);
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_ticks_come_one_by_one_in_order() {
        let mut clock = BatchClock::start(10_500, Duration::from_secs(1));
        assert_eq!(clock.due(10_999), None);
        assert_eq!(clock.due(13_200), Some(BatchTime(11_000)));
        assert_eq!(clock.due(13_200), Some(BatchTime(12_000)));
        assert_eq!(clock.due(13_200), Some(BatchTime(13_000)));
        assert_eq!(clock.due(13_200), None);
    }

    #[test]
    fn a_clock_set_forward_by_years_owes_no_more_than_a_queue_holds() {
        let mut clock = BatchClock::start(0, Duration::from_millis(10));
        let now_ms = 50 * 365 * 86_400_000_i64;
        let ticks: Vec<BatchTime> = std::iter::from_fn(|| clock.due(now_ms)).collect();
        assert_eq!(ticks.len(), LATE_TICKS_MAX as usize);
        assert_eq!(ticks.last(), Some(&BatchTime(now_ms)));
        assert!(ticks.windows(2).all(|pair| pair[1].0 - pair[0].0 == 10));
    }
}
