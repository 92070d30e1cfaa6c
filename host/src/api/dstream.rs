//! Api: a stream of batches and what can be done to it.
//!
//! Takes operators of plugins, built-in folds and closures. Gives further streams. Never computes
//! anything: a stream without an output is never run (as in Spark).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow_array::RecordBatch;

use super::graph::{Graph, Node};
use super::misuse::Misuse;
use crate::model::description::OperatorKind;
use crate::model::join::{Join, JoinKind};
use crate::model::operation::{
    BuiltInFold, FoldByWindow, NativeOperator, Operation, OperatorRef, StepDeclaration, WindowSpan,
};
use crate::model::sink::{BatchFunction, SinkConnector};
use crate::model::time::BatchTime;

/// An error of a program's own batch function.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A stream of batches. Clones are the same stream: what they share is computed once a batch.
#[derive(Debug, Clone)]
pub struct DStream {
    pub(super) graph: Arc<Mutex<Graph>>,
    pub(super) node: usize,
}

impl From<BuiltInFold> for OperatorRef {
    fn from(fold: BuiltInFold) -> Self {
        Self::BuiltIn(fold)
    }
}

impl From<NativeOperator> for OperatorRef {
    fn from(operator: NativeOperator) -> Self {
        Self::Native(operator)
    }
}

impl DStream {
    /// One row out for each row in.
    pub fn map(&self, operator: impl Into<OperatorRef>) -> Self {
        self.apply(OperatorKind::Map, operator)
    }

    /// Any number of rows out for each row in.
    pub fn flat_map(&self, operator: impl Into<OperatorRef>) -> Self {
        self.apply(OperatorKind::FlatMap, operator)
    }

    /// Keeps the rows the operator says yes to.
    pub fn filter(&self, operator: impl Into<OperatorRef>) -> Self {
        self.apply(OperatorKind::Filter, operator)
    }

    /// The operator sees each partition whole, empty ones too.
    pub fn map_partitions(&self, operator: impl Into<OperatorRef>) -> Self {
        self.apply(OperatorKind::MapPartitions, operator)
    }

    /// One value out for each value in; keys stay.
    pub fn map_values(&self, operator: impl Into<OperatorRef>) -> Self {
        self.apply(OperatorKind::MapValues, operator)
    }

    /// Any number of values out for each value in; keys stay.
    pub fn flat_map_values(&self, operator: impl Into<OperatorRef>) -> Self {
        self.apply(OperatorKind::FlatMapValues, operator)
    }

    /// Folds the values of each key.
    pub fn reduce_by_key(&self, operator: impl Into<OperatorRef>) -> Self {
        self.step(StepDeclaration::new(Operation::ReduceByKey(operator.into())))
    }

    /// Gathers the values of each key into lists.
    pub fn group_by_key(&self) -> Self {
        self.step(StepDeclaration::new(Operation::GroupByKey))
    }

    /// Folds all rows of a batch to one; an empty batch gives none.
    pub fn reduce(&self, operator: impl Into<OperatorRef>) -> Self {
        self.step(StepDeclaration::new(Operation::Reduce(operator.into())))
    }

    /// The number of rows of each batch; 0 for an empty one.
    pub fn count(&self) -> Self {
        self.step(StepDeclaration::new(Operation::Count))
    }

    /// How often each row occurs in a batch.
    pub fn count_by_value(&self) -> Self {
        self.step(StepDeclaration::new(Operation::CountByValue))
    }

    /// The partitions of this stream, then those of the other, whose schema must be equal.
    pub fn union(&self, other: &Self) -> Self {
        let step = StepDeclaration::new(Operation::Union(Vec::new()));
        self.with_others(step, std::slice::from_ref(other))
    }

    /// Each row with each row of the other stream that has an equal key, in the same batch. Both
    /// streams have as many key columns of the same types. Null keys are equal, as in Spark.
    pub fn join(&self, other: &Self) -> Self {
        self.join_as(other, JoinKind::Inner)
    }

    /// As [`Self::join`], and rows of this stream that have no partner; the other's columns are
    /// null then, and `matched` is false.
    pub fn left_outer_join(&self, other: &Self) -> Self {
        self.join_as(other, JoinKind::LeftOuter)
    }

    /// As [`Self::join`], and rows of the other stream that have no partner; this stream's columns
    /// are null then, and `matched` is false.
    pub fn right_outer_join(&self, other: &Self) -> Self {
        self.join_as(other, JoinKind::RightOuter)
    }

    /// As [`Self::join`], and rows of either stream that have no partner; `left_matched` and
    /// `right_matched` say which of the two is there.
    pub fn full_outer_join(&self, other: &Self) -> Self {
        self.join_as(other, JoinKind::FullOuter)
    }

    /// The rows whose key the other stream lacks in the same batch.
    pub fn anti_join(&self, other: &Self) -> Self {
        self.join_as(other, JoinKind::Anti)
    }

    /// A row for each key of either stream, with the values of each in lists.
    pub fn cogroup(&self, other: &Self) -> Self {
        self.join_as(other, JoinKind::Cogroup)
    }

    /// Any join, with all that a job file may say of it; its `with` is not read.
    pub fn join_with(&self, other: &Self, join: Join) -> Self {
        let step = StepDeclaration::new(Operation::Join(join));
        self.with_others(step, std::slice::from_ref(other))
    }

    /// Value columns of equal names get the other stream's under `right_`.
    fn join_as(&self, other: &Self, kind: JoinKind) -> Self {
        let prefix = Some("right_".to_owned());
        self.join_with(other, Join { kind, with: String::new(), null_equal: true, prefix })
    }

    /// Spreads rows over exactly so many partitions.
    pub fn repartition(&self, partitions: usize) -> Self {
        self.step(StepDeclaration::new(Operation::Repartition(partitions)))
    }

    /// Makes the columns the key and moves them to the front.
    pub fn key_by(&self, columns: &[&str]) -> Self {
        self.step(StepDeclaration::new(Operation::KeyBy(owned(columns))))
    }

    /// Keeps the columns, in this order.
    pub fn select(&self, columns: &[&str]) -> Self {
        self.step(StepDeclaration::new(Operation::Select(owned(columns))))
    }

    /// The rows of all batches of a window, the oldest first. `length` and `slide` are multiples
    /// of the time between this stream's batches; windows lie on a grid that begins at the epoch.
    pub fn window(&self, length: Duration, slide: Duration) -> Self {
        self.step(StepDeclaration::new(Operation::Window(span(length, slide))))
    }

    /// Folds all rows of a window to one; a window without rows gives none.
    pub fn reduce_by_window(
        &self,
        operator: impl Into<OperatorRef>,
        length: Duration,
        slide: Duration,
    ) -> Self {
        self.fold_by_window(false, operator.into(), None, None, span(length, slide))
    }

    /// As [`Self::reduce_by_window`], each window being made of the one before: `inverse` takes
    /// out what has left.
    pub fn reduce_by_window_with_inverse(
        &self,
        operator: impl Into<OperatorRef>,
        inverse: impl Into<OperatorRef>,
        length: Duration,
        slide: Duration,
    ) -> Self {
        let window = span(length, slide);
        self.fold_by_window(false, operator.into(), Some(inverse.into()), None, window)
    }

    /// The number of rows of a window; 0 where there are none.
    pub fn count_by_window(&self, length: Duration, slide: Duration) -> Self {
        self.step(StepDeclaration::new(Operation::CountByWindow(span(length, slide))))
    }

    /// How often each row occurs in a window.
    pub fn count_by_value_and_window(&self, length: Duration, slide: Duration) -> Self {
        self.step(StepDeclaration::new(Operation::CountByValueAndWindow(span(length, slide))))
    }

    /// Folds the values that each key has in a window. A key goes with the last of its values.
    pub fn reduce_by_key_and_window(
        &self,
        operator: impl Into<OperatorRef>,
        length: Duration,
        slide: Duration,
    ) -> Self {
        self.fold_by_window(true, operator.into(), None, None, span(length, slide))
    }

    /// As [`Self::reduce_by_key_and_window`], each window being made of the one before: `inverse`
    /// takes out what has left. Without a `filter` a key stays for ever once it was seen, as
    /// `inverse` leaves it (as in Spark); with one, it goes with the last of its values, and what
    /// the filter does not keep is hidden.
    pub fn reduce_by_key_and_window_with_inverse(
        &self,
        operator: impl Into<OperatorRef>,
        inverse: impl Into<OperatorRef>,
        filter: Option<OperatorRef>,
        length: Duration,
        slide: Duration,
    ) -> Self {
        let window = span(length, slide);
        self.fold_by_window(true, operator.into(), Some(inverse.into()), filter, window)
    }

    /// Gathers the values that each key has in a window into lists, in the order they came.
    pub fn group_by_key_and_window(&self, length: Duration, slide: Duration) -> Self {
        self.step(StepDeclaration::new(Operation::GroupByKeyAndWindow(span(length, slide))))
    }

    fn fold_by_window(
        &self,
        by_key: bool,
        fold: OperatorRef,
        inverse: Option<OperatorRef>,
        filter: Option<OperatorRef>,
        window: WindowSpan,
    ) -> Self {
        let fold = FoldByWindow { by_key, fold, inverse, filter, window };
        self.step(StepDeclaration::new(Operation::FoldByWindow(fold)))
    }

    /// Appends any step, with whatever may stand beside its operation in a job file.
    pub fn step(&self, step: StepDeclaration) -> Self {
        self.after(Node::Step { parent: self.node, step: Box::new(step), others: Vec::new() })
    }

    /// Prints the first rows of each batch on standard output.
    pub fn print(&self, rows: usize) {
        self.output(SinkConnector::Print { rows });
    }

    /// Writes each batch as JSON lines into a folder `prefix-<T ms>`; none for an empty batch.
    pub fn save_as_json_files(&self, prefix: impl Into<PathBuf>) {
        self.output(SinkConnector::Files { prefix: prefix.into(), empty_batches: false });
    }

    /// Runs the function on each batch's partitions (Spark's `foreachRDD`).
    pub fn for_each_batch<F>(&self, function: F)
    where
        F: Fn(BatchTime, &[Vec<RecordBatch>]) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        self.output(SinkConnector::ForEachBatch(Arc::new(Closure(function))));
    }

    fn apply(&self, kind: OperatorKind, operator: impl Into<OperatorRef>) -> Self {
        self.step(StepDeclaration::new(Operation::Apply(kind, operator.into())))
    }

    /// Appends a step that reads other streams of the same context as well.
    pub(super) fn with_others(&self, step: StepDeclaration, others: &[Self]) -> Self {
        if others.iter().any(|other| !Arc::ptr_eq(&self.graph, &other.graph)) {
            self.lock().misused(Misuse::OtherContext { step: step.operation.step_word() });
        }
        let others = others.iter().map(|other| other.node).collect();
        self.after(Node::Step { parent: self.node, step: Box::new(step), others })
    }

    fn after(&self, node: Node) -> Self {
        let node = self.lock().add(node);
        Self { graph: Arc::clone(&self.graph), node }
    }

    fn output(&self, connector: SinkConnector) {
        self.lock().output(self.node, connector);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Graph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn span(length: Duration, slide: Duration) -> WindowSpan {
    WindowSpan { length, slide: Some(slide) }
}

fn owned(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|&column| column.to_owned()).collect()
}

struct Closure<F>(F);

impl<F> BatchFunction for Closure<F>
where
    F: Fn(BatchTime, &[Vec<RecordBatch>]) -> Result<(), BoxError> + Send + Sync,
{
    fn call(&self, time: BatchTime, partitions: &[Vec<RecordBatch>]) -> Result<(), BoxError> {
        (self.0)(time, partitions)
    }
}
