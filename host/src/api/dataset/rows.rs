//! Api: rows picked out of partitions.
//!
//! Takes slices. Gives the first rows of them, or all as one. Never copies what it can share.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;

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
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array};

    use super::*;

    fn rows(numbers: &[i64]) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
        RecordBatch::try_from_iter([("n", column)]).expect("one column")
    }

    #[test]
    fn first_rows_end_in_the_middle_of_a_slice() {
        let slices = [rows(&[1]), rows(&[]), rows(&[2, 3])];
        let taken = first_rows(slices.clone(), 2);
        let numbers = joined(&taken).expect("equal columns").expect("there are rows");
        assert_eq!(numbers.column(0).as_primitive::<Int64Type>().values(), &[1, 2]);
        assert_eq!(first_rows(slices, 0), []);
    }
}
