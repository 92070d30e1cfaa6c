//! Sys: the system's time, but never back.
//!
//! Takes a clock whose time may be set. Gives its time; once that was set back, the time it would
//! have had. Never falls behind the clock: one that is set forward is followed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::clock::{Clock, Wake};

/// A clock for what must go on at its pace, whatever becomes of the system's time.
#[derive(Debug)]
pub struct SteadyClock {
    clock: Arc<dyn Clock>,
    /// The most by which the time was ahead of the monotonic clock.
    ahead_us: AtomicI64,
}

impl SteadyClock {
    /// The time of that clock from now on.
    pub fn over(clock: Arc<dyn Clock>) -> Self {
        let steady = Self { clock, ahead_us: AtomicI64::new(i64::MIN) };
        steady.ahead_us();
        steady
    }

    /// Microseconds since 1970-01-01T00:00:00Z. May jump forward, never back.
    pub fn now_us(&self) -> i64 {
        let ahead_us = self.ahead_us();
        self.monotonic_us().saturating_add(ahead_us)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn now_ms(&self) -> i64 {
        self.now_us().div_euclid(1000)
    }

    /// Blocks until `now_us` is at least `until_us`, or until `wake` is notified. May return early.
    pub fn wait_until_us(&self, until_us: i64, wake: &Wake) {
        let until_us = until_us.saturating_sub(self.ahead_us());
        self.clock.wait_until_us(u64::try_from(until_us).unwrap_or(0), wake);
    }

    fn ahead_us(&self) -> i64 {
        // The time first: what passes between the two makes the difference smaller, never larger.
        let now_us = self.clock.now_us();
        let ahead_us = now_us.saturating_sub(self.monotonic_us());
        self.ahead_us.fetch_max(ahead_us, Ordering::Relaxed).max(ahead_us)
    }

    fn monotonic_us(&self) -> i64 {
        i64::try_from(self.clock.monotonic_us()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sys::clock::ManualClock;

    #[test]
    fn time_goes_on_when_it_is_set_back() {
        let clock = ManualClock::at_ms(10_000);
        let steady = SteadyClock::over(Arc::new(clock.clone()));
        clock.advance(Duration::from_secs(1));
        clock.set_back(Duration::from_secs(3_600));
        assert_eq!((steady.now_ms(), clock.now_ms()), (11_000, 11_000 - 3_600_000));
        clock.advance(Duration::from_secs(1));
        assert_eq!(steady.now_ms(), 12_000);
    }
}
