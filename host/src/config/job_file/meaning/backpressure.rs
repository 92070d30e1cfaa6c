//! Config: the rates of a job and of its sources.
//!
//! Takes the table `backpressure` and the rates beside a source. Gives them within their ranges,
//! or complains where one contradicts another. Never keeps a value that is out of range.

use super::{Meaning, span_of};
use crate::config::job_file::value::{At, Real};
use crate::config::job_file::written::{BackpressureText, SourceText};
use crate::limits::{RATE_BYTES_MAX, RATE_ROWS_MAX};
use crate::model::backpressure::{Backpressure, SourceRates};

/// The largest weight: beyond it a rate swings from one end to the other.
const WEIGHT_MAX: f64 = 1_000.0;

impl Meaning<'_> {
    pub(super) fn backpressure(&mut self, table: Option<&At<BackpressureText>>) -> Backpressure {
        let unset = Backpressure::default();
        let Some(At { value: table, .. }) = table else { return unset };
        let mut rate = |key, at| self.number(key, at, 1..=RATE_ROWS_MAX).map(|rate| rate as f64);
        let initial_rate = rate("initial_rate", table.initial_rate.as_ref());
        let max_rate = rate("max_rate", table.max_rate.as_ref());
        let min_rate = rate("min_rate", table.min_rate.as_ref()).unwrap_or(unset.min_rate);
        let mut weight = |key, at, unset| self.weight(key, at).unwrap_or(unset);
        let backpressure = Backpressure {
            enabled: table.enabled.as_ref().is_some_and(|at| at.value),
            initial_rate,
            max_rate,
            min_rate,
            proportional: weight("proportional", table.proportional.as_ref(), unset.proportional),
            integral: weight("integral", table.integral.as_ref(), unset.integral),
            derivative: weight("derivative", table.derivative.as_ref(), unset.derivative),
        };
        // Ranges were told; what is left is what contradicts itself.
        let is_above = initial_rate.zip(max_rate).is_some_and(|(initial, max)| initial > max);
        let written = span_of(&table.initial_rate).filter(|_| !backpressure.enabled || is_above);
        let written = written.or(span_of(&table.min_rate)).or(span_of(&table.max_rate));
        if let (Some(span), Some(problem)) = (written, backpressure.problems().first()) {
            self.complain(span, problem);
            return unset;
        }
        backpressure
    }

    pub(super) fn source_rates(&mut self, source: &SourceText) -> SourceRates {
        let rows = self.number("max_rate", source.max_rate.as_ref(), 1..=RATE_ROWS_MAX);
        let bytes =
            self.bytes("max_bytes_rate", source.max_bytes_rate.as_ref(), 1..=RATE_BYTES_MAX);
        SourceRates {
            max_rate: rows.map(|rows| rows as f64),
            max_bytes_rate: bytes.map(|bytes| bytes as f64),
        }
    }

    fn weight(&mut self, key: &str, at: Option<&At<Real>>) -> Option<f64> {
        let at = at?;
        let found = at.value.0;
        if (0.0..=WEIGHT_MAX).contains(&found) {
            return Some(found);
        }
        self.complain(&at.span, format!("`{key}` is {found}, allowed are 0 to {WEIGHT_MAX}"));
        None
    }
}
