//! Plan: from the operator a step names to what is known of it and how it is called.
//!
//! Takes a reference and the catalogue. Gives the description and the call with its parameters
//! complete. Never looks at the stream.

use super::PluginCatalogue;
use super::checked::Mismatch;
use super::fault::PlanFault;
use crate::model::description::{OperatorDescription, OperatorKind};
use crate::model::finding::Part;
use crate::model::operation::{BuiltInFold, OperatorRef, StepDeclaration};
use crate::model::parameter::complete_parameters;
use crate::model::stage::{ChainStep, OperatorCall};
use crate::model::text::number_of;

/// An operator that was found.
pub(super) enum FoundOperator<'a> {
    /// One that describes itself.
    Described {
        /// How messages call it.
        name: String,
        /// What it says of itself.
        description: &'a OperatorDescription,
        /// How it is called.
        call: OperatorCall,
        /// Whether its plugin takes it in a chain.
        chains: bool,
    },
    /// A fold the host brings.
    BuiltIn(BuiltInFold),
}

/// The kind of an operator that describes itself.
pub(super) fn kind_of(
    operator: &OperatorRef,
    plugins: &dyn PluginCatalogue,
) -> Option<OperatorKind> {
    match operator {
        OperatorRef::BuiltIn(_) => None,
        OperatorRef::Native(native) => Some(native.description.kind),
        OperatorRef::Guest { plugin, operator } => {
            let (_, found) = plugins.describe(plugin)?.operator(operator)?;
            Some(found.kind)
        }
    }
}

/// An operator that describes itself, if it is there: how messages call it, and what it says.
pub(super) fn described<'a>(
    operator: &'a OperatorRef,
    plugins: &'a dyn PluginCatalogue,
) -> Option<(String, &'a OperatorDescription)> {
    match operator {
        OperatorRef::BuiltIn(_) => None,
        OperatorRef::Native(native) => Some((native.description.name.clone(), &native.description)),
        OperatorRef::Guest { plugin, operator } => {
            let (_, found) = plugins.describe(plugin)?.operator(operator)?;
            Some((format!("{plugin}.{operator}"), found))
        }
    }
}

/// Finds the operator of a step and completes its parameters.
pub(super) fn find<'a>(
    step: &StepDeclaration,
    operator: &'a OperatorRef,
    kind: OperatorKind,
    plugins: &'a dyn PluginCatalogue,
) -> Result<FoundOperator<'a>, Mismatch> {
    let (name, description, chains) = match operator {
        OperatorRef::BuiltIn(fold) => return Ok(FoundOperator::BuiltIn(*fold)),
        OperatorRef::Native(native) => {
            (native.description.name.clone(), &native.description, false)
        }
        OperatorRef::Guest { plugin, operator } => {
            let description = plugins.describe(plugin).ok_or_else(|| {
                (Part::Operation, PlanFault::PluginNotLoaded { plugin: plugin.clone() })
            })?;
            let (_, found) = description.operator(operator).ok_or_else(|| {
                let known = description.operators.iter().map(|o| o.name.clone()).collect();
                let (plugin, found) = (plugin.clone(), operator.clone());
                (Part::Operation, PlanFault::OperatorMissing { plugin, found, known })
            })?;
            (format!("{plugin}.{operator}"), found, description.chains)
        }
    };
    check_description(step, &name, description, kind)?;
    let parameters = complete_parameters(&description.parameters, &step.params)
        .map_err(|error| (Part::Params, PlanFault::Parameter { operator: name.clone(), error }))?;
    let call = match operator {
        OperatorRef::Native(native) => OperatorCall::Native(native.operator.clone()),
        OperatorRef::Guest { plugin, operator } => OperatorCall::Guest {
            plugin: plugin.clone(),
            chain: vec![ChainStep { operator: operator.clone(), parameters }],
        },
        OperatorRef::BuiltIn(fold) => OperatorCall::BuiltIn(*fold),
    };
    Ok(FoundOperator::Described { name, description, call, chains })
}

fn check_description(
    step: &StepDeclaration,
    name: &str,
    description: &OperatorDescription,
    kind: OperatorKind,
) -> Result<(), Mismatch> {
    let operator = name.to_owned();
    if description.kind != kind {
        let fault = PlanFault::Kind {
            operator,
            found: description.kind,
            step: step.operation.step_word(),
            expected: kind,
        };
        return Err((Part::Operation, fault));
    }
    let (keys, columns) = (description.output.keys, description.output.columns.len());
    if keys > columns {
        let keys = number_of(keys, "key column", "key columns");
        let what = format!("{keys} among {columns}");
        return Err((Part::Operation, PlanFault::Description { operator, what }));
    }
    Ok(())
}
