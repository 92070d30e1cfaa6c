//! Benches: which rate to try next, to find the highest one that is held.
//!
//! Takes outcomes. Gives rates: outwards in steps until one is held and one is not, then between
//! them. Never runs anything.

/// How rates grow and shrink while one bound is missing.
const STEP: f64 = 1.5;
/// The search ends when the bounds are this near, relative to the upper one.
const NEAR: f64 = 0.05;
/// Below so many lines a second nothing is held that anyone would run.
const RATE_MIN: u64 = 1_000;

/// A search for the highest rate that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search {
    first: u64,
    held: Option<u64>,
    failed: Option<u64>,
}

impl Search {
    /// A search that begins at a rate.
    pub fn from(first: u64) -> Self {
        Self { first: first.max(RATE_MIN), held: None, failed: None }
    }

    /// The next rate to try; none when the search is over.
    pub fn next(&self) -> Option<u64> {
        let rate = match (self.held, self.failed) {
            (None, None) => self.first,
            (Some(held), None) => round((held as f64 * STEP) as u64),
            (None, Some(failed)) => round((failed as f64 / STEP) as u64),
            (Some(held), Some(failed)) if near(held, failed) => return None,
            (Some(held), Some(failed)) => round(held.midpoint(failed)),
        };
        let tried = Some(rate) == self.held || Some(rate) == self.failed;
        (rate >= RATE_MIN && !tried).then_some(rate)
    }

    /// Notes how a rate went.
    pub fn note(&mut self, rate: u64, held: bool) {
        if held {
            self.held = Some(self.held.map_or(rate, |best| best.max(rate)));
        } else {
            self.failed = Some(self.failed.map_or(rate, |least| least.min(rate)));
        }
    }

    /// The highest rate that was held.
    pub fn held(&self) -> Option<u64> {
        self.held
    }
}

fn near(held: u64, failed: u64) -> bool {
    // A rate that failed once below one that was held ends the search too.
    held >= failed || (failed - held) as f64 <= failed as f64 * NEAR
}

/// Two significant digits and a half: figures for people.
fn round(rate: u64) -> u64 {
    let grain = 10_u64.pow(rate.max(100).ilog10() - 1) / 2;
    let grain = grain.max(1);
    (rate + grain / 2) / grain * grain
}
