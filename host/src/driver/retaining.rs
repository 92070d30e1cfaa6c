//! Driver: the inputs of one batch while it runs, for whoever runs it again later.
//!
//! Takes what tasks read of sources, on their threads. Gives the slices, which share their memory
//! with the batch's. Never copies a row, and lets go of everything when it is too much.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{Array, RecordBatch};
use arrow_data::ArrayData;

use crate::exec::executor::ReadInput;
use crate::model::id::SourceId;

/// A partition of a source.
pub type SourcePartition = (SourceId, usize);

/// What the tasks of a batch read of its sources, up to so many bytes.
#[derive(Debug)]
pub struct Retaining {
    bytes_max: usize,
    so_far: Mutex<SoFar>,
}

#[derive(Debug, Default)]
struct SoFar {
    partitions: BTreeMap<SourcePartition, Vec<RecordBatch>>,
    /// Where the buffers begin that are counted: slices share them.
    buffers: BTreeSet<usize>,
    bytes: usize,
}

/// What was read.
#[derive(Debug, Default)]
pub struct ReadSlices {
    /// By partition; none where it is too much.
    pub partitions: Option<BTreeMap<SourcePartition, Vec<RecordBatch>>>,
    /// The memory that they hold.
    pub bytes: usize,
}

impl Retaining {
    /// Nothing was read yet.
    pub fn up_to(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, so_far: Mutex::default() })
    }

    /// Reads the same, and retains it.
    pub fn what(self: &Arc<Self>, read: ReadInput, partition: SourcePartition) -> ReadInput {
        let retaining = Arc::clone(self);
        Box::new(move || {
            let input = read()?;
            retaining.add(partition, &input);
            Ok(input)
        })
    }

    fn add(&self, partition: SourcePartition, input: &[Vec<RecordBatch>]) {
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        let so_far = &mut *so_far;
        // An attempt that is made again reads the same, and a second stage counts it once.
        if so_far.bytes > self.bytes_max || so_far.partitions.contains_key(&partition) {
            return;
        }
        for column in input.iter().flatten().flat_map(RecordBatch::columns) {
            count(&column.to_data(), &mut so_far.buffers, &mut so_far.bytes);
        }
        if so_far.bytes > self.bytes_max {
            so_far.partitions.clear();
            so_far.buffers.clear();
        } else {
            so_far.partitions.insert(partition, input.concat());
        }
    }

    /// What was read, when nobody reads any more.
    pub fn take(&self) -> ReadSlices {
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        let SoFar { partitions, bytes, .. } = std::mem::take(&mut *so_far);
        ReadSlices { partitions: (bytes <= self.bytes_max).then_some(partitions), bytes }
    }
}

/// Counts the buffers of a column, each whole: a slice holds all of the memory that it is of.
fn count(data: &ArrayData, buffers: &mut BTreeSet<usize>, bytes: &mut usize) {
    let validity = data.nulls().map(|nulls| nulls.buffer());
    for buffer in data.buffers().iter().chain(validity) {
        if buffers.insert(buffer.data_ptr().as_ptr() as usize) {
            *bytes += buffer.capacity();
        }
    }
    data.child_data().iter().for_each(|child| count(child, buffers, bytes));
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int64Array};

    use super::*;

    fn slice(rows: i64) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        RecordBatch::try_from_iter([("n", column)]).expect("one column")
    }

    fn read(retaining: &Arc<Retaining>, partition: usize, slices: Vec<RecordBatch>) {
        let read = retaining.what(Box::new(move || Ok(vec![slices])), (SourceId(0), partition));
        read().expect("nothing fails");
    }

    #[test]
    fn memory_that_slices_share_is_counted_once_and_whole() {
        let whole = slice(1000);
        let retaining = Retaining::up_to(10_000);
        read(&retaining, 0, vec![whole.slice(0, 10), whole.slice(10, 10)]);
        read(&retaining, 1, vec![whole.slice(500, 1)]);
        // A task that is tried again reads the same once more.
        read(&retaining, 1, vec![whole.slice(500, 1)]);
        let found = retaining.take();
        assert!((8000..8100).contains(&found.bytes), "{}", found.bytes);
        let rows = |slices: &Vec<RecordBatch>| slices.iter().map(RecordBatch::num_rows).sum();
        let partitions = found.partitions.expect("it is within bounds");
        assert_eq!(partitions.values().map(rows).collect::<Vec<usize>>(), [20, 1]);
    }

    #[test]
    fn too_much_is_let_go_at_once() {
        let retaining = Retaining::up_to(10_000);
        let first = slice(1000);
        let held = Arc::downgrade(first.column(0));
        read(&retaining, 0, vec![first]);
        assert!(held.upgrade().is_some());
        read(&retaining, 1, vec![slice(1000)]);
        assert!(held.upgrade().is_none());
        read(&retaining, 2, vec![slice(1)]);
        let found = retaining.take();
        assert!(found.partitions.is_none() && found.bytes > 10_000, "{found:?}");
    }
}
