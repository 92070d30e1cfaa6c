//! A guest that does what a plugin should not, each operator in its own way.
//!
//! Takes batches straight from the bindings. Gives answers that are right, wrong or none at all,
//! as the operator's name says. Never uses the SDK's operators: those do not go wrong like this.
#![cfg(target_family = "wasm")]

mod answer;
mod behaviour;
mod describe;

use tidemill_sdk::bindings::export_plugin;
use tidemill_sdk::bindings::exports::tidemill::plugin::{folds, operators, stateful};
use tidemill_sdk::bindings::tidemill::plugin::types::{
    Batch, Description, Failure, Node, Output, Phase, Step, Task,
};

struct Unruly;

impl operators::Guest for Unruly {
    fn describe() -> Description {
        describe::description()
    }

    fn apply(
        chain: Vec<Step>,
        _task: Task,
        want_origin: bool,
        input: Batch,
    ) -> Result<Output, Failure> {
        behaviour::run(&chain, want_origin, input)
    }
}

impl folds::Guest for Unruly {
    fn fold(
        _step: Step,
        _task: Task,
        _phase: Phase,
        values: Batch,
        group_of_row: Vec<u32>,
        groups: u32,
    ) -> Result<Batch, Failure> {
        let mut sums = vec![0_i64; groups as usize];
        for (value, group) in int64s(&values).zip(group_of_row) {
            sums[group as usize] += value;
        }
        Ok(int64_batch(&sums))
    }

    fn merge(_step: Step, _task: Task, left: Batch, right: Batch) -> Result<Batch, Failure> {
        let sums: Vec<i64> = int64s(&left).zip(int64s(&right)).map(|(l, r)| l + r).collect();
        Ok(int64_batch(&sums))
    }
}

impl stateful::Guest for Unruly {
    /// The values as rows and, of each key, the last as its state; wrong in the way that the
    /// parameter counts.
    fn update(
        step: Step,
        _task: Task,
        input: stateful::Input,
    ) -> Result<stateful::Answer, Failure> {
        let wrong = behaviour::parameter(&step);
        let keys = input.has_state.len();
        let mut last = vec![0_i64; keys];
        let values: Vec<i64> = int64s(&input.values).collect();
        for (value, key) in values.iter().zip(&input.key_of_row) {
            last[*key as usize] = *value;
        }
        let mut changes = vec![stateful::Change::Update; keys];
        let mut rejected = Vec::new();
        match wrong {
            1 => drop(changes.pop()),
            2 => changes[0] = stateful::Change::Keep,
            3 => changes[0] = stateful::Change::Remove,
            4 => drop(last.pop()),
            5 => rejected.push(behaviour::refusal(values.len() as u32)),
            6 => changes.push(stateful::Change::Keep),
            _ => {}
        }
        let rows = int64_batch(&values);
        Ok(stateful::Answer { rows, changes, states: int64_batch(&last), rejected })
    }
}

fn int64s(batch: &Batch) -> impl Iterator<Item = i64> {
    batch.buffers[1].as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes))
}

fn int64_batch(values: &[i64]) -> Batch {
    let rows = values.len() as u32;
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Batch { rows, nodes: vec![Node { length: rows, nulls: 0 }], buffers: vec![vec![], bytes] }
}

export_plugin!(Unruly);
