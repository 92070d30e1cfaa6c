//! Shuffle: who has written what, and what a reduce partition is to read.
//!
//! Takes the map outputs of one stage in any order. Gives the slices of a reduce partition in map
//! partition order, so that the order tasks happen to finish in reaches no result.

use arrow_array::RecordBatch;

/// What one map task wrote: slices by reduce partition.
pub type MapOutput = Vec<Vec<RecordBatch>>;

/// The map outputs of one stage in one batch.
#[derive(Debug, Default)]
pub struct MapOutputs {
    by_map_partition: Vec<Option<MapOutput>>,
    /// Rows and bytes of each, also of one that is lost: made again, it counts once.
    sizes: Vec<(u64, usize)>,
}

impl MapOutputs {
    /// Room for so many map tasks.
    pub fn new(map_partitions: usize) -> Self {
        Self { by_map_partition: vec![None; map_partitions], sizes: vec![(0, 0); map_partitions] }
    }

    /// Stores what a map task wrote; a later attempt replaces an earlier one.
    pub fn store(&mut self, map_partition: usize, output: MapOutput) {
        let slices = || output.iter().flatten();
        let rows = slices().map(|slice| slice.num_rows() as u64).sum();
        let bytes = slices().map(RecordBatch::get_array_memory_size).sum();
        self.sizes[map_partition] = (rows, bytes);
        self.by_map_partition[map_partition] = Some(output);
    }

    /// Lets go of what a map task wrote.
    pub fn lose(&mut self, map_partition: usize) {
        if let Some(output) = self.by_map_partition.get_mut(map_partition) {
            *output = None;
        }
    }

    /// The slices of a reduce partition. Slices share their memory with the map output.
    pub fn read(&self, reduce_partition: usize) -> Vec<RecordBatch> {
        self.by_map_partition
            .iter()
            .flatten()
            .filter_map(|output| output.get(reduce_partition))
            .flatten()
            .filter(|slice| slice.num_rows() > 0)
            .cloned()
            .collect()
    }

    /// Bytes written.
    pub fn bytes(&self) -> usize {
        self.sizes.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Rows written.
    pub fn rows(&self) -> u64 {
        self.sizes.iter().map(|(rows, _)| rows).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array};

    use super::*;

    fn slice(value: i64) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![value]));
        RecordBatch::try_from_iter([("n", column)]).expect("one column")
    }

    #[test]
    fn reduce_reads_in_map_partition_order() {
        let mut outputs = MapOutputs::new(2);
        outputs.store(1, vec![vec![slice(3)], vec![slice(4)]]);
        outputs.store(0, vec![vec![slice(1)], vec![]]);
        let read = |partition| -> Vec<i64> {
            let slices = outputs.read(partition);
            slices.iter().map(|s| s.column(0).as_primitive::<Int64Type>().value(0)).collect()
        };
        assert_eq!((read(0), read(1)), (vec![1, 3], vec![4]));
        assert_eq!(outputs.rows(), 3);
    }
}
