//! Plan: joins and cogroup.
//!
//! Takes two streams with keys. Gives the rows that come of both. Never finds out which columns
//! are key: streams say so.

use super::checked::{CheckedStep, Mismatch, StepContext, StepWork, label, need_key};
use super::fault::PlanFault;
use super::{naming, window};
use crate::limits::LIST_DEPTH_MAX;
use crate::model::column_type::ColumnType;
use crate::model::finding::Part;
use crate::model::join::{Join, JoinKind};
use crate::model::operation::StepDeclaration;
use crate::model::schema::{Column, StreamSchema};
use crate::model::stage::JoinPlan;

/// Checks a join; `None` when the other stream has a mismatch itself.
pub(super) fn join(
    step: &StepDeclaration,
    declared: &Join,
    left: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<Option<CheckedStep>, Mismatch> {
    need_key(step, left)?;
    let Some(right) = (context.schema_of)(&declared.with) else { return Ok(None) };
    window::same_slide(std::slice::from_ref(&declared.with), context)?;
    let keys = shared_keys(declared, left, right)?;
    let label = label(step, &declared.with);
    let columns = keys.into_iter().chain(values(declared, left, right)?).collect();
    let output = naming::schema(step, &label, columns, left.keys)?;
    let plan = JoinPlan {
        kind: declared.kind,
        keys: left.keys,
        null_equal: declared.null_equal,
        left: left.clone(),
        right: right.clone(),
        output: output.clone(),
    };
    let partitions = step.partitions.unwrap_or(context.partitions);
    let work = StepWork::Join { other: declared.with.clone(), plan, partitions };
    Ok(Some(CheckedStep { label, output, work }))
}

/// The key columns of both, under this stream's names. Types must be equal: an int32 and an int64
/// of one value are different keys to a shuffle.
fn shared_keys(
    declared: &Join,
    left: &StreamSchema,
    right: &StreamSchema,
) -> Result<Vec<Column>, Mismatch> {
    let (ours, theirs) = (left.key_columns(), right.key_columns());
    let alike = ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(our, their)| our.data_type == their.data_type);
    if !alike {
        let other = declared.with.clone();
        let (expected, found) = (ours.to_vec(), theirs.to_vec());
        let fault = PlanFault::JoinKeys {
            other,
            expected: StreamSchema::new(expected),
            found: StreamSchema::new(found),
        };
        return Err((Part::Operation, fault));
    }
    let both = |(our, their): (&Column, &Column)| {
        let nullable = our.nullable || their.nullable;
        // A key of an inner join or of one that keeps this stream is one of this stream's.
        let ours_only =
            matches!(declared.kind, JoinKind::Inner | JoinKind::LeftOuter | JoinKind::Anti);
        Column { nullable: if ours_only { our.nullable } else { nullable }, ..our.clone() }
    };
    Ok(ours.iter().zip(theirs).map(both).collect())
}

/// The value columns of both, and where one may be missing whether it is there.
fn values(
    declared: &Join,
    left: &StreamSchema,
    right: &StreamSchema,
) -> Result<Vec<Column>, Mismatch> {
    let kind = declared.kind;
    let prefix = declared.prefix.as_deref().unwrap_or_default();
    let ours = left.value_columns().iter().cloned();
    let theirs = right.value_columns().iter();
    let theirs =
        theirs.map(|column| Column { name: format!("{prefix}{}", column.name), ..column.clone() });
    match kind {
        JoinKind::Anti => return Ok(ours.collect()),
        JoinKind::Cogroup => return ours.chain(theirs).map(list_of).collect(),
        _ => {}
    }
    let lacking = |column: Column, lacks: bool| if lacks { column.nullable() } else { column };
    let (no_left, no_right) = (kind.keeps_right(), kind.keeps_left());
    let mut columns: Vec<Column> = ours.map(|column| lacking(column, no_left)).collect();
    columns.extend(theirs.map(|column| lacking(column, no_right)));
    let matched = |name: &str| Column::new(name, ColumnType::Bool);
    match (no_left, no_right) {
        (true, true) => columns.extend([matched("left_matched"), matched("right_matched")]),
        (true, false) | (false, true) => columns.push(matched("matched")),
        (false, false) => {}
    }
    Ok(columns)
}

/// A column that holds the values of many rows in one.
pub(super) fn list_of(column: Column) -> Result<Column, Mismatch> {
    if column.data_type.list_depth() >= LIST_DEPTH_MAX {
        return Err((Part::Operation, PlanFault::ListTooDeep { found: column }));
    }
    let list = ColumnType::List(Box::new(column.data_type), column.nullable);
    Ok(Column::new(column.name, list))
}
