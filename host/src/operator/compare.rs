//! Operator: keeps rows by one column, compared with constants.
//!
//! Takes the column. Gives the rows that are kept. A null is nothing but null: every comparison
//! with it is false. Numbers compare as values: -0.0 equals 0.0, NaN is greater than every other.

use std::slice;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, Scalar};
use arrow_ord::cmp::{eq, gt, gt_eq, lt, lt_eq, neq};
use arrow_schema::ArrowError;
use arrow_select::concat::concat;

use super::canonical::canonical_keys;
use super::fold::internal;
use super::group::group_rows;
use super::verb_answer::kept;
use crate::model::operation::condition::Comparison;
use crate::model::operator::{Applied, Operator, OperatorError, TaskScope};
use crate::model::verb_call::Test;

/// A comparison of a column.
#[derive(Debug, Clone)]
pub struct Compare(pub Test);

impl Operator for Compare {
    fn label(&self) -> String {
        "where".to_owned()
    }

    fn apply(
        &self,
        _scope: &mut TaskScope,
        _want_origin: bool,
        input: &RecordBatch,
    ) -> Result<Applied, OperatorError> {
        let column = input.column(0);
        let rows = column.len();
        match &self.0 {
            Test::IsNull => Ok(kept(rows, |row| column.is_null(row))),
            Test::IsNotNull => Ok(kept(rows, |row| column.is_valid(row))),
            Test::Is(comparison, constant) => compared(column, *comparison, constant),
            Test::In(constants) => one_of(column, constants),
        }
        .map_err(|error| internal("where", &error))
    }
}

fn compared(
    column: &ArrayRef,
    comparison: Comparison,
    constant: &ArrayRef,
) -> Result<Applied, ArrowError> {
    let column = canonical(column);
    let constant = Scalar::new(canonical(constant));
    let holds = match comparison {
        Comparison::Equal => eq(&column, &constant),
        Comparison::NotEqual => neq(&column, &constant),
        Comparison::Less => lt(&column, &constant),
        Comparison::AtMost => lt_eq(&column, &constant),
        Comparison::AtLeast => gt_eq(&column, &constant),
        Comparison::Greater => gt(&column, &constant),
    }?;
    Ok(kept(column.len(), |row| holds.is_valid(row) && holds.value(row)))
}

/// Constants are grouped with the rows, so that many cost no more than one.
fn one_of(column: &ArrayRef, constants: &ArrayRef) -> Result<Applied, ArrowError> {
    let both = concat(&[constants, column])?;
    let groups = group_rows(&[both], constants.len() + column.len())?.group_of_row;
    let (of_constants, of_rows) = groups.split_at(constants.len());
    let known = of_constants.iter().max().map_or(0, |last| last + 1);
    Ok(kept(column.len(), |row| column.is_valid(row) && of_rows[row] < known))
}

fn canonical(column: &ArrayRef) -> ArrayRef {
    canonical_keys(slice::from_ref(column)).pop().unwrap_or_else(|| Arc::clone(column))
}

#[cfg(test)]
mod tests {
    use arrow_array::{BooleanArray, Float64Array, Int64Array, StringArray};

    use super::*;
    use crate::model::operator::{AppliedRows, TaskFacts};
    use crate::model::time::BatchTime;

    fn rows(test: Test, column: ArrayRef) -> Vec<u32> {
        let input = RecordBatch::try_from_iter([("v", column)]).expect("one column");
        let facts = TaskFacts {
            batch_time: BatchTime(0),
            partition: 0,
            seed: 0,
            input_rows: 0,
            input_bytes: 0,
        };
        let applied = Compare(test).apply(&mut TaskScope::new(facts), false, &input);
        match applied.expect("it can be compared").rows {
            AppliedRows::Selection(kept) => kept,
            AppliedRows::Batch(rows) => panic!("a selection was expected, found {rows:?}"),
        }
    }

    fn numbers(values: &[Option<i64>]) -> ArrayRef {
        Arc::new(Int64Array::from(values.to_vec()))
    }

    #[test]
    fn every_comparison_is_false_for_a_null() {
        let column = || numbers(&[Some(1), None, Some(2), Some(3)]);
        for (comparison, expected) in [
            (Comparison::Equal, &[2][..]),
            (Comparison::NotEqual, &[0, 3]),
            (Comparison::Less, &[0]),
            (Comparison::AtMost, &[0, 2]),
            (Comparison::AtLeast, &[2, 3]),
            (Comparison::Greater, &[3]),
        ] {
            assert_eq!(rows(Test::Is(comparison, numbers(&[Some(2)])), column()), expected);
        }
        assert_eq!(rows(Test::In(numbers(&[Some(3), Some(7), Some(1)])), column()), [0, 3]);
        assert_eq!(rows(Test::IsNull, column()), [1]);
        assert_eq!(rows(Test::IsNotNull, column()), [0, 2, 3]);
    }

    #[test]
    fn floats_compare_as_values() {
        let floats = |values: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
        let column = || floats(&[-0.0, f64::NAN, 0.0, -f64::NAN, -1.0]);
        assert_eq!(rows(Test::Is(Comparison::Equal, floats(&[-0.0])), column()), [0, 2]);
        assert_eq!(rows(Test::In(floats(&[0.0])), column()), [0, 2]);
        assert_eq!(rows(Test::Is(Comparison::Greater, floats(&[0.0])), column()), [1, 3]);
    }

    #[test]
    fn texts_and_truths_compare_too() {
        let texts = |values: &[&str]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
        let less = Test::Is(Comparison::Less, texts(&["b"]));
        assert_eq!(rows(less, texts(&["a", "b", "", "ab"])), [0, 2, 3]);
        let truths: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
        let no: ArrayRef = Arc::new(BooleanArray::from(vec![false]));
        assert_eq!(rows(Test::Is(Comparison::Equal, no), truths), [1]);
    }
}
