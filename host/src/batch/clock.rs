//! Batch: the batch clock, on the grid of the interval's multiples.
//!
//! Takes the time. Gives each batch time that has become due, late ones too, in order, or the
//! latest of them only, as the job says. Never skips one otherwise that a queue could still hold.

use std::time::Duration;

use crate::limits::LATE_TICKS_MAX;
use crate::model::policy::CatchUp;
use crate::model::time::{BatchTime, interval_ms};

/// Which batch is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchClock {
    interval: Duration,
    catch_up: CatchUp,
    next: BatchTime,
}

impl BatchClock {
    /// A clock whose first batch is the first multiple of the interval after `now_ms`.
    pub fn start(now_ms: i64, interval: Duration) -> Self {
        let next = BatchTime::first_after(now_ms, interval);
        Self { interval, catch_up: CatchUp::Replay, next }
    }

    /// The same clock, which does so with ticks that were missed.
    pub fn catching_up(self, catch_up: CatchUp) -> Self {
        Self { catch_up, ..self }
    }

    /// The batch that is due next.
    pub fn next(&self) -> BatchTime {
        self.next
    }

    /// The next batch time if it has come; asked again, the one after it.
    ///
    /// A clock that was set forward by years owes more ticks than anyone can work off: those that
    /// no queue could hold are left out, and what was received goes to the next one. A clock that
    /// merges leaves out all but the latest.
    pub fn due(&mut self, now_ms: i64) -> Option<BatchTime> {
        let late_ms = match self.catch_up {
            CatchUp::Replay => interval_ms(self.interval.saturating_mul(LATE_TICKS_MAX)),
            CatchUp::Merge => interval_ms(self.interval),
        };
        if now_ms.saturating_sub(self.next.0) >= late_ms {
            let first = BatchTime::first_after(now_ms - late_ms, self.interval);
            self.next = self.next.max(first);
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
    fn late_ticks_are_merged_into_the_latest() {
        let second = Duration::from_secs(1);
        let mut clock = BatchClock::start(10_500, second).catching_up(CatchUp::Merge);
        assert_eq!(clock.due(10_999), None);
        assert_eq!(clock.due(11_000), Some(BatchTime(11_000)), "nothing is merged in time");
        assert_eq!(clock.due(12_999), Some(BatchTime(12_000)));
        assert_eq!(clock.due(17_999), Some(BatchTime(17_000)));
        assert_eq!(clock.due(17_999), None);
        assert_eq!(clock.due(20_000), Some(BatchTime(20_000)));
        assert_eq!(clock.next(), BatchTime(21_000));
    }

    /// Case Q01, in our terms: every tick of the grid comes, the late ones too.
    #[test]
    fn ticks_fall_on_the_grid_however_the_time_moves() {
        let mut clock = BatchClock::start(-1, Duration::from_millis(100));
        let mut ticks = Vec::new();
        for now_ms in [0, 100, 300] {
            ticks.extend(std::iter::from_fn(|| clock.due(now_ms)).map(|time| time.0));
        }
        assert_eq!(ticks, [0, 100, 200, 300]);
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
