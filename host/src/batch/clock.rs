//! Batch: the batch clock, on the grid of the interval's multiples.
//!
//! Takes the time. Gives each batch time that has become due, late ones too, in order. Never skips
//! one.

use std::time::Duration;

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
    pub fn due(&mut self, now_ms: i64) -> Option<BatchTime> {
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
}
