//! Ingest: how long to wait before connecting again.
//!
//! Takes successes and failures. Gives waits that double up to a bound, spread by chance so that
//! many receivers do not knock at once. Never waits itself.

use std::sync::Arc;
use std::time::Duration;

use crate::sys::entropy::Entropy;

/// Waits between attempts.
#[derive(Debug, Clone)]
pub struct Reconnect {
    first: Duration,
    longest: Duration,
    entropy: Arc<dyn Entropy>,
    failures: u32,
}

impl Reconnect {
    /// Waits from the first to the longest.
    pub fn new(first: Duration, longest: Duration, entropy: Arc<dyn Entropy>) -> Self {
        Self { first, longest, entropy, failures: 0 }
    }

    /// The connection brought something: the next wait is the first again.
    pub fn worked(&mut self) {
        self.failures = 0;
    }

    /// The wait before the next attempt: the doubled one, less up to half of it by chance.
    pub fn next_wait(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        let wait = doubled.min(self.longest);
        let spread = u64::try_from(wait.as_micros() / 2).unwrap_or(u64::MAX);
        wait - Duration::from_micros(self.entropy.below(spread))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::entropy::SeededEntropy;

    #[test]
    fn waits_double_up_to_the_longest() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(1));
        let mut reconnect = Reconnect::new(first, longest, Arc::new(SeededEntropy::new(1)));
        for whole in [100, 200, 400, 800, 1000, 1000] {
            let (whole, wait) = (Duration::from_millis(whole), reconnect.next_wait());
            assert!(wait <= whole && wait > whole / 2, "{wait:?} of {whole:?}");
        }
        reconnect.failures = u32::MAX;
        assert!(reconnect.next_wait() <= longest);
        reconnect.worked();
        assert!(reconnect.next_wait() <= first);
    }
}
