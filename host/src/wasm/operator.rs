//! Wasm: operators of a plugin behind the trait of all operators.
//!
//! Takes record batches. Gives what the guest made of them, checked. Never uses an instance again
//! that failed, trapped or gave back something malformed.

mod chain;

use std::sync::Arc;

use arrow_array::RecordBatch;

use super::WasmError;
use super::bindings::latest::exports::tidemill::plugin::stateful;
use super::bindings::latest::tidemill::plugin::types as border;
use super::exchange::{
    BatchShape, ExchangeError, LoweredBatch, RawAnswer, RawBatch, RawNode, RawOutput, RawRejection,
    check_row_count,
};
use super::guest_broadcasts::GuestBroadcasts;
use super::host_state::{Caller, GuestPort};
use super::instance::LiveInstance;
use super::plugin::Plugin;
use super::trap::Fault;
use crate::error::Domain;
use crate::model::operator::{Applied, Operator, OperatorError, Phase, TaskFacts, TaskScope};
use crate::model::stage::ChainStep;
use crate::model::stateful::{StateChange, StatefulAnswer, StatefulCall};
use chain::{Role, Step};

/// A chain of operators of one plugin, or one of its folds.
pub struct GuestOperator {
    plugin: Arc<Plugin>,
    caller: Caller,
    label: String,
    steps: Vec<Step>,
    role: Role,
    input: BatchShape,
    output: BatchShape,
}

impl std::fmt::Debug for GuestOperator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GuestOperator({}, {:?})", self.label, self.plugin)
    }
}

impl GuestOperator {
    /// The operators of the chain, as the plugin of that name in the job.
    ///
    /// # Errors
    /// When the plugin lacks an operator, a parameter does not fit, or the operators cannot be
    /// one call.
    pub fn new(
        plugin: Arc<Plugin>,
        job_name_of_plugin: &str,
        chain: Vec<ChainStep>,
        port: Arc<dyn GuestPort>,
    ) -> Result<Self, WasmError> {
        let chain::Checked { steps, role, label, input, output } =
            chain::check(plugin.description(), job_name_of_plugin, chain)?;
        let caller = Caller { plugin: Arc::from(job_name_of_plugin), port };
        Ok(Self { plugin, caller, label, steps, role, input, output })
    }

    /// The columns it is given.
    pub fn input(&self) -> &BatchShape {
        &self.input
    }

    /// The columns it gives back, under the names that the plugin has for them.
    pub fn output(&self) -> &BatchShape {
        &self.output
    }

    /// Runs one call on the task's instance of the plugin. The instance is kept only when all went
    /// well.
    fn on_instance<T>(
        &self,
        scope: &mut TaskScope,
        call: impl FnOnce(&mut LiveInstance) -> Result<T, Fault>,
    ) -> Result<T, OperatorError> {
        let mut instance = match scope.take::<LiveInstance>(self.plugin.id()) {
            Some(mut instance) => {
                instance.set_caller(&self.caller);
                instance
            }
            None => {
                let (code, limits) = (self.plugin.code(), self.plugin.limits());
                let broadcasts =
                    GuestBroadcasts::new(self.plugin.described(), scope.broadcasts.clone());
                let caller = self.caller.clone();
                LiveInstance::for_task(code, limits, &scope.facts, caller, broadcasts)
                    .map_err(|fault| self.error(fault))?
            }
        };
        let result = call(&mut instance).map_err(|fault| self.error(fault))?;
        scope.count(&self.caller.plugin, instance.take_counters());
        scope.keep(self.plugin.id(), instance);
        Ok(result)
    }

    fn error(&self, fault: Fault) -> OperatorError {
        let step = match self.steps.as_slice() {
            [only] => Some(only),
            steps => fault.step.and_then(|step| steps.get(usize::try_from(step).ok()?)),
        };
        let operator = step.map_or(&self.label, |step| &step.label).clone();
        let Fault { code, message, row, domain, .. } = fault;
        OperatorError { operator, code, message, row, domain }
    }

    fn wrong_kind(&self, call: &str) -> OperatorError {
        let message = format!("it was called with `{call}`, which is not of its kind");
        let (operator, domain) = (self.label.clone(), Domain::Internal);
        OperatorError { operator, code: "kind", message, row: None, domain }
    }

    fn lower(&self, shape: &BatchShape, batch: &RecordBatch) -> Result<Lowered, OperatorError> {
        let lowered = shape.lower(batch).map_err(|error| self.error(Fault::input(&error)))?;
        Ok(Lowered::new(lowered))
    }

    /// The one step of a fold.
    fn fold_step(&self, call: &str) -> Result<border::Step<'_>, OperatorError> {
        match (&self.role, self.steps.as_slice()) {
            (Role::Fold, [step]) => Ok(step.as_param()),
            _ => Err(self.wrong_kind(call)),
        }
    }

    /// Checks rows of a fold or a merge.
    fn lift(&self, answer: Folded, rows: u32) -> Result<RecordBatch, Fault> {
        let answer = answer.map_err(|failure| Fault::failure(&failure.message, failure.row))?;
        check_row_count(answer.rows, rows)
            .and_then(|()| self.output.lift(raw_batch(answer), &self.plugin.limits().answer))
            .map_err(|error| Fault::answer(&error))
    }
}

type Folded = Result<border::BatchResult, border::Failure>;

impl Operator for GuestOperator {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn digest(&self) -> Option<&str> {
        Some(self.plugin.digest())
    }

    fn apply(
        &self,
        scope: &mut TaskScope,
        want_origin: bool,
        input: &RecordBatch,
    ) -> Result<Applied, OperatorError> {
        let Role::Rows(rules) = &self.role else { return Err(self.wrong_kind("apply")) };
        let lowered = self.lower(&self.input, input)?;
        let (rows, task) = (lowered.batch.rows, task(&scope.facts));
        let limits = &self.plugin.limits().answer;
        self.on_instance(scope, |instance| {
            let chain: Vec<border::Step<'_>> = self.steps.iter().map(Step::as_param).collect();
            let slices = lowered.slices();
            let batch = lowered.as_param(&slices);
            instance
                .call(|guest, store| guest.call_apply(store, &chain, task, want_origin, batch))?
                .map_err(|failure| Fault::failure(&failure.message, failure.row))
                .and_then(|output| {
                    rules
                        .check(&self.output, raw_output(output), (rows, want_origin), limits)
                        .map_err(|error| Fault::answer(&error))
                })
        })
    }

    fn fold(
        &self,
        scope: &mut TaskScope,
        phase: Phase,
        values: &RecordBatch,
        group_of_row: &[u32],
        groups: u32,
    ) -> Result<RecordBatch, OperatorError> {
        let step = self.fold_step("fold")?;
        let shape = match phase {
            Phase::Values => &self.input,
            Phase::Partials => &self.output,
        };
        let lowered = self.lower(shape, values)?;
        self.check_pairing(group_of_row.len(), values.num_rows())?;
        let task = task(&scope.facts);
        let phase = match phase {
            Phase::Values => border::Phase::Values,
            Phase::Partials => border::Phase::Partials,
        };
        self.on_instance(scope, |instance| {
            let slices = lowered.slices();
            let batch = lowered.as_param(&slices);
            let answer = instance.call_folds(|guest, store| {
                guest.call_fold(store, step, task, phase, batch, group_of_row, groups)
            })?;
            self.lift(answer, groups)
        })
    }

    fn merge(
        &self,
        scope: &mut TaskScope,
        left: &RecordBatch,
        right: &RecordBatch,
    ) -> Result<RecordBatch, OperatorError> {
        let step = self.fold_step("merge")?;
        self.check_pairing(right.num_rows(), left.num_rows())?;
        let (left, right) = (self.lower(&self.output, left)?, self.lower(&self.output, right)?);
        let (rows, task) = (left.batch.rows, task(&scope.facts));
        self.on_instance(scope, |instance| {
            let (left_slices, right_slices) = (left.slices(), right.slices());
            let (left, right) = (left.as_param(&left_slices), right.as_param(&right_slices));
            let answer = instance
                .call_folds(|guest, store| guest.call_merge(store, step, task, left, right))?;
            self.lift(answer, rows)
        })
    }

    fn update(
        &self,
        scope: &mut TaskScope,
        call: StatefulCall<'_>,
    ) -> Result<StatefulAnswer, OperatorError> {
        let (Role::Stateful(shapes), [step]) = (&self.role, self.steps.as_slice()) else {
            return Err(self.wrong_kind("update"));
        };
        let (step, task) = (step.as_param(), task(&scope.facts));
        let keys = self.lower(&shapes.keys, call.keys)?;
        let values = self.lower(&shapes.values, call.values)?;
        let states = self.lower(&shapes.states, call.states)?;
        self.check_pairing(call.key_of_row.len(), call.values.num_rows())?;
        let limits = &self.plugin.limits().answer;
        self.on_instance(scope, |instance| {
            let (key_slices, value_slices, state_slices) =
                (keys.slices(), values.slices(), states.slices());
            let input = stateful::Input {
                keys: keys.as_param(&key_slices),
                values: values.as_param(&value_slices),
                key_of_row: call.key_of_row,
                has_state: call.has_state,
                states: states.as_param(&state_slices),
                timing_out: call.timing_out,
            };
            let answer = instance
                .call_stateful(|guest, store| guest.call_update(store, step, task, input))?
                .map_err(|failure| Fault::failure(&failure.message, failure.row))?;
            let answer = RawAnswer {
                rows: raw_batch(answer.rows),
                changes: answer.changes.into_iter().map(change).collect(),
                states: raw_batch(answer.states),
                rejected: answer.rejected.into_iter().map(raw_rejection).collect(),
            };
            shapes.check(&call, answer, limits).map_err(|error| Fault::answer(&error))
        })
    }
}

fn change(change: stateful::Change) -> StateChange {
    match change {
        stateful::Change::Keep => StateChange::Keep,
        stateful::Change::Update => StateChange::Update,
        stateful::Change::Remove => StateChange::Remove,
    }
}

impl GuestOperator {
    /// Rows that belong together must be equally many, or the host made a mistake.
    fn check_pairing(&self, found: usize, expected: usize) -> Result<(), OperatorError> {
        if found == expected {
            return Ok(());
        }
        let allowed = u32::try_from(expected).unwrap_or(u32::MAX);
        let error = ExchangeError::InputRows { found, allowed };
        Err(self.error(Fault::input(&error)))
    }
}

/// Rows in canonical form, their nodes in the border's type.
struct Lowered {
    batch: LoweredBatch,
    nodes: Vec<border::Node>,
}

impl Lowered {
    fn new(batch: LoweredBatch) -> Self {
        let node = |n: &RawNode| border::Node { length: n.length, nulls: n.nulls };
        let nodes = batch.nodes.iter().map(node).collect();
        Self { batch, nodes }
    }

    fn slices(&self) -> Vec<&[u8]> {
        self.batch.buffers.iter().map(|buffer| buffer.as_slice()).collect()
    }

    fn as_param<'a>(&'a self, buffers: &'a [&'a [u8]]) -> border::BatchParam<'a> {
        border::BatchParam { rows: self.batch.rows, nodes: &self.nodes, buffers }
    }
}

fn task(facts: &TaskFacts) -> border::Task {
    border::Task { batch_time_ms: facts.batch_time.0, partition: facts.partition, seed: facts.seed }
}

fn raw_batch(batch: border::BatchResult) -> RawBatch {
    let node = |n: border::Node| RawNode { length: n.length, nulls: n.nulls };
    let nodes = batch.nodes.into_iter().map(node).collect();
    RawBatch { rows: batch.rows, nodes, buffers: batch.buffers }
}

fn raw_output(output: border::Output) -> RawOutput {
    let rejected = output.rejected.into_iter().map(raw_rejection).collect();
    RawOutput {
        batch: raw_batch(output.batch),
        selection: output.selection,
        origin: output.origin,
        rejected,
    }
}

fn raw_rejection(rejection: border::Rejection) -> RawRejection {
    let border::Rejection { row, step, code, message } = rejection;
    RawRejection { row, step, code, message }
}
