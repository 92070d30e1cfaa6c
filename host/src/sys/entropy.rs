//! Sys: chance, drawn from the system or, in a run that must be repeatable, from a seed.
//!
//! Takes nothing, or a seed. Gives numbers. Never decides what they are for.

use std::hash::Hasher;
use std::sync::atomic::{AtomicU64, Ordering};

use siphasher::sip::SipHasher13;

/// A source of numbers nobody can guess, or of the same numbers in every run.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// The next number, all 64 bits of it by chance.
    fn next_u64(&self) -> u64;

    /// A number below the bound; 0 for the bound 0. The bias is at most the bound in 2^64.
    fn below(&self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

/// The system's chance.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn next_u64(&self) -> u64 {
        getrandom::u64().expect("every system this runs on gives random numbers")
    }
}

/// Numbers that follow from a seed.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// The sequence of that seed, from its start.
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn next_u64(&self) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.seed, 0);
        hasher.write_u64(self.drawn.fetch_add(1, Ordering::Relaxed));
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_again() {
        let draw = |seed| {
            let entropy = SeededEntropy::new(seed);
            (0..4).map(|_| entropy.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_ne!(draw(7)[0], draw(7)[1]);
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        let entropy = SeededEntropy::new(1);
        assert!((0..1000).all(|_| entropy.below(10) < 10));
        assert_eq!(entropy.below(0), 0);
        assert_ne!(SystemEntropy.next_u64(), SystemEntropy.next_u64());
    }
}
