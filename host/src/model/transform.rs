//! Model: a program's own function from the datasets of a batch to one dataset.
//!
//! Takes nothing. Gives the trait behind which such a function stands, and what it is shown. Never
//! runs it: an executor does.

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::schema::StreamSchema;
use super::time::BatchTime;

/// The dataset of one stream in one batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchDataset {
    /// Its columns.
    pub schema: StreamSchema,
    /// Its partitions, each a run of slices. Copies share their columns.
    pub partitions: Vec<Vec<RecordBatch>>,
}

/// What such a function gives: the partitions of a dataset, or none, which is an error.
pub type Transformed =
    Result<Option<Vec<Vec<RecordBatch>>>, Box<dyn std::error::Error + Send + Sync>>;

/// A function that an embedding program runs on whole datasets, once a batch (Spark's `transform`).
pub trait DatasetFunction: Send + Sync {
    /// Is given the datasets of its streams, in their order.
    ///
    /// # Errors
    /// An error fails the batch.
    fn call(&self, time: BatchTime, datasets: &[BatchDataset]) -> Transformed;
}

/// A step that calls such a function.
#[derive(Clone)]
pub struct Transform {
    /// The other streams that it is given, by name.
    pub others: Vec<String>,
    /// The columns it gives.
    pub schema: StreamSchema,
    /// The function.
    pub function: Arc<dyn DatasetFunction>,
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transform")
            .field("others", &self.others)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
