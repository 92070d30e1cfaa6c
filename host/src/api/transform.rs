//! Api: a program's functions over whole datasets.
//!
//! Takes a closure and the columns it gives. Gives a stream. The closure runs once a batch as a
//! task on an executor, never on the job's loop: one that takes long delays its batch alone. It is
//! called anew in every batch, so it may read what the program has changed meanwhile.

use std::sync::Arc;

use super::context::StreamingContext;
use super::dstream::{BoxError, DStream};
use super::given::Partitions;
use crate::model::operation::{Operation, StepDeclaration};
use crate::model::schema::StreamSchema;
use crate::model::time::BatchTime;
use crate::model::transform::{BatchDataset, DatasetFunction, Transform, Transformed};

impl DStream {
    /// Any dataset of this stream's dataset, with the columns of `schema`. `None` is an error and
    /// fails the batch, as does a batch in which this stream has no dataset.
    pub fn transform<F>(&self, schema: StreamSchema, function: F) -> Self
    where
        F: Fn(&BatchDataset, BatchTime) -> Result<Option<Partitions>, BoxError>
            + Send
            + Sync
            + 'static,
    {
        let whole = move |datasets: &[BatchDataset], time: BatchTime| match datasets {
            [own, ..] => function(own, time),
            [] => Ok(None),
        };
        self.transform_all(&[], schema, whole)
    }

    /// As [`Self::transform`], of this stream's dataset and another's, which has one at the same
    /// times.
    pub fn transform_with<F>(&self, other: &Self, schema: StreamSchema, function: F) -> Self
    where
        F: Fn(&BatchDataset, &BatchDataset, BatchTime) -> Result<Option<Partitions>, BoxError>
            + Send
            + Sync
            + 'static,
    {
        let whole = move |datasets: &[BatchDataset], time: BatchTime| match datasets {
            [own, other, ..] => function(own, other, time),
            _ => Ok(None),
        };
        self.transform_all(std::slice::from_ref(other), schema, whole)
    }

    fn transform_all<F>(&self, others: &[Self], schema: StreamSchema, function: F) -> Self
    where
        F: Fn(&[BatchDataset], BatchTime) -> Result<Option<Partitions>, BoxError>
            + Send
            + Sync
            + 'static,
    {
        let function = Arc::new(Closure(function));
        let transform = Transform { others: Vec::new(), schema, function };
        self.with_others(StepDeclaration::new(Operation::Transform(transform)), others)
    }
}

impl StreamingContext {
    /// As `DStream::transform`, of the datasets of several streams, in their order.
    pub fn transform<F>(&self, streams: &[DStream], schema: StreamSchema, function: F) -> DStream
    where
        F: Fn(&[BatchDataset], BatchTime) -> Result<Option<Partitions>, BoxError>
            + Send
            + Sync
            + 'static,
    {
        match streams {
            [first, others @ ..] if self.owns(first) => {
                first.transform_all(others, schema, function)
            }
            _ => self.wrong_streams("transform", streams),
        }
    }

    /// The partitions of all these streams, whose columns are equal, one stream after the other.
    pub fn union(&self, streams: &[DStream]) -> DStream {
        match streams {
            [one] if self.owns(one) => one.clone(),
            [first, others @ ..] if self.owns(first) => {
                first.with_others(StepDeclaration::new(Operation::Union(Vec::new())), others)
            }
            _ => self.wrong_streams("union", streams),
        }
    }
}

struct Closure<F>(F);

impl<F> DatasetFunction for Closure<F>
where
    F: Fn(&[BatchDataset], BatchTime) -> Result<Option<Partitions>, BoxError> + Send + Sync,
{
    fn call(&self, time: BatchTime, datasets: &[BatchDataset]) -> Transformed {
        (self.0)(datasets, time)
    }
}
