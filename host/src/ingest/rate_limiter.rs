//! Ingest: the rate limiter of a source: how many rows and bytes it may bring now.
//!
//! Takes rates, and the time from a clock. Gives allowances, which grow with time up to a bound,
//! and how long until there is one. Never waits itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::IngestError;
use crate::limits::{RATE_BURST_MAX, RATE_LOOK_WAIT_MAX, RATE_LOOK_WAIT_MIN};
use crate::model::backpressure::{Backpressure, SourceRates};
use crate::model::id::SourceId;
use crate::model::source::{SourceConnector, SourceDeclaration};
use crate::sys::clock::Clock;

/// The limiters of sources that have a rate.
pub type RateLimiters = BTreeMap<SourceId, Arc<RateLimiter>>;

/// What a source may bring now. Below 0 it has brought more than its rate already.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Rows.
    pub rows: f64,
    /// Bytes.
    pub bytes: f64,
}

impl Allowance {
    /// Everything.
    pub const UNLIMITED: Self = Self { rows: f64::INFINITY, bytes: f64::INFINITY };

    /// Whether a row may come. The last one may have more bytes than are left: no row is too large
    /// for its rate.
    pub fn admits_a_row(self) -> bool {
        self.rows >= 1.0 && self.bytes > 0.0
    }
}

/// Keeps one source to its rate, however many threads it brings rows on.
#[derive(Debug)]
pub struct RateLimiter {
    clock: Arc<dyn Clock>,
    max_rate: Option<f64>,
    buckets: Mutex<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    rows: Bucket,
    bytes: Bucket,
}

/// A token bucket. It is empty at the start, so that the first batch gets no more than its rate.
#[derive(Debug, Clone)]
struct Bucket {
    /// Tokens a second; `None`: as many as anyone likes.
    rate: Option<f64>,
    burst: Duration,
    level: f64,
    filled_us: u64,
}

impl Bucket {
    fn new(rate: Option<f64>, burst: Duration, now_us: u64) -> Self {
        Self { rate, burst, level: 0.0, filled_us: now_us }
    }

    fn fill(&mut self, now_us: u64) {
        let elapsed_us = now_us.saturating_sub(self.filled_us);
        self.filled_us += elapsed_us;
        if let Some(rate) = self.rate {
            // One token at least, or nothing would ever pass.
            let full = (rate * self.burst.as_secs_f64()).max(1.0);
            self.level = (self.level + rate * elapsed_us as f64 / 1e6).min(full);
        }
    }

    fn level(&self) -> f64 {
        self.rate.map_or(f64::INFINITY, |_| self.level)
    }

    fn spend(&mut self, tokens: f64) {
        if self.rate.is_some() {
            self.level -= tokens;
        }
    }

    /// Until there is one token.
    fn wait(&self) -> Duration {
        let lacking = self.rate.map_or(0.0, |rate| (1.0 - self.level) / rate);
        Duration::try_from_secs_f64(lacking).unwrap_or(RATE_LOOK_WAIT_MAX)
    }
}

impl RateLimiter {
    /// A limiter of so many rows a second at first and at most, and of so many bytes. What was not
    /// brought may come later, as much as comes in `burst`.
    ///
    /// # Errors
    /// Says which rate is none.
    pub fn new(
        initial_rate: Option<f64>,
        rates: SourceRates,
        burst: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let initial = SourceRates { max_rate: initial_rate, max_bytes_rate: None };
        if let Some(problem) = rates.problems().into_iter().chain(initial.problems()).next() {
            return Err(problem);
        }
        let SourceRates { max_rate, max_bytes_rate } = rates;
        let rate = initial_rate.map_or(max_rate, |rate| Some(capped(rate, max_rate)));
        let now_us = clock.monotonic_us();
        let buckets = Buckets {
            rows: Bucket::new(rate, burst, now_us),
            bytes: Bucket::new(max_bytes_rate, burst, now_us),
        };
        Ok(Self { clock, max_rate, buckets: Mutex::new(buckets) })
    }

    /// Rows a second, where there is a limit.
    pub fn rate(&self) -> Option<f64> {
        self.buckets().rows.rate
    }

    /// Bytes a second, where there is a limit.
    pub fn bytes_rate(&self) -> Option<f64> {
        self.buckets().bytes.rate
    }

    /// Whether everything may come at once, for now.
    pub fn is_open(&self) -> bool {
        let buckets = self.buckets();
        buckets.rows.rate.is_none() && buckets.bytes.rate.is_none()
    }

    /// Changes the rate to so many rows a second, or to the most that is allowed. What is no rate
    /// changes nothing.
    pub fn update(&self, rate: f64) {
        if !(rate.is_finite() && rate > 0.0) {
            return;
        }
        self.buckets().rows.rate = Some(capped(rate, self.max_rate));
    }

    /// What may come now.
    pub fn allowance(&self) -> Allowance {
        let buckets = self.buckets();
        Allowance { rows: buckets.rows.level(), bytes: buckets.bytes.level() }
    }

    /// Counts what has come.
    pub fn spend(&self, rows: u64, bytes: usize) {
        let mut buckets = self.buckets();
        buckets.rows.spend(rows as f64);
        buckets.bytes.spend(bytes as f64);
    }

    /// Takes at most so many rows at once; none while none may come.
    pub fn take(&self, rows_max: usize) -> usize {
        let mut buckets = self.buckets();
        let allowed = Allowance { rows: buckets.rows.level(), bytes: buckets.bytes.level() };
        if !allowed.admits_a_row() {
            return 0;
        }
        let rows = if allowed.rows < rows_max as f64 { allowed.rows as usize } else { rows_max };
        buckets.rows.spend(rows as f64);
        rows
    }

    /// How long to wait before asking again: until a row may come, but not so long that a changed
    /// rate went unnoticed.
    pub fn wait(&self) -> Duration {
        let buckets = self.buckets();
        let wait = buckets.rows.wait().max(buckets.bytes.wait());
        wait.clamp(RATE_LOOK_WAIT_MIN, RATE_LOOK_WAIT_MAX)
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let now_us = self.clock.monotonic_us();
        buckets.rows.fill(now_us);
        buckets.bytes.fill(now_us);
        buckets
    }
}

fn capped(rate: f64, max_rate: Option<f64>) -> f64 {
    max_rate.map_or(rate, |max_rate| rate.min(max_rate))
}

/// The limiters of a job's sources: of all but given datasets, if rates follow the batches, or of
/// those with a rate of their own.
///
/// # Errors
/// Names the source with a rate that is none.
pub fn limiters(
    sources: &[SourceDeclaration],
    backpressure: &Backpressure,
    batch_interval: Duration,
    clock: &Arc<dyn Clock>,
) -> Result<RateLimiters, IngestError> {
    let burst = batch_interval.min(RATE_BURST_MAX);
    let mut limiters = RateLimiters::new();
    for (id, source) in (0..).map(SourceId).zip(sources) {
        let max_rate = source.rates.max_rate.or(backpressure.max_rate);
        let rates = SourceRates { max_rate, ..source.rates };
        let wanted = backpressure.enabled || rates != SourceRates::default();
        if !wanted || matches!(source.connector, SourceConnector::Datasets(_)) {
            continue;
        }
        let limiter = RateLimiter::new(backpressure.initial_rate, rates, burst, Arc::clone(clock));
        let name = || source.name.clone();
        let failed = |problem| IngestError::Declaration { name: name(), problem };
        limiters.insert(id, Arc::new(limiter.map_err(failed)?));
    }
    Ok(limiters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);

    fn limiter(initial: Option<f64>, max: Option<f64>, clock: &ManualClock) -> RateLimiter {
        let rates = SourceRates { max_rate: max, max_bytes_rate: None };
        RateLimiter::new(initial, rates, SECOND, Arc::new(clock.clone())).expect("rates are rates")
    }

    /// Cases R01 to R03.
    #[test]
    fn updates_are_capped_at_the_most() {
        let clock = ManualClock::at_ms(0);
        for (max, expected) in [(None, 105.0), (Some(110.0), 105.0), (Some(100.0), 100.0)] {
            let limiter = limiter(None, max, &clock);
            limiter.update(105.0);
            assert_eq!(limiter.rate(), Some(expected));
            for none in [0.0, -1.0, f64::NAN, f64::INFINITY] {
                limiter.update(none);
                assert_eq!(limiter.rate(), Some(expected), "{none} is no rate");
            }
        }
        let first = limiter(Some(500.0), Some(100.0), &clock);
        assert_eq!(first.rate(), Some(100.0), "the first rate is capped as well");
    }

    /// In Spark a rate of 0 was said to be no limit, and failed where it was used.
    #[test]
    fn a_rate_of_nothing_is_refused_at_the_start() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_ms(0));
        for rate in [0.0, -1.0, f64::NAN] {
            let rates = SourceRates { max_rate: Some(rate), max_bytes_rate: None };
            let refused = RateLimiter::new(None, rates, SECOND, Arc::clone(&clock));
            let expected = format!("`max_rate` is {rate}, allowed is more than 0 a second");
            assert!(refused.expect_err("it is no rate").starts_with(&expected));
        }
    }

    #[test]
    fn rows_come_as_the_clock_moves() {
        let clock = ManualClock::at_ms(0);
        let limiter = limiter(None, Some(10.0), &clock);
        assert_eq!(limiter.take(5), 0, "the bucket is empty at the start");
        clock.advance(SECOND / 2);
        assert_eq!((limiter.take(3), limiter.take(3), limiter.take(3)), (3, 2, 0));
        clock.advance(100 * SECOND);
        assert_eq!(limiter.take(1_000), 10, "what was not brought is lost but for a burst");
        assert!(!limiter.allowance().admits_a_row());
    }

    #[test]
    fn what_came_past_the_rate_is_paid_off_before_more_comes() {
        let clock = ManualClock::at_ms(0);
        let limiter = limiter(None, Some(10.0), &clock);
        clock.advance(SECOND);
        limiter.spend(25, 0);
        clock.advance(SECOND);
        assert_eq!(limiter.take(1), 0, "15 rows are owed, 10 have been paid");
        clock.advance(SECOND);
        assert_eq!(limiter.take(100), 5);
    }

    #[test]
    fn a_slow_rate_lets_single_rows_pass() {
        let clock = ManualClock::at_ms(0);
        let limiter = limiter(None, Some(0.1), &clock);
        clock.advance(9 * SECOND);
        assert_eq!(limiter.take(1), 0);
        clock.advance(SECOND);
        assert_eq!(limiter.take(5), 1);
        assert_eq!(limiter.wait(), RATE_LOOK_WAIT_MAX, "a new rate may come meanwhile");
    }

    #[test]
    fn bytes_are_limited_but_no_row_is_too_large() {
        let clock = ManualClock::at_ms(0);
        let rates = SourceRates { max_rate: None, max_bytes_rate: Some(100.0) };
        let limiter = RateLimiter::new(None, rates, SECOND, Arc::new(clock.clone()));
        let limiter = limiter.expect("rates are rates");
        clock.advance(SECOND);
        assert_eq!(limiter.take(7), 7, "rows have no limit");
        limiter.spend(0, 250);
        clock.advance(SECOND);
        assert_eq!(limiter.take(1), 0);
        clock.advance(SECOND);
        assert_eq!(limiter.take(1), 1);
        assert!(!limiter.is_open());
    }
}
