//! Plan: the host's own verbs.
//!
//! Takes a verb and the rows before it. Gives what is to be done and the rows after it. Never finds
//! an operator: these steps need none.

use serde_json::Value;

use super::binding::choose;
use super::checked::{CheckedStep, Mismatch, StepContext, StepWork, label, need_key};
use super::fault::PlanFault;
use super::{aggregate, broadcast, join, naming};
use crate::limits::NAME_BYTES_MAX;
use crate::model::column_type::ColumnType;
use crate::model::constant::{allowed, constants};
use crate::model::finding::Part;
use crate::model::operation::StepDeclaration;
use crate::model::operation::condition::Condition;
use crate::model::operation::verb::{RowOrder, Verb};
use crate::model::schema::{Column, StreamSchema};
use crate::model::stage::{Attach, OperatorCall};
use crate::model::text::escape;
use crate::model::verb_call::{OrderColumn, Test, VerbCall};

/// Checks a verb.
pub(super) fn check(
    step: &StepDeclaration,
    verb: &Verb,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    match verb {
        Verb::Aggregate(made) => aggregate::aggregate(step, made, input, context),
        Verb::RunningAggregate(made, keeps) => {
            aggregate::running(step, made, keeps, input, context)
        }
        Verb::AggregateByKeyAndWindow(made, span) => {
            aggregate::by_key_and_window(step, made, *span, input, context)
        }
        Verb::Distinct => aggregate::distinct(step, input, context),
        Verb::Rename(names) => rename(step, names, input),
        Verb::Where(column, condition) => keep_where(step, column, condition, input),
        Verb::SortBy(order) => sort_by(step, order, input),
        Verb::Top(rows, order) => top(step, *rows, order, input),
        Verb::Sample { fraction, seed } => {
            let call = VerbCall::Sample { fraction: *fraction, seed: *seed };
            Ok(calls(label(step, &fraction.to_string()), Vec::new(), call, input.clone()))
        }
        Verb::Glom => glom(step, input),
        Verb::BroadcastJoin(join) => broadcast::join(step, join, input, context),
        Verb::PartitionBy(partitions) => {
            need_key(step, input)?;
            let work = StepWork::Partition { keys: input.keys, partitions: *partitions };
            let label = label(step, &partitions.to_string());
            Ok(CheckedStep { label, output: input.clone(), work })
        }
    }
}

/// All at once, so that two columns can change their names.
fn rename(
    step: &StepDeclaration,
    names: &[(String, String)],
    input: &StreamSchema,
) -> Result<CheckedStep, Mismatch> {
    let mut columns = input.columns.clone();
    let mut told = Vec::with_capacity(names.len());
    for (old, new) in names {
        let index = index_of(step, old, input)?;
        columns[index].name.clone_from(new);
        told.push(format!("{old} as {new}"));
    }
    let label = label(step, &told.join(", "));
    let output = naming::schema(step, &label, columns, input.keys)?;
    let project = (0..input.columns.len()).collect();
    let work = StepWork::Narrow { project, call: None, whole_partition: false, link: None };
    Ok(CheckedStep { label, output, work })
}

fn keep_where(
    step: &StepDeclaration,
    name: &str,
    condition: &Condition,
    input: &StreamSchema,
) -> Result<CheckedStep, Mismatch> {
    let index = index_of(step, name, input)?;
    let column = &input.columns[index];
    let values = match condition {
        Condition::Is(_, constant) => std::slice::from_ref(constant),
        Condition::In(constants) => constants,
        Condition::IsNull | Condition::IsNotNull => &[],
    };
    let of_type = |data_type: &ColumnType| {
        constants(data_type, values)
            .map_err(|unfit| (Part::Operation, unfit_constant(column, unfit)))
    };
    let test = match condition {
        Condition::IsNull => Test::IsNull,
        Condition::IsNotNull => Test::IsNotNull,
        _ => {
            has_order(step, column)?;
            let constants = of_type(&column.data_type)?;
            match condition {
                Condition::Is(comparison, _) => Test::Is(*comparison, constants),
                _ => Test::In(constants),
            }
        }
    };
    let label = label(step, &format!("{name} {}", condition.text()));
    Ok(calls(label, vec![index], VerbCall::Compare(test), input.clone()))
}

fn unfit_constant(column: &Column, unfit: Option<&Value>) -> PlanFault {
    let found = unfit.map(Value::to_string).unwrap_or_default();
    let found = escape(&found, NAME_BYTES_MAX);
    PlanFault::Constant { column: column.clone(), found, allowed: allowed(&column.data_type) }
}

/// All rows meet in one partition, and are brought in order there.
fn sort_by(
    step: &StepDeclaration,
    order: &RowOrder,
    input: &StreamSchema,
) -> Result<CheckedStep, Mismatch> {
    let by = columns_of(step, order, input)?;
    let label = label(step, &order_text(order));
    let sorted = ordered(label.clone(), by, None, input);
    let steps = vec![together(&label, input), whole(sorted)];
    Ok(CheckedStep { label, output: input.clone(), work: StepWork::Then(steps) })
}

/// No slice and no partition sends on more rows than are kept.
fn top(
    step: &StepDeclaration,
    rows: usize,
    order: &RowOrder,
    input: &StreamSchema,
) -> Result<CheckedStep, Mismatch> {
    let by = columns_of(step, order, input)?;
    let label = label(step, &format!("{rows} by {}", order_text(order)));
    let first = |label: String| ordered(label, by.clone(), Some(rows), input);
    let steps = vec![
        first(format!("{label}, of each slice")),
        whole(first(format!("{label}, of each partition"))),
        together(&label, input),
        whole(first(label.clone())),
    ];
    Ok(CheckedStep { label, output: input.clone(), work: StepWork::Then(steps) })
}

fn glom(step: &StepDeclaration, input: &StreamSchema) -> Result<CheckedStep, Mismatch> {
    let lists = input.columns.iter().cloned().map(join::list_of).collect::<Result<_, _>>()?;
    let label = label(step, "");
    let output = naming::schema(step, &label, naming::rename(step, lists)?, 0)?;
    let project = (0..input.columns.len()).collect();
    Ok(whole(calls(label, project, VerbCall::Glom(output.clone()), output)))
}

/// The columns of an order, and which way each goes.
fn columns_of(
    step: &StepDeclaration,
    order: &RowOrder,
    input: &StreamSchema,
) -> Result<Vec<OrderColumn>, Mismatch> {
    let column = |written: &String| {
        // A column may have a name that begins so.
        let turned = written.strip_prefix('-').filter(|_| input.index_of(written).is_none());
        let column = index_of(step, turned.unwrap_or(written), input)?;
        has_order(step, &input.columns[column])?;
        Ok(OrderColumn { column, descending: order.descending != turned.is_some() })
    };
    order.by.iter().map(column).collect()
}

/// Fails when the values of a column do not compare.
fn has_order(step: &StepDeclaration, column: &Column) -> Result<(), Mismatch> {
    if column.data_type.list_depth() == 0 {
        return Ok(());
    }
    let (fold, found) = (step.operation.step_word(), column.clone());
    let allowed = "all types but lists";
    Err((Part::Operation, PlanFault::FoldType { fold, found, allowed }))
}

fn order_text(order: &RowOrder) -> String {
    let way = if order.descending { ", descending" } else { "" };
    format!("{}{way}", order.by.join(", "))
}

fn index_of(step: &StepDeclaration, name: &str, input: &StreamSchema) -> Result<usize, Mismatch> {
    let (who, names) = (step.operation.step_word(), [name.to_owned()]);
    let all = 0..input.columns.len();
    Ok(choose(who, &names, input, all, Part::Operation)?.first().copied().unwrap_or_default())
}

fn ordered(
    label: String,
    by: Vec<OrderColumn>,
    rows: Option<usize>,
    input: &StreamSchema,
) -> CheckedStep {
    let project = (0..input.columns.len()).collect();
    calls(label, project, VerbCall::Order { by, rows }, input.clone())
}

/// All rows of a batch in one partition.
fn together(label: &str, input: &StreamSchema) -> CheckedStep {
    let work = StepWork::Partition { keys: 0, partitions: 1 };
    CheckedStep { label: label.to_owned(), output: input.clone(), work }
}

/// The same step, given its partition in one call.
fn whole(step: CheckedStep) -> CheckedStep {
    let work = match step.work {
        StepWork::Narrow { project, call, link, .. } => {
            StepWork::Narrow { project, call, whole_partition: true, link }
        }
        other => other,
    };
    CheckedStep { work, ..step }
}

fn calls(label: String, project: Vec<usize>, call: VerbCall, output: StreamSchema) -> CheckedStep {
    let call = Some((OperatorCall::Verb(call), Attach::Replace));
    let work = StepWork::Narrow { project, call, whole_partition: false, link: None };
    CheckedStep { label, output, work }
}
