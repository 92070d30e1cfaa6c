//! Operator: rows kept by chance.
//!
//! Takes rows. Gives each with the same probability, whatever the others are. Chance follows from
//! the task's seed and the row's place in it, so a task that is run again keeps the same rows.

use arrow_array::RecordBatch;
use siphasher::sip::SipHasher13;

use super::verb_answer::kept;
use crate::model::operator::{Applied, Operator, OperatorError, TaskScope};

/// Under what a scope keeps the number of draws; all samples of a task draw from one sequence, so
/// that none repeats another's.
const DRAWN: u64 = u64::from_be_bytes(*b"sampling");
/// Bits of a draw: as many as a double tells apart.
const BITS: u32 = f64::MANTISSA_DIGITS;

/// Keeps rows by chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// How probable it is that a row is kept.
    pub fraction: f64,
    /// Beside the task's own seed.
    pub seed: u64,
}

impl Operator for Sample {
    fn label(&self) -> String {
        "sample".to_owned()
    }

    fn apply(
        &self,
        scope: &mut TaskScope,
        _want_origin: bool,
        input: &RecordBatch,
    ) -> Result<Applied, OperatorError> {
        let first: u64 = scope.take(DRAWN).unwrap_or(0);
        scope.keep(DRAWN, first + input.num_rows() as u64);
        let hasher = SipHasher13::new_with_keys(scope.facts.seed, self.seed);
        Ok(kept(input.num_rows(), |row| {
            let draw = hasher.hash(&(first + row as u64).to_le_bytes()) >> (u64::BITS - BITS);
            (draw as f64) < self.fraction * (1_u64 << BITS) as f64
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array};

    use super::*;
    use crate::model::operator::{AppliedRows, TaskFacts};
    use crate::model::time::BatchTime;

    fn scope(seed: u64) -> TaskScope {
        let batch_time = BatchTime(0);
        TaskScope::new(TaskFacts { batch_time, partition: 0, seed, input_rows: 0, input_bytes: 0 })
    }

    fn sampled(scope: &mut TaskScope, fraction: f64, seed: u64, rows: usize) -> Vec<u32> {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![0; rows]));
        let input = RecordBatch::try_from_iter([("n", column)]).expect("one column");
        let applied = Sample { fraction, seed }.apply(scope, false, &input).expect("it draws");
        match applied.rows {
            AppliedRows::Selection(kept) => kept,
            AppliedRows::Batch(rows) => panic!("a selection was expected, found {rows:?}"),
        }
    }

    #[test]
    fn a_task_that_runs_again_keeps_the_same_rows() {
        let twice = |task| {
            let mut scope = scope(task);
            [sampled(&mut scope, 0.5, 7, 1000), sampled(&mut scope, 0.5, 7, 1000)]
        };
        assert_eq!(twice(1), twice(1));
        assert_ne!(twice(1), twice(2), "another task draws otherwise");
        assert_ne!(twice(1)[0], twice(1)[1], "and so does another slice");
        assert_ne!(sampled(&mut scope(1), 0.5, 8, 1000), twice(1)[0], "and another seed");
    }

    #[test]
    fn as_many_rows_are_kept_as_the_fraction_says() {
        assert_eq!(sampled(&mut scope(1), 0.0, 0, 10_000).len(), 0);
        assert_eq!(sampled(&mut scope(1), 1.0, 0, 10_000).len(), 10_000);
        // Ten times the standard deviation, which is 30.
        let kept = sampled(&mut scope(1), 0.1, 0, 10_000).len();
        assert!((700..1300).contains(&kept), "{kept}");
    }
}
