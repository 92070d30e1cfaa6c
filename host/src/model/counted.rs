//! Model: what operators count: sums by name.
//!
//! Takes names and numbers to add. Gives the sums. Never holds more names than a job may have:
//! further ones are dropped.

use std::collections::BTreeMap;

use super::text::is_plain;
use crate::limits::{COUNTERS_MAX, NAME_BYTES_MAX};

/// Whether an operator may count under that name; what it counts under others is dropped.
pub fn is_counter_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(is_plain)
}

/// Sums by name, such as `plugin.name`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted(BTreeMap<String, u64>);

impl Counted {
    /// Adds to the sum of that name.
    pub fn add(&mut self, name: &str, delta: u64) {
        if let Some(sum) = self.0.get_mut(name) {
            *sum = sum.saturating_add(delta);
        } else if self.0.len() < COUNTERS_MAX {
            self.0.insert(name.to_owned(), delta);
        }
    }

    /// Adds all sums of the other to its own.
    pub fn absorb(&mut self, other: &Self) {
        other.iter().for_each(|(name, sum)| self.add(name, sum));
    }

    /// The sum of that name; 0 where nothing was counted.
    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// All names with their sums, in the names' order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, sum)| (name.as_str(), *sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_neither_overflow_nor_grow_without_end() {
        let mut counted = Counted::default();
        counted.add("a", u64::MAX);
        counted.add("a", 1);
        (0..COUNTERS_MAX).for_each(|number| counted.add(&format!("n{number}"), 1));
        assert_eq!(counted.iter().count(), COUNTERS_MAX);
        assert_eq!((counted.of("a"), counted.of("none")), (u64::MAX, 0));
        let mut other = Counted::default();
        other.add("n0", 2);
        counted.absorb(&other);
        assert_eq!(counted.of("n0"), 3);
    }
}
