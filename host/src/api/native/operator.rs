//! Api: operators of an SDK table behind the trait of all operators.
//!
//! Takes record batches. Gives what the functions made of them, checked as a guest's answer is, so
//! that the two can change places. Never copies a column, neither on the way in nor out.

use tidemill_sdk::batch::{Batch, BatchRef, Failure, Node};
use tidemill_sdk::context::Task;
use tidemill_sdk::host::take_counted;
use tidemill_sdk::native::Step;
use tidemill_sdk::operator;
use tidemill_sdk::reject;
use tidemill_sdk::stateful::{Change, StatefulInput};

use super::TableRef;
use crate::error::Domain;
use crate::limits::GUEST_TEXT_BYTES_MAX;
use crate::model::description::{OperatorDescription, OperatorKind};
use crate::model::operator::{Applied, Operator, OperatorError, Phase, TaskFacts, TaskScope};
use crate::model::stateful::{StateChange, StatefulAnswer, StatefulCall};
use crate::model::text::escape;
use crate::wasm::exchange::{
    AnswerLimits, BatchShape, ChainRules, ExchangeError, LoweredBatch, RawAnswer, RawBatch,
    RawNode, RawOutput, RawRejection, StatefulShapes, check_row_count,
};

/// An operator by its number, with its parameters as JSON.
pub(super) struct NativeStep {
    pub(super) index: u32,
    pub(super) parameters: Vec<u8>,
}

/// Operators of a table as one.
pub(super) struct TableOperator {
    table: TableRef,
    plugin: String,
    label: String,
    steps: Vec<NativeStep>,
    kind: OperatorKind,
    rules: ChainRules,
    input: BatchShape,
    output: BatchShape,
    stateful: Option<StatefulShapes>,
    limits: AnswerLimits,
}

impl std::fmt::Debug for TableOperator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TableOperator({})", self.label)
    }
}

impl TableOperator {
    pub(super) fn new(
        (table, plugin): (TableRef, &str),
        steps: Vec<NativeStep>,
        names: Vec<String>,
        kinds: &[OperatorKind],
        description: &OperatorDescription,
    ) -> Self {
        Self {
            table,
            plugin: plugin.to_owned(),
            label: description.name.clone(),
            steps,
            kind: description.kind,
            rules: ChainRules::of(names, kinds),
            input: BatchShape::new(&description.input.columns),
            output: BatchShape::new(&description.output.columns),
            stateful: description
                .kind
                .keeps_state()
                .then(|| StatefulShapes::of(&description.name, description)),
            limits: AnswerLimits::default(),
        }
    }

    /// Calls the table, and takes what it counted, if it has not failed.
    fn call<T>(
        &self,
        scope: &mut TaskScope,
        call: impl FnOnce(Task) -> Result<T, Failure>,
    ) -> Result<T, OperatorError> {
        // What a call that failed has left on this thread is nobody's.
        drop(take_counted());
        let answer = call(task(&scope.facts)).map_err(|failure| self.failure(&failure))?;
        scope.count(&self.plugin, take_counted());
        Ok(answer)
    }

    fn error(&self, code: &'static str, message: &str, domain: Domain) -> OperatorError {
        let message = escape(message, GUEST_TEXT_BYTES_MAX);
        OperatorError { operator: self.label.clone(), code, message, row: None, domain }
    }

    fn failure(&self, failure: &Failure) -> OperatorError {
        let row = failure.row;
        OperatorError { row, ..self.error("failure", &failure.message, Domain::User) }
    }

    fn answer(&self, error: &ExchangeError) -> OperatorError {
        let code = if error.is_over_limit() { "output-limit" } else { "malformed" };
        self.error(code, &error.to_string(), Domain::User)
    }

    fn lower(
        &self,
        shape: &BatchShape,
        batch: &arrow_array::RecordBatch,
    ) -> Result<Lowered, OperatorError> {
        match shape.lower(batch) {
            Ok(lowered) => Ok(Lowered::new(lowered)),
            Err(error) => Err(self.error("kind", &error.to_string(), Domain::Internal)),
        }
    }

    /// The one step of a fold.
    fn fold_step(&self, call: &str) -> Result<Step<'_>, OperatorError> {
        let folds = self.kind.folds() || self.kind == OperatorKind::Inverse;
        match self.steps.as_slice() {
            [step] if folds => Ok(step.as_step()),
            _ => Err(self.wrong_kind(call)),
        }
    }

    fn wrong_kind(&self, call: &str) -> OperatorError {
        let message = format!("it was called with `{call}`, which is not of its kind");
        self.error("kind", &message, Domain::Internal)
    }

    fn lift(&self, answer: Batch, rows: u32) -> Result<arrow_array::RecordBatch, OperatorError> {
        check_row_count(answer.rows, rows)
            .and_then(|()| self.output.lift(raw(answer), &self.limits))
            .map_err(|error| self.answer(&error))
    }
}

impl Operator for TableOperator {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn apply(
        &self,
        scope: &mut TaskScope,
        want_origin: bool,
        input: &arrow_array::RecordBatch,
    ) -> Result<Applied, OperatorError> {
        if !(self.kind.sees_values() || self.kind.sees_whole_rows()) {
            return Err(self.wrong_kind("apply"));
        }
        let lowered = self.lower(&self.input, input)?;
        let slices = lowered.slices();
        let steps: Vec<Step<'_>> = self.steps.iter().map(NativeStep::as_step).collect();
        let rows = lowered.batch.rows;
        let applied = self.call(scope, |task| {
            self.table.apply(&steps, task, want_origin, lowered.lend(&slices))
        })?;
        let output = RawOutput {
            batch: raw(applied.batch),
            selection: applied.selection,
            origin: applied.origin,
            rejected: applied.rejected.into_iter().map(rejection).collect(),
        };
        self.rules
            .check(&self.output, output, (rows, want_origin), &self.limits)
            .map_err(|error| self.answer(&error))
    }

    fn fold(
        &self,
        scope: &mut TaskScope,
        phase: Phase,
        values: &arrow_array::RecordBatch,
        group_of_row: &[u32],
        groups: u32,
    ) -> Result<arrow_array::RecordBatch, OperatorError> {
        let step = self.fold_step("fold")?;
        let (shape, phase) = match phase {
            Phase::Values => (&self.input, operator::Phase::Values),
            Phase::Partials => (&self.output, operator::Phase::Partials),
        };
        let lowered = self.lower(shape, values)?;
        let slices = lowered.slices();
        let folded = self.call(scope, |task| {
            self.table.fold(step, task, phase, lowered.lend(&slices), group_of_row, groups)
        })?;
        self.lift(folded, groups)
    }

    fn merge(
        &self,
        scope: &mut TaskScope,
        left: &arrow_array::RecordBatch,
        right: &arrow_array::RecordBatch,
    ) -> Result<arrow_array::RecordBatch, OperatorError> {
        let step = self.fold_step("merge")?;
        let (left, right) = (self.lower(&self.output, left)?, self.lower(&self.output, right)?);
        let (left_slices, right_slices) = (left.slices(), right.slices());
        let rows = left.batch.rows;
        let merged = self.call(scope, |task| {
            self.table.merge(step, task, left.lend(&left_slices), right.lend(&right_slices))
        })?;
        self.lift(merged, rows)
    }

    fn update(
        &self,
        scope: &mut TaskScope,
        call: StatefulCall<'_>,
    ) -> Result<StatefulAnswer, OperatorError> {
        let (Some(shapes), [step]) = (&self.stateful, self.steps.as_slice()) else {
            return Err(self.wrong_kind("update"));
        };
        let keys = self.lower(&shapes.keys, call.keys)?;
        let values = self.lower(&shapes.values, call.values)?;
        let states = self.lower(&shapes.states, call.states)?;
        let (key_slices, value_slices, state_slices) =
            (keys.slices(), values.slices(), states.slices());
        let input = StatefulInput {
            keys: keys.lend(&key_slices),
            values: values.lend(&value_slices),
            key_of_row: call.key_of_row,
            has_state: call.has_state,
            states: states.lend(&state_slices),
            timing_out: call.timing_out,
        };
        let answer = self.call(scope, |task| self.table.update(step.as_step(), task, input))?;
        let answer = RawAnswer {
            rows: raw(answer.rows),
            changes: answer.changes.into_iter().map(change).collect(),
            states: raw(answer.states),
            rejected: answer.rejected.into_iter().map(rejection).collect(),
        };
        shapes.check(&call, answer, &self.limits).map_err(|error| self.answer(&error))
    }
}

fn change(change: Change) -> StateChange {
    match change {
        Change::Keep => StateChange::Keep,
        Change::Update => StateChange::Update,
        Change::Remove => StateChange::Remove,
    }
}

impl NativeStep {
    fn as_step(&self) -> Step<'_> {
        Step { operator: self.index, parameters: &self.parameters }
    }
}

/// Rows in canonical form, their nodes in the SDK's type.
struct Lowered {
    batch: LoweredBatch,
    nodes: Vec<Node>,
}

impl Lowered {
    fn new(batch: LoweredBatch) -> Self {
        let node = |n: &RawNode| Node { length: n.length, nulls: n.nulls };
        let nodes = batch.nodes.iter().map(node).collect();
        Self { batch, nodes }
    }

    fn slices(&self) -> Vec<&[u8]> {
        self.batch.buffers.iter().map(|buffer| buffer.as_slice()).collect()
    }

    fn lend<'a>(&'a self, buffers: &'a [&'a [u8]]) -> BatchRef<'a> {
        BatchRef::new(self.batch.rows, &self.nodes, buffers)
    }
}

fn task(facts: &TaskFacts) -> Task {
    Task { batch_time_ms: facts.batch_time.0, partition: facts.partition, seed: facts.seed }
}

fn raw(batch: Batch) -> RawBatch {
    let node = |n: Node| RawNode { length: n.length, nulls: n.nulls };
    let nodes = batch.nodes.into_iter().map(node).collect();
    RawBatch { rows: batch.rows, nodes, buffers: batch.buffers }
}

fn rejection(rejection: reject::Rejection) -> RawRejection {
    let reject::Rejection { row, step, code, message } = rejection;
    RawRejection { row, step, code, message }
}
