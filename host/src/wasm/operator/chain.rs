//! Wasm: whether operators can be one call, and what that call may give back.
//!
//! Takes a description and the steps of a job. Gives steps by number with their parameters as
//! JSON. Never calls a guest.

use serde_json::Value;

use crate::model::description::{OperatorDescription, OperatorKind, PluginDescription};
use crate::model::parameter::complete_parameters;
use crate::model::stage::ChainStep;
use crate::wasm::WasmError;
use crate::wasm::bindings::latest::tidemill::plugin::types as border;
use crate::wasm::exchange::{BatchShape, ChainRules, StatefulShapes};

/// One operator of a chain, ready to be called.
pub(super) struct Step {
    index: u32,
    parameters: Vec<u8>,
    /// How messages name it: `plugin.operator`.
    pub(super) label: String,
}

impl Step {
    pub(super) fn as_param(&self) -> border::Step<'_> {
        border::Step { operator: self.index, parameters: &self.parameters }
    }
}

/// Which function of the treaty is called.
pub(super) enum Role {
    Rows(ChainRules),
    Fold,
    Stateful(Box<StatefulShapes>),
}

/// A chain that can be called.
pub(super) struct Checked {
    pub(super) steps: Vec<Step>,
    pub(super) role: Role,
    pub(super) label: String,
    pub(super) input: BatchShape,
    pub(super) output: BatchShape,
}

pub(super) fn check(
    description: &PluginDescription,
    plugin: &str,
    chain: Vec<ChainStep>,
) -> Result<Checked, WasmError> {
    let words: Vec<String> = chain.iter().map(|s| format!("{plugin}.{}", s.operator)).collect();
    let label = words.join(" -> ");
    let mut operators = Vec::with_capacity(chain.len());
    let mut steps = Vec::with_capacity(chain.len());
    for (step, word) in chain.into_iter().zip(&words) {
        let (index, operator) = find(description, plugin, &step.operator)?;
        let parameters = complete_parameters(&operator.parameters, &step.parameters)
            .map_err(|source| WasmError::Parameters { operator: word.clone(), source })?;
        let parameters = Value::Object(parameters).to_string().into_bytes();
        operators.push(operator);
        steps.push(Step { index, parameters, label: word.clone() });
    }
    let refuse =
        |reason: &str| WasmError::Chain { chain: label.clone(), reason: reason.to_owned() };
    let (Some(first), Some(last)) = (operators.first(), operators.last()) else {
        return Err(refuse("it has no operators"));
    };
    if operators.len() > 1 {
        check_links(description, &operators).map_err(|reason| refuse(&reason))?;
    }
    let input = BatchShape::new(&first.input.columns);
    let output = BatchShape::new(&last.output.columns);
    let role = match first.kind {
        kind if kind.folds() || kind == OperatorKind::Inverse => Role::Fold,
        kind if kind.keeps_state() => Role::Stateful(Box::new(StatefulShapes::of(&label, first))),
        _ => {
            let kinds: Vec<OperatorKind> = operators.iter().map(|o| o.kind).collect();
            Role::Rows(ChainRules::of(words, &kinds))
        }
    };
    Ok(Checked { steps, role, label, input, output })
}

fn find<'a>(
    description: &'a PluginDescription,
    plugin: &str,
    name: &str,
) -> Result<(u32, &'a OperatorDescription), WasmError> {
    description.operator(name).ok_or_else(|| {
        let names: Vec<_> = description.operators.iter().map(|o| format!("`{}`", o.name)).collect();
        WasmError::UnknownOperator {
            plugin: plugin.to_owned(),
            found: name.to_owned(),
            allowed: names.join(", "),
        }
    })
}

/// Operators of one call: row kinds with one view of the row, each given what the one before it
/// gives back.
fn check_links(
    description: &PluginDescription,
    operators: &[&OperatorDescription],
) -> Result<(), String> {
    if !description.chains {
        return Err("the plugin takes one operator a call".to_owned());
    }
    for operator in operators {
        if !operator.kind.runs_in_chains() {
            return Err(format!("`{}` is of kind {}", operator.name, operator.kind));
        }
    }
    for pair in operators.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        if from.kind.sees_values() != to.kind.sees_values() {
            return Err(format!("`{}` and `{}` see different parts of a row", from.name, to.name));
        }
        let fits = from.output.columns.len() == to.input.columns.len()
            && from.output.columns.iter().zip(&to.input.columns).all(|(o, i)| o.satisfies(i));
        if !fits {
            return Err(format!(
                "`{}` gives `{}`, but `{}` takes `{}`",
                from.name, from.output, to.name, to.input
            ));
        }
    }
    Ok(())
}
