//! Api: a sample of a dataset's rows, every row as likely as any other.
//!
//! Takes a number of rows and a seed. Gives rows in an order by chance. The same seed gives the
//! same rows of the same partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow_select::take::take_record_batch;

use super::partition_function::step;
use super::rows::joined;
use super::run::Part;
use super::{Dataset, DatasetError};
use crate::limits::RESULT_BYTES_DEFAULT;
use crate::model::column_type::ColumnType;
use crate::model::schema::{Column, StreamSchema};
use crate::sys::entropy::{Entropy, SeededEntropy};

impl Dataset {
    /// So many rows, drawn by chance; with replacement a row may be drawn again. Without it there
    /// are no more than the dataset has. It is made twice: to count its rows, and to pick some.
    ///
    /// # Errors
    /// When a task failed.
    pub fn take_sample(
        &self,
        with_replacement: bool,
        rows: usize,
        seed: u64,
    ) -> Result<Option<RecordBatch>, DatasetError> {
        let schema = self.schema()?;
        let sizes = self.partition_sizes(&schema)?;
        let all: u64 = sizes.iter().sum();
        let chance = SeededEntropy::new(seed);
        let drawn = match with_replacement {
            true => (0..if all == 0 { 0 } else { rows }).map(|_| chance.below(all)).collect(),
            false => different(rows as u64, all, &chance),
        };
        // The picked rows come in the order of partitions, each row once.
        let picked: BTreeSet<u64> = drawn.iter().copied().collect();
        let place: BTreeMap<u64, u32> = picked.iter().copied().zip(0..).collect();
        let of_partition = by_partition(&picked, &sizes);
        let pick = move |partition, slice: &RecordBatch| {
            let rows: Vec<u32> = of_partition.get(&partition).cloned().unwrap_or_default();
            Ok(take_record_batch(slice, &UInt32Array::from(rows))?)
        };
        let last = step("take_sample", &schema, schema.clone(), pick);
        let part = Part { partitions: None, bytes_max: Some(RESULT_BYTES_DEFAULT) };
        let found: Vec<_> = self.collect_part(Some(last), &part)?.into_iter().flatten().collect();
        let Some(found) = joined(&found)? else { return Ok(None) };
        let order = UInt32Array::from_iter_values(drawn.iter().map(|row| place[row]));
        Ok(Some(take_record_batch(&found, &order)?))
    }

    fn partition_sizes(&self, schema: &StreamSchema) -> Result<Vec<u64>, DatasetError> {
        let output = StreamSchema::new(vec![Column::new("rows", ColumnType::Int64)]);
        let arrow = output.to_arrow();
        let count = move |_, slice: &RecordBatch| {
            let rows = i64::try_from(slice.num_rows())?;
            let column: ArrayRef = Arc::new(Int64Array::from(vec![rows]));
            Ok(RecordBatch::try_new(Arc::clone(&arrow), vec![column])?)
        };
        let last = step("take_sample", schema, output, count);
        let counts = self.collect_part(Some(last), &Part::default())?;
        let of = |slices: &Vec<RecordBatch>| {
            let counts = slices.iter().map(|s| s.column(0).as_primitive::<Int64Type>().value(0));
            counts.map(|rows| u64::try_from(rows).unwrap_or(0)).sum()
        };
        Ok(counts.iter().map(of).collect())
    }
}

/// So many different numbers below the bound, or all there are, in an order by chance.
fn different(count: u64, bound: u64, chance: &SeededEntropy) -> Vec<u64> {
    let count = count.min(bound);
    // Floyd's: a number that is there already is replaced by the greatest so far.
    let mut found = BTreeSet::new();
    for last in bound - count..bound {
        let number = chance.below(last + 1);
        if !found.insert(number) {
            found.insert(last);
        }
    }
    let mut order: Vec<u64> = found.into_iter().collect();
    for end in (1..order.len()).rev() {
        let other = usize::try_from(chance.below(end as u64 + 1)).unwrap_or(end);
        order.swap(end, other);
    }
    order
}

/// Row numbers of the whole as those of partitions of these sizes.
fn by_partition(rows: &BTreeSet<u64>, sizes: &[u64]) -> BTreeMap<usize, Vec<u32>> {
    let mut of_partition = BTreeMap::new();
    let mut begin = 0;
    for (partition, size) in sizes.iter().enumerate() {
        let rows = rows.range(begin..begin + size);
        // A partition is one slice here, whose rows have numbers of 32 bits.
        let rows = rows.map(|row| u32::try_from(row - begin).unwrap_or(u32::MAX)).collect();
        of_partition.insert(partition, rows);
        begin += size;
    }
    of_partition
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_numbers_are_all_as_likely() {
        let mut drawn = [0_u32; 10];
        for seed in 0..3_000 {
            let numbers = different(3, 10, &SeededEntropy::new(seed));
            assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 3);
            numbers.iter().for_each(|number| drawn[*number as usize] += 1);
        }
        // 900 times each but for chance, whose deviation is 25.
        assert!(drawn.iter().all(|times| (775..=1_025).contains(times)), "{drawn:?}");
        assert_eq!(different(20, 10, &SeededEntropy::new(1)).len(), 10);
        assert_ne!(different(10, 10, &SeededEntropy::new(1)), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn rows_are_found_in_their_partitions() {
        let rows = BTreeSet::from([0, 2, 3, 6]);
        let expected = [(0, vec![0, 2]), (1, vec![]), (2, vec![0, 3])];
        assert_eq!(by_partition(&rows, &[3, 0, 5]), BTreeMap::from(expected));
    }
}
