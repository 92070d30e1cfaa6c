//! Api: sources whose datasets a program gives: queues, constants, and rows for tests.
//!
//! Takes partitions of rows. Gives the dataset of each batch when the job asks. Never makes the
//! job wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{RecordBatch, StringArray};

use crate::model::column_type::ColumnType;
use crate::model::schema::{Column, StreamSchema};
use crate::model::source::{DatasetSource, GivenDataset};
use crate::model::time::BatchTime;

/// The partitions of one dataset, each a run of slices.
pub type Partitions = Vec<Vec<RecordBatch>>;

/// The columns of [`lines`]: one text, called `line`, as sources of lines have it.
pub fn line_schema() -> StreamSchema {
    StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)])
}

/// Texts as the rows of one partition, under [`line_schema`].
pub fn lines<'l>(lines: impl IntoIterator<Item = &'l str>) -> Partitions {
    let lines = Arc::new(StringArray::from_iter_values(lines));
    let rows = RecordBatch::try_new(line_schema().to_arrow(), vec![lines]);
    vec![vec![rows.expect("its one column is text without nulls")]]
}

/// A queue of datasets: what is pushed is what later batches read. Clones are the same queue.
#[derive(Debug, Clone, Default)]
pub struct DatasetQueue(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    datasets: VecDeque<Option<Partitions>>,
    closed: bool,
}

impl DatasetQueue {
    /// Adds a dataset for a later batch.
    pub fn push(&self, partitions: Partitions) {
        self.lock().datasets.push_back(Some(partitions));
    }

    /// Lets one batch have no dataset, which is not the same as an empty one.
    pub fn push_missing(&self) {
        self.lock().datasets.push_back(None);
    }

    /// Says that nothing more will come: the source ends when the queue is empty.
    pub fn close(&self) {
        self.lock().closed = true;
    }

    /// Datasets that wait.
    pub fn len(&self) -> usize {
        self.lock().datasets.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue as a source.
#[derive(Debug)]
pub(super) struct QueueSource {
    pub(super) queue: DatasetQueue,
    /// Whether a batch takes one dataset, or all that wait.
    pub(super) one_at_a_time: bool,
    /// What a batch reads when none waits.
    pub(super) default: Partitions,
}

impl DatasetSource for QueueSource {
    fn dataset(&self, _time: BatchTime) -> GivenDataset {
        let mut waiting = self.queue.lock();
        let taken: Vec<_> = if self.one_at_a_time {
            waiting.datasets.pop_front().into_iter().collect()
        } else {
            waiting.datasets.drain(..).collect()
        };
        if taken.is_empty() {
            return if waiting.closed {
                GivenDataset::Ended
            } else {
                GivenDataset::Partitions(self.default.clone())
            };
        }
        if taken.iter().all(Option::is_none) {
            return GivenDataset::Missing;
        }
        GivenDataset::Partitions(taken.into_iter().flatten().flatten().collect())
    }
}

/// The same dataset in every batch.
#[derive(Debug)]
pub(super) struct ConstantSource(pub(super) Partitions);

impl DatasetSource for ConstantSource {
    fn dataset(&self, _time: BatchTime) -> GivenDataset {
        GivenDataset::Partitions(self.0.clone())
    }
}
