//! Rig: datasets of numbers, and what comes out of them.
//!
//! Takes numbers by partition. Gives them as a dataset, whose rows can be counted as they are made.
//! All run on the engine that tests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use tidemill::api::dataset::{Dataset, DatasetContext, DatasetError};
use tidemill::api::given::Partitions;
use tidemill::api::native::map;
use tidemill::model::column_type::ColumnType;
use tidemill::model::schema::{Column, StreamSchema};

use crate::job_rig::engine;

/// A context on the engine of all tests.
pub fn context() -> DatasetContext {
    DatasetContext::new(&engine())
}

/// One column of whole numbers.
pub fn schema() -> StreamSchema {
    StreamSchema::new(vec![Column::new("n", ColumnType::Int64)])
}

/// Numbers as one slice.
pub fn slice(numbers: &[i64]) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
    RecordBatch::try_new(schema().to_arrow(), vec![column]).expect("one column")
}

/// Numbers by partition.
pub fn partitions(numbers: &[&[i64]]) -> Partitions {
    numbers.iter().map(|numbers| vec![slice(numbers)]).collect()
}

/// A dataset of numbers.
pub fn numbers(context: &DatasetContext, of: &[&[i64]]) -> Dataset {
    context.parallelize(schema(), partitions(of))
}

/// The first column of the rows.
pub fn values<'a>(slices: impl IntoIterator<Item = &'a RecordBatch>) -> Vec<i64> {
    let column = |slice: &RecordBatch| {
        slice.column(0).as_primitive::<Int64Type>().values().iter().copied().collect::<Vec<_>>()
    };
    slices.into_iter().flat_map(column).collect()
}

/// All numbers of a dataset.
pub fn collected(dataset: &Dataset) -> Vec<i64> {
    values(&dataset.collect().expect("it is made"))
}

/// What an action failed of.
pub fn failure<T: std::fmt::Debug>(of: Result<T, DatasetError>) -> String {
    of.expect_err("it fails").to_string()
}

/// Counts rows as they are made.
#[derive(Debug, Clone, Default)]
pub struct Made(Arc<AtomicUsize>);

impl Made {
    /// The same rows, counted.
    pub fn counting(&self, dataset: &Dataset) -> Dataset {
        let made = Arc::clone(&self.0);
        let count = map::<i64, i64, _>("count", move |number, _| {
            made.fetch_add(1, Ordering::Relaxed);
            number
        });
        dataset.map(count.expect("types of streams"))
    }

    /// Rows made since this was asked last.
    pub fn rows(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}
