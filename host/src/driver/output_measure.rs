//! Driver: how much a sink is given, and a hash by which two outputs are compared.
//!
//! Takes the partitions of an output. Gives rows, bytes and a hash of the bytes in canonical form,
//! in the order of partitions and slices, which a batch that is run again has as well.

use arrow_array::RecordBatch;

use crate::model::output_measure::OutputMeasure;
use crate::model::schema::Column;
use crate::wasm::exchange::{BatchShape, LoweredBatch};

/// Measures the outputs of one sink.
pub struct Measure {
    shape: BatchShape,
}

impl std::fmt::Debug for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Measure")
    }
}

impl Measure {
    /// Measures rows of these columns.
    pub fn of_columns(columns: &[Column]) -> Self {
        Self { shape: BatchShape::new(columns) }
    }

    /// The measure of an output; none of rows that are not of the declared columns, which is a
    /// fault of whoever made them, and is told.
    pub fn of(&self, partitions: &[Vec<RecordBatch>]) -> Option<OutputMeasure> {
        let mut hasher = blake3::Hasher::new();
        let (mut rows, mut bytes) = (0, 0);
        for slices in partitions {
            hasher.update(&(slices.len() as u64).to_le_bytes());
            for slice in slices {
                let lowered = self.shape.lower(slice);
                let lowered = lowered.inspect_err(|error| tracing::error!("no hash: {error}"));
                let lowered = lowered.ok()?;
                rows += slice.num_rows() as u64;
                bytes += lowered.bytes() as u64;
                absorb(&mut hasher, &lowered);
            }
        }
        Some(OutputMeasure { rows, bytes, hash: hasher.finalize().to_hex().to_string() })
    }
}

/// Every part with its length, so that no two batches give the same bytes.
fn absorb(hasher: &mut blake3::Hasher, batch: &LoweredBatch) {
    hasher.update(&batch.rows.to_le_bytes());
    for node in &batch.nodes {
        hasher.update(&node.length.to_le_bytes());
        hasher.update(&node.nulls.to_le_bytes());
    }
    for buffer in &batch.buffers {
        hasher.update(&(buffer.len() as u64).to_le_bytes());
        hasher.update(buffer.as_slice());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringArray};

    use super::*;
    use crate::model::column_type::ColumnType;

    fn measure() -> Measure {
        let column =
            Column { name: "word".to_owned(), data_type: ColumnType::Utf8, nullable: true };
        Measure::of_columns(&[column])
    }

    fn words(words: &[Option<&str>]) -> RecordBatch {
        let column: ArrayRef = Arc::new(StringArray::from_iter(words.iter().copied()));
        RecordBatch::try_from_iter_with_nullable([("word", column, true)]).expect("one column")
    }

    #[test]
    fn equal_rows_have_equal_hashes_however_their_memory_lies() {
        let whole = words(&[Some("a"), None, Some("bc"), Some("d")]);
        let alone = words(&[None, Some("bc")]);
        let of = |slice: &RecordBatch| measure().of(&[vec![slice.clone()]]).expect("its columns");
        assert_eq!(of(&whole.slice(1, 2)), of(&alone));
        assert_eq!(of(&alone).rows, 2);
        assert_ne!(of(&whole).hash, of(&alone).hash);
    }

    #[test]
    fn order_and_partitions_change_the_hash() {
        let (one, two) = (words(&[Some("a")]), words(&[Some("b")]));
        let together = measure().of(&[vec![one.clone(), two.clone()]]);
        let apart = measure().of(&[vec![one.clone()], vec![two.clone()]]);
        let turned = measure().of(&[vec![two], vec![one]]);
        let hash = |of: Option<OutputMeasure>| of.expect("its columns").hash;
        let (together, apart, turned) = (hash(together), hash(apart), hash(turned));
        assert!(together != apart && apart != turned, "{together} {apart} {turned}");
        assert_eq!(hash(measure().of(&[])), hash(measure().of(&[])));
    }

    #[test]
    fn a_null_is_no_empty_word() {
        let of = |word| measure().of(&[vec![words(&[word])]]).expect("its columns").hash;
        assert_ne!(of(None), of(Some("")));
    }
}
