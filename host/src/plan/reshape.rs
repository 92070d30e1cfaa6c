//! Plan: steps that need no operator: keys, columns, partitions, groups and unions.
//!
//! Takes the rows before them. Gives the rows after them. Never calls anything.

use super::binding::choose;
use super::checked::{CheckedStep, Mismatch, StepContext, StepWork, label, need_key};
use super::fault::{PlanFault, columns};
use super::naming;
use crate::limits::LIST_DEPTH_MAX;
use crate::model::column_type::ColumnType;
use crate::model::finding::Part;
use crate::model::operation::StepDeclaration;
use crate::model::schema::{Column, StreamSchema};
use crate::model::transform::Transform;

/// Checks `group_by_key`: each value column becomes a list, its items as nullable as it was.
pub(super) fn group_by_key(
    step: &StepDeclaration,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    need_key(step, input)?;
    let gather = |column: &Column| {
        if column.data_type.list_depth() >= LIST_DEPTH_MAX {
            return Err((Part::Operation, PlanFault::ListTooDeep { found: column.clone() }));
        }
        let items = Box::new(column.data_type.clone());
        Ok(Column::new(column.name.clone(), ColumnType::List(items, column.nullable)))
    };
    let made = input.value_columns().iter().map(gather).collect::<Result<_, _>>()?;
    let label = label(step, "");
    let made = naming::rename(step, made)?;
    let columns = input.key_columns().iter().cloned().chain(made).collect();
    let output = naming::schema(step, &label, columns, input.keys)?;
    let partitions = step.partitions.unwrap_or(context.partitions);
    let work = StepWork::Group { keys: input.keys, partitions };
    Ok(CheckedStep { label, output, work })
}

/// Checks `key_by`: the named columns come first and are the key, the others keep their order.
pub(super) fn key_by(
    step: &StepDeclaration,
    names: &[String],
    input: &StreamSchema,
) -> Result<CheckedStep, Mismatch> {
    let mut project = choose("key_by", names, input, 0..input.columns.len(), Part::Operation)?;
    let others: Vec<usize> = (0..input.columns.len()).filter(|i| !project.contains(i)).collect();
    project.extend(others);
    kept(step, names, project, names.len(), input)
}

/// Checks `select`: key columns stay key as long as only key columns stand before them.
pub(super) fn select(
    step: &StepDeclaration,
    names: &[String],
    input: &StreamSchema,
) -> Result<CheckedStep, Mismatch> {
    let project = choose("select", names, input, 0..input.columns.len(), Part::Operation)?;
    let keys = project.iter().take_while(|index| **index < input.keys).count();
    kept(step, names, project, keys, input)
}

fn kept(
    step: &StepDeclaration,
    names: &[String],
    project: Vec<usize>,
    keys: usize,
    input: &StreamSchema,
) -> Result<CheckedStep, Mismatch> {
    let label = label(step, &names.join(", "));
    let columns = project.iter().map(|index| input.columns[*index].clone()).collect();
    let columns = naming::rename(step, columns)?;
    let output = naming::schema(step, &label, columns, keys)?;
    let work = StepWork::Narrow { project, call: None, whole_partition: false, link: None };
    Ok(CheckedStep { label, output, work })
}

/// `repartition` changes no row.
pub(super) fn repartition(
    step: &StepDeclaration,
    partitions: usize,
    input: &StreamSchema,
) -> CheckedStep {
    CheckedStep {
        label: label(step, &partitions.to_string()),
        output: input.clone(),
        work: StepWork::Repartition(partitions),
    }
}

/// Checks `union`: rows of all streams stand in one dataset, so their schemas are equal.
pub(super) fn union(
    step: &StepDeclaration,
    others: &[(&str, &StreamSchema)],
    input: &StreamSchema,
) -> Result<CheckedStep, Mismatch> {
    for (name, other) in others {
        if let Some(difference) = difference(input, other) {
            let other = (*name).to_owned();
            return Err((Part::Operation, PlanFault::UnionMismatch { other, difference }));
        }
    }
    let names: Vec<String> = others.iter().map(|(name, _)| (*name).to_owned()).collect();
    let label = label(step, &names.join(", "));
    Ok(CheckedStep { label, output: input.clone(), work: StepWork::Union(names) })
}

/// Checks `transform`: what its function gives has the columns it declares.
pub(super) fn transform(
    step: &StepDeclaration,
    declared: &Transform,
    others: Vec<(String, StreamSchema)>,
) -> Result<CheckedStep, Mismatch> {
    let names: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
    let label = label(step, &names.join(", "));
    let (columns, keys) = (declared.schema.columns.clone(), declared.schema.keys);
    let output = naming::schema(step, &label, columns, keys)?;
    let work = StepWork::Transform { declared: declared.clone(), others };
    Ok(CheckedStep { label, output, work })
}

/// The first difference of two schemas in words.
fn difference(expected: &StreamSchema, found: &StreamSchema) -> Option<String> {
    let counts = (found.columns.len(), expected.columns.len());
    if counts.0 != counts.1 {
        let had = format!("it has {} ({found})", columns(counts.0));
        return Some(format!("{had}, expected {} ({expected})", columns(counts.1)));
    }
    let mut pairs = found.columns.iter().zip(&expected.columns).enumerate();
    if let Some((index, (found, expected))) = pairs.find(|(_, (found, expected))| found != expected)
    {
        return Some(format!("its column {} is `{found}`, expected `{expected}`", index + 1));
    }
    (found.keys != expected.keys)
        .then(|| format!("its key has {}, expected {}", columns(found.keys), expected.keys))
}
