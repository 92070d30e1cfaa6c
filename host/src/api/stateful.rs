//! Api: steps that keep something for each key.
//!
//! Takes operators of plugins, closures and folds, and what they begin with. Gives further streams.
//! Never holds a state: the job's stores do.

use std::time::Duration;

use arrow_array::RecordBatch;

use super::dstream::{DStream, Lineage};
use super::graph::Node;
use crate::model::operation::aggregate::Aggregated;
use crate::model::operation::verb::Verb;
use crate::model::operation::{
    InitialState, Keeps, Operation, OperatorRef, StateStep, StepDeclaration,
};

/// What a stateful step does, begins with, and lets go (Spark's `StateSpec`).
#[derive(Debug, Clone)]
pub struct StateSpec {
    step: StateStep,
    partitions: Option<usize>,
}

impl StateSpec {
    /// A step that calls the operator, begins with nothing, and lets no key go by itself.
    pub fn of(operator: impl Into<OperatorRef>) -> Self {
        Self { step: StateStep::new(operator.into()), partitions: None }
    }

    /// Begins with these rows: the columns of the key, then those of what is kept.
    #[must_use]
    pub fn initial_state(mut self, rows: Vec<RecordBatch>) -> Self {
        self.step.keeps.initial = InitialState::Rows(rows);
        self
    }

    /// For [`DStream::map_with_state`]: a key goes when nothing came for it for longer than that,
    /// in the batch in which its time is up. The operator is called once more for it.
    #[must_use]
    pub fn timeout(mut self, idle: Duration) -> Self {
        self.step.keeps.timeout = Some(idle);
        self
    }

    /// For [`DStream::update_state_by_key`]: calls for keys that have values only, and gives those.
    /// A batch then costs what came, not what is kept.
    #[must_use]
    pub fn changed_only(mut self) -> Self {
        self.step.keeps.changed_only = true;
        self
    }

    /// Keeps the keys in so many partitions.
    #[must_use]
    pub fn partitions(mut self, partitions: usize) -> Self {
        self.partitions = Some(partitions);
        self
    }
}

/// What a running aggregate folds, begins with, and gives.
#[derive(Debug, Clone)]
pub struct RunningSpec {
    columns: Vec<Aggregated>,
    keeps: Keeps,
    partitions: Option<usize>,
}

impl RunningSpec {
    /// Folds these columns, begins with nothing, and gives all keys in every batch.
    pub fn of(columns: impl IntoIterator<Item = Aggregated>) -> Self {
        let columns = columns.into_iter().collect();
        Self { columns, keeps: Keeps::default(), partitions: None }
    }

    /// Begins with these rows: the columns of the key, then those that are made; in an average's
    /// place stand its sum and its count, `NAME.sum` and `NAME.count`.
    #[must_use]
    pub fn initial_state(mut self, rows: Vec<RecordBatch>) -> Self {
        self.keeps.initial = InitialState::Rows(rows);
        self
    }

    /// Gives only keys for which something came. A batch then costs what came, not what is kept.
    #[must_use]
    pub fn changed_only(mut self) -> Self {
        self.keeps.changed_only = true;
        self
    }

    /// Keeps the keys in so many partitions.
    #[must_use]
    pub fn partitions(mut self, partitions: usize) -> Self {
        self.partitions = Some(partitions);
        self
    }
}

impl<I: IntoIterator<Item = Aggregated>> From<I> for RunningSpec {
    fn from(columns: I) -> Self {
        Self::of(columns)
    }
}

impl<O: Into<OperatorRef>> From<O> for StateSpec {
    fn from(operator: O) -> Self {
        Self::of(operator)
    }
}

/// What [`DStream::map_with_state`] gives: the operator's rows, and beside them what is kept.
#[derive(Debug, Clone)]
pub struct StatefulStream {
    stream: DStream,
}

impl std::ops::Deref for StatefulStream {
    type Target = DStream;

    fn deref(&self) -> &DStream {
        &self.stream
    }
}

impl StatefulStream {
    /// All keys with what is kept for them after each batch.
    pub fn state_snapshots(&self) -> DStream {
        self.stream.after(Node::Snapshots { of: self.stream.node })
    }
}

impl<Of: Clone> Lineage<Of> {
    /// Folds the values of each key to a result of another type, by an operator of kind `combine`.
    pub fn combine_by_key(&self, operator: impl Into<OperatorRef>) -> Self {
        self.step(StepDeclaration::new(Operation::CombineByKey(operator.into())))
    }
}

impl DStream {
    /// Keeps something for each key under that name, made anew in every batch of the key's values,
    /// also of none; gives every key with what is kept. Takes an operator of kind
    /// `update_state_by_key`, or a fold, which goes on from batch to batch.
    pub fn update_state_by_key(&self, name: &str, spec: impl Into<StateSpec>) -> Self {
        self.stateful(name, spec.into(), Operation::UpdateStateByKey)
    }

    /// Keeps something for each key under that name: the operator is called once for each value,
    /// in the order they came, and gives rows. Only keys for which something came cost anything.
    pub fn map_with_state(&self, name: &str, spec: impl Into<StateSpec>) -> StatefulStream {
        StatefulStream { stream: self.stateful(name, spec.into(), Operation::MapWithState) }
    }

    /// Folds several columns at once from batch to batch: what was folded so far is kept for each
    /// key under that name. Gives every key with it, in every batch.
    pub fn running_aggregate(&self, name: &str, spec: impl Into<RunningSpec>) -> Self {
        let RunningSpec { columns, keeps, partitions } = spec.into();
        self.step(StepDeclaration {
            name: Some(name.to_owned()),
            partitions,
            ..StepDeclaration::new(Operation::Verb(Verb::RunningAggregate(columns, keeps)))
        })
    }

    fn stateful(&self, name: &str, spec: StateSpec, operation: fn(StateStep) -> Operation) -> Self {
        self.step(StepDeclaration {
            name: Some(name.to_owned()),
            partitions: spec.partitions,
            ..StepDeclaration::new(operation(spec.step))
        })
    }
}
