//! Plan: the names of columns after a step.
//!
//! Takes the columns a step makes and what `as` says. Gives a schema whose names are unique.
//! Never changes a type.

use std::collections::HashSet;

use super::checked::Mismatch;
use super::fault::PlanFault;
use crate::limits::{COLUMNS_MAX, NAME_BYTES_MAX};
use crate::model::finding::Part;
use crate::model::operation::verb::Verb;
use crate::model::operation::{Operation, StepDeclaration};
use crate::model::schema::{Column, StreamSchema};

/// The columns a step makes under the names `as` gives them.
pub(super) fn rename(
    step: &StepDeclaration,
    mut made: Vec<Column>,
) -> Result<Vec<Column>, Mismatch> {
    let Some(names) = &step.rename else { return Ok(made) };
    if names.len() != made.len() {
        let made = StreamSchema::new(made);
        return Err((Part::As, PlanFault::RenameCount { found: names.len(), made }));
    }
    for (column, name) in made.iter_mut().zip(names) {
        column.name.clone_from(name);
    }
    Ok(made)
}

/// A schema of these columns, the first so many being key.
pub(super) fn schema(
    step: &StepDeclaration,
    label: &str,
    columns: Vec<Column>,
    keys: usize,
) -> Result<StreamSchema, Mismatch> {
    let part = if step.rename.is_some() { Part::As } else { Part::Operation };
    if columns.len() > COLUMNS_MAX {
        let (found, step) = (columns.len(), label.to_owned());
        return Err((part, PlanFault::TooManyColumns { found, step }));
    }
    let mut taken = HashSet::new();
    for column in &columns {
        let name = column.name.clone();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
            let name = name.chars().take(80).collect();
            return Err((part, PlanFault::ColumnName { name }));
        }
        if !taken.insert(name.as_str().to_owned()) {
            let (step, mends) = (label.to_owned(), mends(&step.operation));
            let fault = PlanFault::DuplicateColumn { name, step, mends };
            return Err((part, fault));
        }
    }
    if let Some(column) = columns[..keys].iter().find(|column| column.data_type.list_depth() > 0) {
        return Err((Part::Operation, PlanFault::ListAsKey { column: column.clone() }));
    }
    Ok(StreamSchema { columns, keys })
}

/// What gives the columns of a step other names.
fn mends(operation: &Operation) -> Option<&'static str> {
    match operation {
        Operation::Join(_) | Operation::Verb(Verb::BroadcastJoin(_)) => Some(
            "let the names of the other begin in a way of their own: `as = { right = \"other_\" }`",
        ),
        other if other.takes_rename() => Some("give the new columns other names: `as = [...]`"),
        _ => None,
    }
}
