//! The exports of a plugin: the treaty's types on the outside, [`Table`] on the inside.
//!
//! Takes calls of the host. Gives answers. Never decides anything.

use std::sync::Once;

use crate::batch;
use crate::bindings::exports::tidemill::plugin::{folds, operators, stateful};
use crate::bindings::tidemill::plugin::{host, types};
use crate::context;
use crate::description as own;
use crate::erased::Checked;
use crate::native::{Applied, Step, Table};
use crate::operator::Phase;
use crate::position;
use crate::reject;
use crate::stateful::{Change, StatefulInput};

/// What `plugin!` implements.
pub trait Plugin {
    /// The plugin's operators.
    fn table() -> &'static Table;
}

/// Before a panic traps, the host is told what is known.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let (step, row) = position::current();
            let payload = panic.payload();
            let said = payload.downcast_ref::<&str>().copied();
            let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let said = said.unwrap_or("no message");
            match panic.location() {
                Some(place) => host::panicked(&format!("{said} ({place})"), step, row),
                None => host::panicked(said, step, row),
            }
        }));
    });
}

impl<T: Plugin> operators::Guest for T {
    fn describe() -> types::Description {
        report_panics();
        describe(T::table().describe())
    }

    fn apply(
        chain: Vec<types::Step>,
        task: types::Task,
        want_origin: bool,
        input: types::Batch,
    ) -> Result<types::Output, types::Failure> {
        report_panics();
        let steps: Vec<Step<'_>> = chain.iter().map(step_of).collect();
        let applied =
            with_batch(&input, |input| T::table().apply(&steps, task_of(task), want_origin, input));
        applied.map(output).map_err(failure)
    }
}

impl<T: Plugin> folds::Guest for T {
    fn fold(
        step: types::Step,
        task: types::Task,
        phase: types::Phase,
        values: types::Batch,
        group_of_row: Vec<u32>,
        groups: u32,
    ) -> Result<types::Batch, types::Failure> {
        report_panics();
        let phase = match phase {
            types::Phase::Values => Phase::Values,
            types::Phase::Partials => Phase::Partials,
        };
        let folded = with_batch(&values, |values| {
            let (step, task) = (step_of(&step), task_of(task));
            T::table().fold(step, task, phase, values, &group_of_row, groups)
        });
        folded.map(batch).map_err(failure)
    }

    fn merge(
        step: types::Step,
        task: types::Task,
        left: types::Batch,
        right: types::Batch,
    ) -> Result<types::Batch, types::Failure> {
        report_panics();
        let merged = with_batch(&left, |left| {
            with_batch(&right, |right| T::table().merge(step_of(&step), task_of(task), left, right))
        });
        merged.map(batch).map_err(failure)
    }
}

impl<T: Plugin> stateful::Guest for T {
    fn update(
        step: types::Step,
        task: types::Task,
        input: stateful::Input,
    ) -> Result<stateful::Answer, types::Failure> {
        report_panics();
        let stateful::Input { keys, values, key_of_row, has_state, states, timing_out } = &input;
        let answer = with_batch(keys, |keys| {
            with_batch(values, |values| {
                with_batch(states, |states| {
                    let timing_out = *timing_out;
                    let input =
                        StatefulInput { keys, values, key_of_row, has_state, states, timing_out };
                    T::table().update(step_of(&step), task_of(task), input)
                })
            })
        });
        let answer = answer.map_err(failure)?;
        let change = |change: Change| match change {
            Change::Keep => stateful::Change::Keep,
            Change::Update => stateful::Change::Update,
            Change::Remove => stateful::Change::Remove,
        };
        Ok(stateful::Answer {
            rows: batch(answer.rows),
            changes: answer.changes.into_iter().map(change).collect(),
            states: batch(answer.states),
            rejected: answer.rejected.into_iter().map(rejection).collect(),
        })
    }
}

fn with_batch<R>(held: &types::Batch, run: impl FnOnce(batch::BatchRef<'_>) -> R) -> R {
    let node = |node: &types::Node| batch::Node { length: node.length, nulls: node.nulls };
    let nodes: Vec<batch::Node> = held.nodes.iter().map(node).collect();
    let buffers: Vec<&[u8]> = held.buffers.iter().map(Vec::as_slice).collect();
    let lent = batch::BatchRef::new(held.rows, &nodes, &buffers);
    run(lent.with_checked_text(Checked::by_host()))
}

fn step_of(step: &types::Step) -> Step<'_> {
    Step { operator: step.operator, parameters: &step.parameters }
}

fn task_of(task: types::Task) -> context::Task {
    let types::Task { batch_time_ms, partition, seed } = task;
    context::Task { batch_time_ms, partition, seed }
}

fn batch(batch: batch::Batch) -> types::Batch {
    let node = |node: batch::Node| types::Node { length: node.length, nulls: node.nulls };
    let nodes = batch.nodes.into_iter().map(node).collect();
    types::Batch { rows: batch.rows, nodes, buffers: batch.buffers }
}

fn output(applied: Applied) -> types::Output {
    types::Output {
        batch: batch(applied.batch),
        selection: applied.selection,
        origin: applied.origin,
        rejected: applied.rejected.into_iter().map(rejection).collect(),
    }
}

fn rejection(rejection: reject::Rejection) -> types::Rejection {
    let reject::Rejection { row, step, code, message } = rejection;
    types::Rejection { row, step, code, message }
}

fn failure(failure: batch::Failure) -> types::Failure {
    types::Failure { message: failure.message, row: failure.row }
}

fn describe(description: &own::Description) -> types::Description {
    types::Description {
        name: description.name.clone(),
        version: description.version.clone(),
        doc: description.doc.clone(),
        chains: description.chains,
        operators: description.operators.iter().map(operator).collect(),
    }
}

fn operator(operator: &own::OperatorDescription) -> types::Operator {
    types::Operator {
        name: operator.name.clone(),
        kind: kind(operator.kind),
        doc: operator.doc.clone(),
        binding: binding(operator.binding),
        input: schema(&operator.input),
        output: schema(&operator.output),
        parameters: operator.parameters.iter().map(parameter).collect(),
        state: operator.state.as_ref().map(state),
        broadcasts: operator.broadcasts.iter().map(broadcast).collect(),
    }
}

fn binding(binding: own::Binding) -> types::Binding {
    match binding {
        own::Binding::Position => types::Binding::Position,
        own::Binding::Name => types::Binding::Name,
    }
}

fn broadcast(broadcast: &own::BroadcastDescription) -> types::Broadcast {
    types::Broadcast {
        name: broadcast.name.clone(),
        binding: binding(broadcast.binding),
        fields: broadcast.fields.iter().map(field).collect(),
    }
}

fn kind(kind: own::Kind) -> types::Kind {
    match kind {
        own::Kind::Map => types::Kind::Map,
        own::Kind::FlatMap => types::Kind::FlatMap,
        own::Kind::Filter => types::Kind::Filter,
        own::Kind::MapPartitions => types::Kind::MapPartitions,
        own::Kind::MapValues => types::Kind::MapValues,
        own::Kind::FlatMapValues => types::Kind::FlatMapValues,
        own::Kind::Reduce => types::Kind::Reduce,
        own::Kind::Combine => types::Kind::Combine,
        own::Kind::Inverse => types::Kind::Inverse,
        own::Kind::UpdateState => types::Kind::UpdateState,
        own::Kind::MapWithState => types::Kind::MapWithState,
    }
}

fn schema(schema: &own::Schema) -> types::Schema {
    types::Schema { fields: schema.fields.iter().map(field).collect(), keys: schema.keys }
}

fn field(field: &own::Field) -> types::Field {
    types::Field {
        name: field.name.clone(),
        data_type: field.data_type.clone(),
        nullable: field.nullable,
    }
}

fn state(state: &own::StateDescription) -> types::State {
    types::State {
        keys: state.keys.iter().map(field).collect(),
        fields: state.fields.iter().map(field).collect(),
        version: state.version,
    }
}

fn parameter(parameter: &own::Parameter) -> types::Parameter {
    types::Parameter {
        name: parameter.name.clone(),
        data_type: parameter.data_type.clone(),
        default: parameter.default.clone(),
        doc: parameter.doc.clone(),
    }
}
