//! Api: streams of batches and datasets, and what can be done to both.
//!
//! Takes operators of plugins, built-in folds and closures. Gives further streams. Never computes
//! anything: a stream without an output is never run, nor a dataset without an action (as in
//! Spark).

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
use crate::model::sink::{BatchFunction, FileForm, FileFormat, SinkConnector};
use crate::model::storage_level::StorageLevel;
use crate::model::time::BatchTime;

/// An error of a program's own batch function.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Rows and how they come about: where from, and by which steps. What it is of says how it is run.
#[derive(Debug, Clone)]
pub struct Lineage<Of> {
    pub(super) graph: Arc<Mutex<Graph>>,
    pub(super) node: usize,
    pub(super) of: Of,
}

/// Rows that come in batches.
#[derive(Debug, Clone, Copy)]
pub struct InBatches;

/// A stream of batches. Clones are the same stream: what they share is computed once a batch.
pub type DStream = Lineage<InBatches>;

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

impl<Of: Clone> Lineage<Of> {
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

    /// How often each row occurs.
    pub fn count_by_value(&self) -> Self {
        self.step(StepDeclaration::new(Operation::CountByValue))
    }

    /// The partitions of this stream, then those of the other, whose schema must be equal.
    pub fn union(&self, other: &Self) -> Self {
        self.with(other, StepDeclaration::new(Operation::Union(Vec::new())))
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
        self.with(other, StepDeclaration::new(Operation::Join(join)))
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

    /// Appends any step, with whatever may stand beside its operation in a job file.
    pub fn step(&self, step: StepDeclaration) -> Self {
        self.after(Node::Step { parent: self.node, step: Box::new(step), others: Vec::new() })
    }

    fn apply(&self, kind: OperatorKind, operator: impl Into<OperatorRef>) -> Self {
        self.step(StepDeclaration::new(Operation::Apply(kind, operator.into())))
    }

    /// A step that reads another stream of the same context beside this one.
    fn with(&self, other: &Self, step: StepDeclaration) -> Self {
        self.with_others(step, std::slice::from_ref(other))
    }

    /// Appends a step that reads other streams of the same context as well.
    pub(super) fn with_others(&self, step: StepDeclaration, others: &[Self]) -> Self {
        let own = |other: &Self| Arc::ptr_eq(&self.graph, &other.graph);
        if !others.iter().all(own) {
            // Its number means nothing here; what is started next says so.
            self.lock().misused(Misuse::OtherContext { step: step.operation.step_word() });
        }
        let number = |other: &Self| if own(other) { other.node } else { self.node };
        let others = others.iter().map(number).collect();
        self.after(Node::Step { parent: self.node, step: Box::new(step), others })
    }

    pub(super) fn after(&self, node: Node) -> Self {
        let node = self.lock().add(node);
        Self { graph: Arc::clone(&self.graph), node, of: self.of.clone() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Graph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DStream {
    /// Folds all rows of a batch to one; an empty batch gives none.
    pub fn reduce(&self, operator: impl Into<OperatorRef>) -> Self {
        self.step(StepDeclaration::new(Operation::Reduce(operator.into())))
    }

    /// The number of rows of each batch; 0 for an empty one.
    pub fn count(&self) -> Self {
        self.step(StepDeclaration::new(Operation::Count))
    }

    /// Says at which level this stream's datasets are kept while windows reach back to them; of a
    /// stream that is windows, what they reach back to. Nothing is dropped whatever the level: its
    /// blocks are gone, so what memory has no room for goes to disk. Unless this is said they are
    /// kept as `MEMORY_ONLY_SER`, as in Spark.
    pub fn persist(&self, level: StorageLevel) -> Self {
        self.lock().persist(self.node, level);
        self.clone()
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

    /// Prints the first rows of each batch on standard output.
    pub fn print(&self, rows: usize) {
        self.output(SinkConnector::Print { rows });
    }

    /// Writes each batch as JSON lines into a folder `prefix-<T ms>`; none for an empty batch.
    pub fn save_as_json_files(&self, prefix: impl Into<PathBuf>) {
        let (prefix, form) = (prefix.into(), FileForm::default());
        self.output(SinkConnector::Files { prefix, empty_batches: false, form });
    }

    /// Writes each batch as text, a row a line as [`Self::print`] shows it, into a folder
    /// `prefix-<T ms>`, with `.suffix` behind it unless that is empty. There is a file `part-00000`
    /// per partition, and a folder for an empty batch too.
    pub fn save_as_text_files(&self, prefix: impl Into<PathBuf>, suffix: &str) {
        self.save_as(FileFormat::Text, prefix.into(), suffix);
    }

    /// Writes each batch as Arrow's files, as [`Self::save_as_text_files`] does as text. What a
    /// folder holds can be read again: see [`read_object_files`](super::object_files).
    pub fn save_as_object_files(&self, prefix: impl Into<PathBuf>, suffix: &str) {
        self.save_as(FileFormat::Arrow, prefix.into(), suffix);
    }

    fn save_as(&self, format: FileFormat, prefix: PathBuf, suffix: &str) {
        let suffix = (!suffix.is_empty()).then(|| suffix.to_owned());
        let form = FileForm { format, gzip: false, suffix };
        self.output(SinkConnector::Files { prefix, empty_batches: true, form });
    }

    /// Runs the function on each batch's partitions (Spark's `foreachRDD`).
    pub fn for_each_batch<F>(&self, function: F)
    where
        F: Fn(BatchTime, &[Vec<RecordBatch>]) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        self.output(SinkConnector::ForEachBatch(Arc::new(Closure(function))));
    }

    fn output(&self, connector: SinkConnector) {
        self.lock().output(self.node, connector);
    }
}

fn span(length: Duration, slide: Duration) -> WindowSpan {
    WindowSpan { length, slide: Some(slide) }
}

fn owned(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|&column| column.to_owned()).collect()
}

pub(super) struct Closure<F>(pub(super) F);

impl<F> BatchFunction for Closure<F>
where
    F: Fn(BatchTime, &[Vec<RecordBatch>]) -> Result<(), BoxError> + Send + Sync,
{
    fn call(&self, time: BatchTime, partitions: &[Vec<RecordBatch>]) -> Result<(), BoxError> {
        (self.0)(time, partitions)
    }
}
