//! Ingest: records of equal length, in one column of bytes.
//!
//! Takes the bytes of a file in order. Gives slices of one column, and a last record that is not
//! whole as a bad row. Never holds more than a slice that is not full.

use std::mem::take;
use std::sync::Arc;

use arrow_array::{BinaryArray, RecordBatch};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::SchemaRef;

use super::decoder::Decoded;
use crate::limits::{SLICE_BYTES_MAX, SLICE_ROWS_MAX};
use crate::model::text::number_of;

/// The column that records become.
pub struct RecordColumn {
    schema: SchemaRef,
    record_bytes: usize,
    slice_bytes: usize,
    open: Vec<u8>,
}

impl RecordColumn {
    /// A column of that schema, of records of so many bytes.
    pub fn new(schema: SchemaRef, record_bytes: usize) -> Self {
        let rows = SLICE_BYTES_MAX / (record_bytes + size_of::<i32>());
        let slice_bytes = rows.clamp(1, SLICE_ROWS_MAX) * record_bytes;
        Self { schema, record_bytes, slice_bytes, open: Vec::new() }
    }

    /// Takes what follows in the file.
    pub fn add(&mut self, mut bytes: &[u8], decoded: &mut Decoded) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(self.slice_bytes - self.open.len()));
            self.open.extend_from_slice(now);
            bytes = later;
            if self.open.len() == self.slice_bytes {
                let full = take(&mut self.open);
                self.close(full, decoded);
            }
        }
    }

    /// The file has ended before that byte. What is left of a record is a bad row.
    pub fn ended(&mut self, at: u64, decoded: &mut Decoded) {
        let mut open = take(&mut self.open);
        let rest = open.split_off(open.len() - open.len() % self.record_bytes);
        self.close(open, decoded);
        if !rest.is_empty() {
            let (found, expected) = (rest.len(), self.record_bytes);
            let bytes = || number_of(found, "byte", "bytes");
            let reason = || format!("the last record has {}, expected {expected}", bytes());
            decoded.bad.add_at(Some(at.saturating_sub(found as u64)), reason, &rest);
        }
    }

    fn close(&self, mut records: Vec<u8>, decoded: &mut Decoded) {
        if records.is_empty() {
            return;
        }
        records.shrink_to_fit();
        let ends = (0..=records.len()).step_by(self.record_bytes);
        // Invariant: a slice is within 1 MiB or holds one record of at most 16 MiB.
        let ends: Vec<i32> = ends.map(|end| i32::try_from(end).unwrap_or(i32::MAX)).collect();
        let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
        let column = BinaryArray::new(ends, records.into(), None);
        let slice = RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::new(column)]);
        decoded.slices.push(slice.expect("the format `binary` has one required column of bytes"));
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use proptest::prelude::*;

    use super::*;
    use crate::model::policy::OnBadRow;
    use crate::model::source::Format;

    fn decode(record_bytes: usize, pieces: &[&[u8]]) -> Decoded {
        let schema = Format::Binary { record_bytes }.fixed_schema().expect("it has one");
        let mut records = RecordColumn::new(schema.to_arrow(), record_bytes);
        let mut decoded = Decoded::new(&OnBadRow::DeadLetter("kept".into()));
        pieces.iter().for_each(|piece| records.add(piece, &mut decoded));
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        records.ended(bytes as u64, &mut decoded);
        decoded
    }

    fn records(decoded: &Decoded) -> Vec<Vec<u8>> {
        let column = |slice: &RecordBatch| slice.column(0).as_binary::<i32>().clone();
        let of = |slice| column(slice).iter().flatten().map(<[u8]>::to_vec).collect::<Vec<_>>();
        decoded.slices.iter().flat_map(of).collect()
    }

    proptest! {
        #[test]
        fn records_are_found_in_every_cut(
            file in prop::collection::vec(any::<u8>(), 0..100),
            record_bytes in 1_usize..12,
            piece in 1_usize..20,
        ) {
            let decoded = decode(record_bytes, &file.chunks(piece).collect::<Vec<_>>());
            let whole = file.len() - file.len() % record_bytes;
            let expected: Vec<_> = file[..whole].chunks(record_bytes).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(records(&decoded), expected);
            prop_assert_eq!(decoded.bad.count, u64::from(whole < file.len()));
        }
    }

    #[test]
    fn what_is_left_of_a_record_is_told_with_its_place() {
        let decoded = decode(4, &[b"abcdef"]);
        assert_eq!((records(&decoded), decoded.bad.count), (vec![b"abcd".to_vec()], 1));
        let bad = &decoded.bad.rows[0];
        assert_eq!((bad.at, bad.text.as_slice()), (Some(4), &b"ef"[..]));
        assert_eq!(bad.reason, "the last record has 2 bytes, expected 4");
    }

    #[test]
    fn slices_stay_within_their_limits() {
        let file = vec![7; 3 * SLICE_BYTES_MAX];
        for record_bytes in [1, 100, SLICE_BYTES_MAX, 2 * SLICE_BYTES_MAX] {
            let decoded = decode(record_bytes, &[&file]);
            assert_eq!(records(&decoded).len(), file.len() / record_bytes);
            for slice in &decoded.slices {
                let bytes = slice.get_array_memory_size();
                let one = slice.num_rows() == 1;
                assert!(slice.num_rows() <= SLICE_ROWS_MAX, "{}", slice.num_rows());
                assert!(one || bytes <= SLICE_BYTES_MAX + 4096, "{bytes} of {record_bytes}");
            }
        }
    }
}
