//! Operator: rows in order, all of them or the first so many.
//!
//! Takes rows. Gives them ordered by some of their columns; rows that are equal there keep their
//! order. Nulls come last, whichever way a column is ordered. Numbers compare as values: -0.0
//! equals 0.0, and NaN is greater than every other.

use std::slice;
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_ord::sort::{SortColumn, lexsort_to_indices};
use arrow_schema::{ArrowError, SortOptions};
use arrow_select::take::take_record_batch;

use super::canonical::canonical_keys;
use super::fold::internal;
use crate::model::operator::{Applied, AppliedRows, Operator, OperatorError, TaskScope};
use crate::model::verb_call::OrderColumn;

/// An order of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// By these columns, the first one counting most.
    pub by: Vec<OrderColumn>,
    /// Keeps only so many, the first.
    pub rows: Option<usize>,
}

impl Operator for Order {
    fn label(&self) -> String {
        "order".to_owned()
    }

    fn apply(
        &self,
        _scope: &mut TaskScope,
        _want_origin: bool,
        input: &RecordBatch,
    ) -> Result<Applied, OperatorError> {
        let rows = self.ordered(input).map_err(|error| internal("order", &error))?;
        Ok(Applied { rows: AppliedRows::Batch(rows), origin: None, rejected: Vec::new() })
    }
}

impl Order {
    fn ordered(&self, input: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<SortColumn> = Vec::with_capacity(self.by.len() + 1);
        for by in &self.by {
            for values in canonical_keys(slice::from_ref(input.column(by.column))) {
                let options = SortOptions { descending: by.descending, nulls_first: false };
                columns.push(SortColumn { values, options: Some(options) });
            }
        }
        // Arrow's sort is not stable: the rows' own numbers make it so.
        let numbers = UInt32Array::from_iter_values(0..input.num_rows() as u32);
        columns.push(SortColumn { values: Arc::new(numbers), options: None });
        take_record_batch(input, &lexsort_to_indices(&columns, self.rows)?)
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type};
    use arrow_array::{ArrayRef, Float64Array, Int64Array};

    use super::*;

    fn ordered(by: &[(usize, bool)], rows: Option<usize>, input: &RecordBatch) -> RecordBatch {
        let by = by.iter().map(|&(column, descending)| OrderColumn { column, descending });
        Order { by: by.collect(), rows }.ordered(input).expect("it can be ordered")
    }

    #[test]
    fn equal_rows_keep_their_order_and_nulls_come_last() {
        let values: Vec<Option<i64>> = (0..1000).map(|n| (n % 7 > 0).then_some(n % 5)).collect();
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
        let input = RecordBatch::try_from_iter([("v", values), ("n", numbers)]).expect("columns");
        for descending in [false, true] {
            for rows in [None, Some(1000), Some(300), Some(10)] {
                let made = ordered(&[(0, descending)], rows, &input);
                let mut expected: Vec<(bool, i64, i64)> = (0..1000)
                    .map(|n| {
                        let value = if descending { -(n % 5) } else { n % 5 };
                        (n % 7 == 0, if n % 7 == 0 { 0 } else { value }, n)
                    })
                    .collect();
                expected.sort_unstable();
                let expected: Vec<i64> = expected.iter().map(|row| row.2).collect();
                let found = made.column(1).as_primitive::<Int64Type>().values().to_vec();
                assert_eq!(found, expected[..rows.unwrap_or(1000)]);
            }
        }
    }

    #[test]
    fn floats_are_ordered_as_values() {
        let values = vec![f64::NAN, 1.0, 0.0, -f64::NAN, -0.0, f64::INFINITY];
        let values: ArrayRef = Arc::new(Float64Array::from(values));
        let input = RecordBatch::try_from_iter([("v", values)]).expect("one column");
        let made = ordered(&[(0, false)], None, &input);
        let found = made.column(0).as_primitive::<Float64Type>().values();
        let bits: Vec<u64> = found[..2].iter().map(|value| value.to_bits()).collect();
        assert_eq!(bits, [0.0_f64.to_bits(), (-0.0_f64).to_bits()]);
        assert_eq!(found[2..4], [1.0, f64::INFINITY]);
        assert!(found[4].is_nan() && found[5].is_nan());
    }

    #[test]
    fn nothing_has_an_order_too() {
        let none: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
        let input = RecordBatch::try_from_iter([("v", none)]).expect("one column");
        assert_eq!(ordered(&[(0, true)], Some(5), &input).num_rows(), 0);
    }
}
