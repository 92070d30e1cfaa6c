//! Sys: what time it is, and waiting until it is later.
//!
//! Takes a time to wait for. Gives the system's time, or one that a test moves by hand. Never
//! sleeps where a test could not wake it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that can be asked and waited for.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Microseconds since 1970-01-01T00:00:00Z. May jump when the system's time is set.
    fn now_us(&self) -> i64;

    /// Microseconds since some fixed instant; never goes back. For measuring delays.
    fn monotonic_us(&self) -> u64;

    /// Blocks until `monotonic_us` is at least `until_us`, or until `wake` is notified. May return
    /// early.
    fn wait_until_us(&self, until_us: u64, wake: &Wake);

    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64 {
        self.now_us().div_euclid(1000)
    }
}

/// Ends a wait early. Clones share the same bell; a ring before the wait is not lost.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<(Mutex<bool>, Condvar)>);

impl Wake {
    /// Ends the current wait, or the next one.
    pub fn ring(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    fn wait_at_most(&self, longest: Duration) {
        let rung = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut rung, _) = self
            .0
            .1
            .wait_timeout_while(rung, longest, |rung| !*rung)
            .unwrap_or_else(PoisonError::into_inner);
        *rung = false;
    }
}

/// The system's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// The system's clock; its monotonic half starts at zero.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn wait_until_us(&self, until_us: u64, wake: &Wake) {
        let left = until_us.saturating_sub(self.monotonic_us());
        if left > 0 {
            wake.wait_at_most(Duration::from_micros(left));
        }
    }
}

/// A clock that stands until a test moves it.
#[derive(Debug, Clone)]
pub struct ManualClock {
    state: Arc<(Mutex<ManualState>, Condvar)>,
}

#[derive(Debug, Default)]
struct ManualState {
    now_us: i64,
    monotonic_us: u64,
    waiting: Vec<Wake>,
}

impl ManualClock {
    /// A clock that stands at so many milliseconds since the epoch, as does its monotonic half.
    pub fn at_ms(now_ms: i64) -> Self {
        let (now_us, waiting) = (now_ms * 1000, Vec::new());
        let state =
            ManualState { now_us, monotonic_us: u64::try_from(now_us).unwrap_or(0), waiting };
        Self { state: Arc::new((Mutex::new(state), Condvar::new())) }
    }

    /// Moves the clock and wakes whoever waits on it.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.now_us += i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        state.monotonic_us += u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        state.waiting.drain(..).for_each(|wake| wake.ring());
    }

    /// Sets the time back, as a person or a time server does; the monotonic half stays.
    pub fn set_back(&self, by: Duration) {
        let mut state = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.now_us -= i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> i64 {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner).now_us
    }

    fn monotonic_us(&self) -> u64 {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner).monotonic_us
    }

    fn wait_until_us(&self, until_us: u64, wake: &Wake) {
        {
            let mut state = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.monotonic_us >= until_us {
                return;
            }
            state.waiting.push(wake.clone());
        }
        // Long, not endless: a lost ring shows as a slow test, not as one that hangs.
        wake.wait_at_most(Duration::from_secs(60));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_the_clock_ends_a_wait() {
        let clock = ManualClock::at_ms(1_000);
        let waiting = clock.clone();
        let waiter = std::thread::spawn(move || {
            let wake = Wake::default();
            while waiting.now_ms() < 2_000 {
                waiting.wait_until_us(2_000_000, &wake);
            }
            waiting.now_ms()
        });
        clock.advance(Duration::from_secs(1));
        assert_eq!(waiter.join().expect("the waiter ends"), 2_000);
    }
}
