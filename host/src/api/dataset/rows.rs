//! Api: rows picked out of partitions: the first, those that come first in an order, some by
//! number.
//!
//! Takes slices. Gives further ones. Never sorts more than it is asked for.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_ord::sort::{SortColumn, lexsort_to_indices};
use arrow_schema::{ArrowError, SortOptions};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;

/// The first rows of all slices.
pub(super) fn first_rows(
    slices: impl IntoIterator<Item = RecordBatch>,
    mut rows: usize,
) -> Vec<RecordBatch> {
    let mut taken = Vec::new();
    for slice in slices {
        let count = slice.num_rows().min(rows);
        if count > 0 {
            taken.push(slice.slice(0, count));
        }
        rows -= count;
        if rows == 0 {
            break;
        }
    }
    taken
}

/// The rows that come first in the order of the columns, equal ones in the order they came. Nulls
/// come last, floats in IEEE 754's total order.
pub(super) fn first_in_order(
    slice: &RecordBatch,
    columns: &[usize],
    descending: bool,
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    let options = Some(SortOptions { descending, nulls_first: false });
    let values = columns.iter().map(|column| Arc::clone(slice.column(*column)));
    let mut by: Vec<SortColumn> = values.map(|values| SortColumn { values, options }).collect();
    let arrival: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..slice.num_rows() as u32));
    by.push(SortColumn { values: arrival, options: None });
    let mut first = lexsort_to_indices(&by, Some(rows))?;
    if first.len() > rows {
        first = first.slice(0, rows);
    }
    take_record_batch(slice, &first)
}

/// All slices as one; `None` without any.
pub(super) fn joined(slices: &[RecordBatch]) -> Result<Option<RecordBatch>, ArrowError> {
    match slices {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        [first, ..] => concat_batches(&first.schema(), slices).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{Int64Array, StringArray};

    use super::*;

    fn rows(cells: &[(Option<i64>, &str)]) -> RecordBatch {
        let numbers = Int64Array::from_iter(cells.iter().map(|(number, _)| *number));
        let words = StringArray::from_iter_values(cells.iter().map(|(_, word)| word));
        let columns: [(&str, ArrayRef); 2] = [("n", Arc::new(numbers)), ("w", Arc::new(words))];
        RecordBatch::try_from_iter(columns).expect("columns of equal length")
    }

    fn words(slice: &RecordBatch) -> Vec<&str> {
        slice.column(1).as_string::<i32>().iter().flatten().collect()
    }

    #[test]
    fn equal_rows_stay_in_the_order_they_came_and_nulls_come_last() {
        let rows = rows(&[(Some(2), "a"), (None, "b"), (Some(1), "c"), (Some(2), "d")]);
        let first = |descending, count| first_in_order(&rows, &[0], descending, count);
        assert_eq!(words(&first(true, 3).expect("numbers")), ["a", "d", "c"]);
        assert_eq!(words(&first(false, 4).expect("numbers")), ["c", "a", "d", "b"]);
        assert_eq!(words(&first(false, 9).expect("numbers")).len(), 4);
    }

    #[test]
    fn first_rows_end_in_the_middle_of_a_slice() {
        let slices = [rows(&[(Some(1), "a")]), rows(&[]), rows(&[(Some(2), "b"), (None, "c")])];
        let taken = first_rows(slices.clone(), 2);
        let numbers = joined(&taken).expect("equal columns").expect("there are rows");
        assert_eq!(numbers.column(0).as_primitive::<Int64Type>().values(), &[1, 2]);
        assert_eq!(first_rows(slices, 0), []);
    }
}
