//! Plan: steps that call an operator on rows where they are.
//!
//! Takes an operator's description and the rows before it. Gives the projection, the call and the
//! rows after it. Never moves rows between partitions.

use std::ops::Range;

use super::binding::bind;
use super::chain::{ChainLink, RowView};
use super::checked::{CheckedStep, Mismatch, StepContext, StepWork, label, need_key};
use super::fault::PlanFault;
use super::lookup::{FoundOperator, find};
use super::naming;
use crate::model::description::{Binding, OperatorDescription, OperatorKind};
use crate::model::finding::Part;
use crate::model::operation::{OperatorRef, StepDeclaration};
use crate::model::schema::StreamSchema;
use crate::model::stage::{Attach, OperatorCall};

/// What the SDK calls a result that is one value.
const UNNAMED: &str = "value";

/// Checks a step of rows.
pub(super) fn apply(
    step: &StepDeclaration,
    kind: OperatorKind,
    operator: &OperatorRef,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let FoundOperator::Described { name, description, call, chains } =
        find(step, operator, kind, context.plugins)?
    else {
        let step = step.operation.step_word();
        let what = "no rows to give: built-in folds stand in `reduce_by_key` and `reduce`".into();
        return Err((Part::Operation, PlanFault::Description { operator: step.into(), what }));
    };
    if kind.sees_values() {
        need_key(step, input)?;
    }
    let visible = if kind.sees_values() { input.keys } else { 0 }..input.columns.len();
    let project = bind(step, &name, description, input, visible)?;
    let label = label(step, &name);
    let (output, attach) = rows_after(step, &label, &name, description, input)?;
    let link = match &call {
        OperatorCall::Guest { plugin, .. } if chains && kind != OperatorKind::MapPartitions => {
            Some(link(step, plugin, description, &project, input, &output))
        }
        _ => None,
    };
    let whole_partition = kind == OperatorKind::MapPartitions;
    let work = StepWork::Narrow { project, call: Some((call, attach)), whole_partition, link };
    Ok(CheckedStep { label, output, work })
}

fn rows_after(
    step: &StepDeclaration,
    label: &str,
    name: &str,
    description: &OperatorDescription,
    input: &StreamSchema,
) -> Result<(StreamSchema, Attach), Mismatch> {
    if description.kind == OperatorKind::Filter {
        return Ok((input.clone(), Attach::Replace));
    }
    let mut made = naming::rename(step, description.output.columns.clone())?;
    if keeps_name(step, description, input) {
        made[0].name.clone_from(&input.value_columns()[0].name);
    }
    let (carried, keys, attach) = if step.append {
        if description.output.keys > 0 && description.kind.sees_whole_rows() {
            let operator = name.to_owned();
            return Err((Part::Append, PlanFault::AppendMakesKey { operator }));
        }
        (input.columns.as_slice(), input.keys, Attach::Append)
    } else if description.kind.sees_values() {
        (input.key_columns(), input.keys, Attach::Keys(input.keys))
    } else {
        (&[][..], description.output.keys, Attach::Replace)
    };
    let columns = carried.iter().cloned().chain(made).collect();
    Ok((naming::schema(step, label, columns, keys)?, attach))
}

/// Whether the operator makes one unnamed value of the one value there is: it keeps its name.
fn keeps_name(
    step: &StepDeclaration,
    description: &OperatorDescription,
    input: &StreamSchema,
) -> bool {
    let one_unnamed = matches!(&*description.output.columns, [made] if made.name == UNNAMED);
    description.kind.sees_values()
        && description.binding == Binding::Position
        && (step.rename.is_none() && !step.append)
        && (one_unnamed && input.value_columns().len() == 1)
}

fn link(
    step: &StepDeclaration,
    plugin: &str,
    description: &OperatorDescription,
    project: &[usize],
    input: &StreamSchema,
    output: &StreamSchema,
) -> ChainLink {
    let kind = description.kind;
    let (view, made): (RowView, Range<usize>) = match kind {
        OperatorKind::MapValues | OperatorKind::FlatMapValues => {
            (RowView::Values, input.keys..output.columns.len())
        }
        _ => (RowView::Whole, 0..output.columns.len()),
    };
    let declared = description.input.columns.clone();
    let gives = if kind == OperatorKind::Filter {
        (project.to_vec(), declared.clone())
    } else {
        (made.collect(), description.output.columns.clone())
    };
    ChainLink {
        plugin: plugin.to_owned(),
        view,
        takes: (project.to_vec(), declared),
        gives,
        may_follow: step.columns.is_none() && !step.append,
        may_lead: !step.append,
        by_name: description.binding == Binding::Name,
        renamed: step.rename.is_some() || keeps_name(step, description, input),
    }
}
