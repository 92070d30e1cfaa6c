//! Model: batch times and their arithmetic.
//!
//! Takes and gives milliseconds since the epoch. Never asks what time it is.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// The end instant of a batch, in milliseconds since 1970-01-01T00:00:00Z: a multiple of the
/// batch interval (Spark's time grid).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchTime(pub i64);

impl BatchTime {
    /// The first multiple of the interval strictly after `now_ms`.
    pub fn first_after(now_ms: i64, interval: Duration) -> Self {
        let interval = interval_ms(interval);
        Self((now_ms.div_euclid(interval) + 1) * interval)
    }

    /// The next multiple of the interval.
    pub fn next(self, interval: Duration) -> Self {
        Self(self.0 + interval_ms(interval))
    }

    /// The time that lies so far before.
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(interval_ms(span)))
    }

    /// The last time at or before it on the grid of the interval, which begins at the epoch.
    pub fn floor(self, interval: Duration) -> Self {
        Self(self.0 - self.0.rem_euclid(interval_ms(interval)))
    }

    /// Whether it lies on the grid of the interval, which begins at the epoch.
    pub fn is_multiple_of(self, interval: Duration) -> bool {
        self.0.rem_euclid(interval_ms(interval)) == 0
    }

    /// As RFC 3339 writes it: what is told so can be asked for so.
    pub fn rfc3339(self) -> String {
        let since = Duration::from_millis(u64::try_from(self.0).unwrap_or(0));
        humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
    }

    /// For people: UTC time of day, to the millisecond where the batch is not on a second.
    pub fn of_day(self) -> String {
        let (seconds, ms) = (self.0.div_euclid(1000).rem_euclid(86_400), self.0.rem_euclid(1000));
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if ms == 0 {
            format!("{hours:02}:{minutes:02}:{seconds:02}")
        } else {
            format!("{hours:02}:{minutes:02}:{seconds:02}.{ms:03}")
        }
    }
}

impl fmt::Display for BatchTime {
    /// As Spark prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// An interval in whole milliseconds, at least one.
pub fn interval_ms(interval: Duration) -> i64 {
    i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_batch_is_strictly_after_the_start() {
        let interval = Duration::from_secs(1);
        assert_eq!(BatchTime::first_after(10_000, interval), BatchTime(11_000));
        assert_eq!(BatchTime::first_after(10_001, interval), BatchTime(11_000));
        assert_eq!(BatchTime::first_after(-1, interval), BatchTime(0));
    }

    /// Case Q03 of Spark's suites, on a grid that begins at the epoch.
    #[test]
    fn a_time_is_floored_to_its_grid() {
        let interval = Duration::from_millis(200);
        for (time, floor) in [(1_350, 1_200), (199, 0), (200, 200), (-1, -200)] {
            assert_eq!(BatchTime(time).floor(interval), BatchTime(floor), "{time}");
            assert!(BatchTime(floor).is_multiple_of(interval));
        }
    }

    /// Case Q03 of Spark's suites: the times from one to another.
    #[test]
    fn times_follow_each_other_on_the_grid() {
        let step = Duration::from_millis(100);
        let first = BatchTime::first_after(999, step);
        let times = std::iter::successors(Some(first), |time| Some(time.next(step)));
        let times: Vec<i64> = times.take_while(|time| time.0 <= 1_250).map(|time| time.0).collect();
        assert_eq!(times, [1_000, 1_100, 1_200]);
        assert_eq!(BatchTime(1_200).before(2 * step), first);
    }

    #[test]
    fn people_are_told_the_time_of_day() {
        assert_eq!(BatchTime(86_400_000 + 3_723_005).of_day(), "01:02:03.005");
        assert_eq!(BatchTime(1_357_008_430_000).of_day(), "02:47:10");
    }
}
