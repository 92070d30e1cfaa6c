//! Model: the CPU time that calls of operators took: sums by label.
//!
//! Takes labels and times. Gives the sums. Never holds more than a plan has operators: labels come
//! from bound calls only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// CPU time by the label of what was called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallTimes(BTreeMap<Arc<str>, Duration>);

impl CallTimes {
    /// Adds to the time of that label.
    pub fn add(&mut self, label: &Arc<str>, cpu: Duration) {
        match self.0.get_mut(label) {
            Some(sum) => *sum += cpu,
            None => drop(self.0.insert(Arc::clone(label), cpu)),
        }
    }

    /// Adds all times of the other to its own.
    pub fn absorb(&mut self, other: &Self) {
        other.0.iter().for_each(|(label, cpu)| self.add(label, *cpu));
    }

    /// All labels with their times, in the labels' order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.0.iter().map(|(label, cpu)| (&**label, *cpu))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_one_label_are_summed() {
        let ms = Duration::from_millis;
        let (mut all, mut other) = (CallTimes::default(), CallTimes::default());
        all.add(&Arc::from("b"), ms(1));
        other.add(&Arc::from("b"), ms(2));
        other.add(&Arc::from("a"), ms(5));
        all.absorb(&other);
        assert_eq!(all.iter().collect::<Vec<_>>(), [("a", ms(5)), ("b", ms(3))]);
    }
}
