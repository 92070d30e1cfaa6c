//! Ingest: rows that a program stores, gathered into slices.
//!
//! Takes runs of rows of any length, as parts of whatever memory they are in. Gives slices in
//! canonical form, within the limits of a guest call, that own their memory. Never keeps a
//! program's memory longer than its slice is open.

use arrow_array::{Array, ArrayRef, RecordBatch, make_array};
use arrow_data::ArrayData;
use arrow_data::transform::MutableArrayData;
use arrow_schema::SchemaRef;

use crate::limits::{GATHERED_PIECES_MAX, SLICE_BYTES_MAX, SLICE_ROWS_MAX};

/// Memory of a run of rows beside the rows: what Arrow keeps of each of its columns.
const COLUMN_BYTES: usize = 128;

/// The open slice.
#[derive(Debug)]
pub struct RowGatherer {
    schema: SchemaRef,
    pieces: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl RowGatherer {
    /// An open slice of that schema, without rows.
    pub fn new(schema: SchemaRef) -> Self {
        Self { schema, pieces: Vec::new(), rows: 0, bytes: 0 }
    }

    /// Adds rows of the schema. What fills slices goes to `slices`; the rest is kept open.
    pub fn add(&mut self, rows: &RecordBatch, slices: &mut Vec<RecordBatch>) {
        for part in parts(rows) {
            let bytes = row_bytes(&part);
            let full = self.bytes + bytes > SLICE_BYTES_MAX
                || self.rows + part.num_rows() > SLICE_ROWS_MAX
                || self.pieces.len() == GATHERED_PIECES_MAX;
            if full {
                self.close(slices);
            }
            self.rows += part.num_rows();
            self.bytes += bytes;
            self.pieces.push(part);
        }
    }

    /// Makes a slice of the open rows, if there are any.
    pub fn close(&mut self, slices: &mut Vec<RecordBatch>) {
        if self.rows > 0 {
            slices.push(joined(&self.schema, &self.pieces));
        }
        self.pieces.clear();
        (self.rows, self.bytes) = (0, 0);
    }

    /// Bytes of the open slice.
    pub fn open_bytes(&self) -> usize {
        self.bytes
    }
}

/// The slices of rows that make a block of their own.
pub fn slices_of(rows: &RecordBatch) -> Vec<RecordBatch> {
    let mut gatherer = RowGatherer::new(rows.schema());
    let mut slices = Vec::new();
    gatherer.add(rows, &mut slices);
    gatherer.close(&mut slices);
    slices
}

/// Bytes of rows, whatever memory they are parts of.
pub fn row_bytes(rows: &RecordBatch) -> usize {
    let column = |column: &ArrayRef| {
        // It fails of types that no column of ours has.
        let bytes = column.to_data().get_slice_memory_size();
        bytes.unwrap_or_else(|_| column.get_array_memory_size()) + COLUMN_BYTES
    };
    rows.columns().iter().map(column).sum()
}

/// Rows cut so that each part fits a slice, as far as whole rows can.
fn parts(rows: &RecordBatch) -> Vec<RecordBatch> {
    let mut parts = Vec::new();
    let mut left = vec![rows.clone()];
    while let Some(part) = left.pop() {
        let count = part.num_rows();
        let fits = count <= SLICE_ROWS_MAX && row_bytes(&part) <= SLICE_BYTES_MAX;
        match count {
            0 => {}
            _ if fits || count == 1 => parts.push(part),
            _ => {
                // The later half waits: parts come in order.
                left.push(part.slice(count / 2, count - count / 2));
                left.push(part.slice(0, count / 2));
            }
        }
    }
    parts
}

/// The rows of all pieces, copied.
fn joined(schema: &SchemaRef, pieces: &[RecordBatch]) -> RecordBatch {
    let columns = (0..schema.fields().len()).map(|index| {
        let data: Vec<ArrayData> =
            pieces.iter().map(|piece| piece.column(index).to_data()).collect();
        let mut copied = MutableArrayData::new(data.iter().collect(), false, 0);
        for (number, piece) in pieces.iter().enumerate() {
            let extended = copied.try_extend(number, 0, piece.num_rows());
            extended.expect("a slice is small, or one row, and fits the offsets it came with");
        }
        make_array(copied.freeze())
    });
    let joined = RecordBatch::try_new(schema.clone(), columns.collect());
    joined.expect("each piece was checked to have this schema")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;
    use crate::model::column_type::ColumnType;
    use crate::model::schema::{Column, StreamSchema};

    fn rows(numbers: std::ops::Range<i64>, text: &str) -> RecordBatch {
        let schema = StreamSchema::new(vec![
            Column::new("n", ColumnType::Int64),
            Column::new("text", ColumnType::Utf8).nullable(),
        ]);
        let texts: StringArray =
            numbers.clone().map(|n| (n % 3 != 0).then(|| format!("{text}{n}"))).collect();
        let numbers = Int64Array::from_iter_values(numbers);
        RecordBatch::try_new(schema.to_arrow(), vec![Arc::new(numbers), Arc::new(texts)])
            .expect("columns of the schema")
    }

    fn numbers(slices: &[RecordBatch]) -> Vec<i64> {
        let of =
            |slice: &RecordBatch| slice.column(0).as_primitive::<Int64Type>().values().to_vec();
        slices.iter().flat_map(of).collect()
    }

    #[test]
    fn single_rows_become_one_slice() {
        let whole = rows(0..1_000, "x");
        let mut gatherer = RowGatherer::new(whole.schema());
        let mut slices = Vec::new();
        for row in 0..1_000 {
            gatherer.add(&whole.slice(row, 1), &mut slices);
        }
        assert!(slices.is_empty() && gatherer.open_bytes() > 0);
        gatherer.close(&mut slices);
        gatherer.close(&mut slices);
        assert_eq!((slices.len(), gatherer.open_bytes()), (1, 0));
        assert_eq!(slices[0], whole);
    }

    #[test]
    fn rows_are_cut_at_the_limits_of_a_slice() {
        let text = "x".repeat(1_000);
        let slices = slices_of(&rows(0..5_000, &text));
        assert!(slices.len() >= 4, "3 MB are more than a slice");
        assert!(slices.iter().all(|slice| row_bytes(slice) <= SLICE_BYTES_MAX));
        assert_eq!(numbers(&slices), (0..5_000).collect::<Vec<_>>());
        let long = slices_of(&rows(1..3, &"x".repeat(2 * SLICE_BYTES_MAX)));
        assert_eq!(long.len(), 2, "a row longer than a slice is one");
        let many = slices_of(&rows(0..2 * SLICE_ROWS_MAX as i64, ""));
        assert!(many.iter().all(|slice| slice.num_rows() <= SLICE_ROWS_MAX));
    }

    proptest! {
        #[test]
        fn rows_keep_their_order_and_own_their_memory(
            cuts in prop::collection::vec(0_usize..40, 0..30),
            closes in any::<bool>(),
        ) {
            let whole = rows(0..cuts.iter().sum::<usize>() as i64, "text ");
            let mut gatherer = RowGatherer::new(whole.schema());
            let (mut slices, mut at) = (Vec::new(), 0);
            for rows in cuts {
                gatherer.add(&whole.slice(at, rows), &mut slices);
                at += rows;
                if closes {
                    gatherer.close(&mut slices);
                }
            }
            gatherer.close(&mut slices);
            prop_assert_eq!(numbers(&slices), (0..at as i64).collect::<Vec<_>>());
            for slice in &slices {
                let askew = |column: &ArrayRef| column.to_data().offset() != 0;
                prop_assert!(!slice.columns().iter().any(askew));
            }
        }
    }
}
