//! Batch: how many rows a second a source should bring, by Spark's PID estimator.
//!
//! Takes how a batch went. Gives the rate from now on. Never asks the time, and never keeps anyone
//! to a rate: that is the rate limiter's work.

use std::time::Duration;

use super::BatchError;
use crate::model::backpressure::Backpressure;

/// How a batch went, for one of its sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPace {
    /// When it ended, in microseconds.
    pub ended_us: i64,
    /// Rows of the source in it.
    pub rows: u64,
    /// How long it was worked on.
    pub processing_delay: Duration,
    /// How long it had waited before that.
    pub scheduling_delay: Duration,
}

/// Estimates the rate of one source.
///
/// The rate falls by the difference to how fast the last batch was worked off (the error), and by
/// the rows that waited meanwhile (the error's history, as a batch that waits has piled it up).
#[derive(Debug, Clone, PartialEq)]
pub struct PidRateEstimator {
    interval: Duration,
    settings: Backpressure,
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Last {
    ended_us: i64,
    rate: f64,
    error: f64,
}

impl PidRateEstimator {
    /// An estimator that knows nothing yet.
    ///
    /// # Errors
    /// When the interval is nothing, a weight is negative or the least rate is not above 0.
    pub fn new(interval: Duration, settings: Backpressure) -> Result<Self, BatchError> {
        if interval.is_zero() {
            return Err(BatchError::Rates("the batch interval is 0, allowed is more".to_owned()));
        }
        match settings.problems().into_iter().next() {
            Some(problem) => Err(BatchError::Rates(problem)),
            None => Ok(Self { interval, settings, last: None }),
        }
    }

    /// Hears of a batch that has ended. Gives the new rate in rows a second; nothing for the first
    /// batch, for one without rows, and for one that ended no later than another.
    pub fn ended(&mut self, pace: BatchPace) -> Option<f64> {
        let BatchPace { ended_us, rows, processing_delay, scheduling_delay } = pace;
        let stale = self.last.is_some_and(|last| ended_us <= last.ended_us);
        if stale || rows == 0 || processing_delay.is_zero() {
            return None;
        }
        let processing_rate = rows as f64 / millis(processing_delay) * 1000.0;
        let Some(last) = self.last else {
            self.last = Some(Last { ended_us, rate: processing_rate, error: 0.0 });
            return None;
        };
        let Backpressure { proportional, integral, derivative, min_rate, .. } = self.settings;
        let error = last.rate - processing_rate;
        let waited = millis(scheduling_delay) * processing_rate / millis(self.interval);
        let seconds = (ended_us - last.ended_us) as f64 / 1e6;
        let change = (error - last.error) / seconds;
        let slower = proportional * error + integral * waited + derivative * change;
        let rate = (last.rate - slower).max(min_rate);
        self.last = Some(Last { ended_us, rate, error });
        Some(rate)
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const CASES: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/conformance/cases.jsonl"));

    fn settings(proportional: f64, integral: f64, derivative: f64, min_rate: f64) -> Backpressure {
        Backpressure { proportional, integral, derivative, min_rate, ..Backpressure::default() }
    }

    fn millis(value: &Value) -> Duration {
        Duration::from_millis(value.as_u64().expect("milliseconds"))
    }

    /// Spark's own cases.
    #[test]
    fn calls_of_sparks_suite_give_what_they_gave_there() {
        let mut cases = 0;
        for line in CASES.lines().filter(|line| line.contains("pid_rate_estimator")) {
            let case: Value = serde_json::from_str(line).expect("a case is JSON");
            let of = |name: &str| case["args"][name].as_f64().expect("a number");
            let settings =
                settings(of("proportional"), of("integral"), of("derivative"), of("min_rate"));
            let interval = millis(&case["args"]["batch_interval_ms"]);
            let mut estimator = PidRateEstimator::new(interval, settings).expect("it can work");
            for (number, call) in case["calls"].as_array().expect("calls").iter().enumerate() {
                let rate = estimator.ended(BatchPace {
                    ended_us: call["time_ms"].as_i64().expect("a time") * 1000,
                    // A case has less than no rows, which cannot be said here.
                    rows: call["num_elements"].as_u64().unwrap_or(0),
                    processing_delay: millis(&call["processing_delay_ms"]),
                    scheduling_delay: millis(&call["scheduling_delay_ms"]),
                });
                let (found, expected) = (rate, call["expect"].as_f64());
                let close = match (found, expected) {
                    (Some(found), Some(expected)) => (found - expected).abs() < 1e-6,
                    (found, expected) => found == expected,
                };
                assert!(close, "{} call {number}: {found:?}, not {expected:?}", case["id"]);
            }
            cases += 1;
        }
        assert_eq!(cases, 7, "P01 to P03, P05, P06, P10 and P12");
    }

    /// Case P09.
    #[test]
    fn arguments_that_cannot_work_are_refused() {
        let millis = Duration::from_millis;
        for (interval, settings, problem) in [
            (millis(0), settings(1.0, 0.0, 0.0, 10.0), "the batch interval is 0"),
            (millis(20), settings(-1.0, 0.0, 0.0, 10.0), "`proportional` is -1"),
            (millis(20), settings(1.0, -1.0, 0.0, 10.0), "`integral` is -1"),
            (millis(20), settings(1.0, 0.0, -1.0, 10.0), "`derivative` is -1"),
            (millis(20), settings(1.0, 0.0, 0.0, 0.0), "`min_rate` is 0"),
            (millis(20), settings(1.0, 0.0, 0.0, -10.0), "`min_rate` is -10"),
        ] {
            let error = PidRateEstimator::new(interval, settings).expect_err(problem);
            assert!(error.to_string().contains(problem), "{error}");
        }
    }

    proptest! {
        /// Case P08: with batches that waited, the rate stays below what was worked off.
        #[test]
        fn a_backlog_keeps_the_rate_below_what_was_worked_off(
            batches in prop::collection::vec((1_000_u64..2_000, 1_u64..20), 50),
        ) {
            let millis = Duration::from_millis;
            let mut estimator =
                PidRateEstimator::new(millis(20), settings(1.0, 0.01, 0.0, 10.0)).expect("it can");
            for (number, (rows, waited)) in batches.into_iter().enumerate() {
                let rate = estimator.ended(BatchPace {
                    ended_us: number as i64 * 20_000,
                    rows,
                    processing_delay: millis(20),
                    scheduling_delay: millis(waited),
                });
                prop_assert_eq!(rate.is_none(), number == 0);
                if let Some(rate) = rate {
                    prop_assert!(rate >= 10.0 && rate < rows as f64 / 20.0 * 1000.0, "{}", rate);
                }
            }
        }
    }
}
