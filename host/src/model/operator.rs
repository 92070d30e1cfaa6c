//! Model: the one trait behind which guest operators, native closures and built-in folds look
//! alike.
//!
//! Takes a slice of rows and the task it belongs to. Gives rows, or an error that says whose fault
//! it is. Never knows which of the three it is.

use std::any::Any;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::broadcast::Broadcasts;
use super::call_times::CallTimes;
use super::counted::{Counted, is_counter_name};
use super::rejected::Rejection;
use super::stateful::{StatefulAnswer, StatefulCall};
use super::time::BatchTime;
use crate::error::{Classify, Domain, Retry};

/// What an operator may know of the task it runs in. There is no attempt number: a retry must not
/// differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskFacts {
    /// The batch.
    pub batch_time: BatchTime,
    /// The partition within its stage.
    pub partition: u32,
    /// Chance for the operator, the same in every attempt.
    pub seed: u64,
    /// Rows of the task's whole input, from which its CPU time is granted.
    pub input_rows: u64,
    /// Bytes of the task's whole input.
    pub input_bytes: u64,
}

/// What lives as long as one attempt of a task: the facts, what operators count, and whatever they
/// keep from one call to the next, such as a guest's instance.
pub struct TaskScope {
    /// The facts.
    pub facts: TaskFacts,
    /// What calls that succeeded have counted. Whoever runs the task says whether it counts.
    pub counted: Counted,
    /// What calls took, those that failed counted.
    pub call_times: CallTimes,
    /// The broadcasts of its batch.
    pub broadcasts: Broadcasts,
    /// Rows that joins with broadcasts have made so far.
    pub joined_rows: u64,
    kept: HashMap<u64, Box<dyn Any>>,
}

impl TaskScope {
    /// A scope with nothing kept.
    pub fn new(facts: TaskFacts) -> Self {
        let (counted, call_times) = (Counted::default(), CallTimes::default());
        let (broadcasts, kept) = (Broadcasts::default(), HashMap::new());
        Self { facts, counted, call_times, broadcasts, joined_rows: 0, kept }
    }

    /// The same scope with these broadcasts.
    pub fn with_broadcasts(self, broadcasts: Broadcasts) -> Self {
        Self { broadcasts, ..self }
    }

    /// Takes what operators of that plugin have counted in a call that has succeeded.
    pub fn count(&mut self, plugin: &str, counts: impl IntoIterator<Item = (String, u64)>) {
        for (name, delta) in counts.into_iter().filter(|(name, _)| is_counter_name(name)) {
            self.counted.add(&format!("{plugin}.{name}"), delta);
        }
    }

    /// Takes out what was kept under the key, so that it can be used beside the scope.
    pub fn take<T: 'static>(&mut self, key: u64) -> Option<T> {
        self.kept.remove(&key)?.downcast().ok().map(|boxed| *boxed)
    }

    /// Keeps a value under the key until the attempt ends.
    pub fn keep<T: 'static>(&mut self, key: u64, value: T) {
        self.kept.insert(key, Box::new(value));
    }
}

/// Whether a fold sees raw values or what was folded before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Values as rows brought them.
    Values,
    /// Results of earlier folds.
    Partials,
}

/// Rows that came out of a row operator.
#[derive(Debug, Clone)]
pub enum AppliedRows {
    /// New rows, in canonical form.
    Batch(RecordBatch),
    /// The input rows kept, rising.
    Selection(Vec<u32>),
}

/// What a row operator gives back for one slice.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The rows.
    pub rows: AppliedRows,
    /// The input row of each output row, when it was asked for.
    pub origin: Option<Vec<u32>>,
    /// Rows that were refused.
    pub rejected: Vec<Rejection>,
}

/// Something that is done to rows or to the values of groups. Each implements what its kind needs;
/// the rest answers that it is of another kind.
pub trait Operator: Send + Sync + Debug {
    /// How messages name it, such as `words.split -> words.pair`.
    fn label(&self) -> String;

    /// The digest of the component that it runs, if it is a plugin's.
    fn digest(&self) -> Option<&str> {
        None
    }

    /// Runs over one slice. With `want_origin` the answer names each output row's input row.
    ///
    /// # Errors
    /// When the call as a whole failed; single bad rows are in the answer.
    fn apply(
        &self,
        _scope: &mut TaskScope,
        _want_origin: bool,
        _input: &RecordBatch,
    ) -> Result<Applied, OperatorError> {
        Err(OperatorError::wrong_kind(self.label(), "apply"))
    }

    /// Runs over one slice whose rows may become many more: they come in slices of their own.
    ///
    /// # Errors
    /// When the call failed.
    fn spread(
        &self,
        _scope: &mut TaskScope,
        _input: &RecordBatch,
    ) -> Result<Vec<RecordBatch>, OperatorError> {
        Err(OperatorError::wrong_kind(self.label(), "spread"))
    }

    /// Folds value columns to one row per group, in the order of group numbers, every one of which
    /// occurs in `group_of_row`.
    ///
    /// # Errors
    /// When the call failed.
    fn fold(
        &self,
        _scope: &mut TaskScope,
        _phase: Phase,
        _values: &RecordBatch,
        _group_of_row: &[u32],
        _groups: u32,
    ) -> Result<RecordBatch, OperatorError> {
        Err(OperatorError::wrong_kind(self.label(), "fold"))
    }

    /// Row by row, partial results on the left with those on the right.
    ///
    /// # Errors
    /// When the call failed.
    fn merge(
        &self,
        _scope: &mut TaskScope,
        _left: &RecordBatch,
        _right: &RecordBatch,
    ) -> Result<RecordBatch, OperatorError> {
        Err(OperatorError::wrong_kind(self.label(), "merge"))
    }

    /// Changes the states of keys by their values, and gives rows.
    ///
    /// # Errors
    /// When the call as a whole failed; single bad values are in the answer.
    fn update(
        &self,
        _scope: &mut TaskScope,
        _call: StatefulCall<'_>,
    ) -> Result<StatefulAnswer, OperatorError> {
        Err(OperatorError::wrong_kind(self.label(), "update"))
    }
}

/// The word for a call that used more CPU time than it may.
pub const CPU_TIME: &str = "cpu-time";

/// A failed call of an operator: what failed, in words fit for a terminal, and whose fault it is.
#[derive(Debug, Clone, thiserror::Error)]
#[error("operator `{operator}` failed{}: {message}", at_row(*row))]
pub struct OperatorError {
    /// The operator, such as `words.split`.
    pub operator: String,
    /// A stable word for the kind of failure: `trap`, `cpu-time`, `memory`, `failure`,
    /// `malformed`, `output-limit`, `overflow`, `panic` or `kind`.
    pub code: &'static str,
    /// What happened, with what was found and what is allowed; free of control characters.
    pub message: String,
    /// The row of the call's input it happened at, where known.
    pub row: Option<u32>,
    /// Whose fault it is.
    pub domain: Domain,
}

fn at_row(row: Option<u32>) -> String {
    row.map(|row| format!(" at row {row} of its slice")).unwrap_or_default()
}

impl OperatorError {
    fn wrong_kind(operator: String, call: &str) -> Self {
        let message = format!("it was called with `{call}`, which is not of its kind");
        Self { operator, code: "kind", message, row: None, domain: Domain::Internal }
    }
}

impl Classify for OperatorError {
    fn domain(&self) -> Domain {
        self.domain
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Operators are shared by all tasks of a job.
pub type SharedOperator = Arc<dyn Operator>;
