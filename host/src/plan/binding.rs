//! Plan: which columns of a stream an operator is given.
//!
//! Takes the stream, the columns the operator may see, and how it binds. Gives their indices in
//! the operator's order, or the first column that does not fit. Never renames anything.

use std::ops::Range;

use super::checked::Mismatch;
use super::fault::PlanFault;
use crate::model::description::{Binding, OperatorDescription};
use crate::model::finding::Part;
use crate::model::operation::StepDeclaration;
use crate::model::schema::{Column, StreamSchema};

/// Finds the columns of an operator among the visible ones and checks each.
pub(super) fn bind(
    step: &StepDeclaration,
    name: &str,
    description: &OperatorDescription,
    input: &StreamSchema,
    visible: Range<usize>,
) -> Result<Vec<usize>, Mismatch> {
    let expected = &description.input;
    let project: Vec<usize> = match (&step.columns, description.binding) {
        (Some(columns), _) => choose(name, columns, input, visible.clone(), Part::Columns)?,
        (None, Binding::Name) => {
            let names: Vec<String> = expected.columns.iter().map(|c| c.name.clone()).collect();
            choose(name, &names, input, visible.clone(), Part::Operation)?
        }
        (None, Binding::Position) => visible.clone().collect(),
    };
    let part = if step.columns.is_some() { Part::Columns } else { Part::Operation };
    let operator = name.to_owned();
    if project.len() != expected.columns.len() {
        let found = project.iter().filter_map(|index| input.columns.get(*index).cloned());
        let found = StreamSchema::new(found.collect());
        let expected = StreamSchema::new(expected.columns.clone());
        return Err((part, PlanFault::ColumnCount { operator, found, expected }));
    }
    for (index, wanted) in project.iter().zip(&expected.columns) {
        let found = &input.columns[*index];
        if !found.satisfies(wanted) {
            let (found, expected) = (found.clone(), wanted.clone());
            let fault = if found.data_type == expected.data_type {
                PlanFault::ColumnNullable { operator, found, expected }
            } else {
                let fitting = fitting(&input.columns[visible], &description.input.columns);
                PlanFault::ColumnType { operator, found, expected, fitting }
            };
            return Err((part, fault));
        }
    }
    Ok(project)
}

/// Names of columns that fit the operator's, in its order, if each finds one of its own.
fn fitting(visible: &[Column], expected: &[Column]) -> Option<Vec<String>> {
    let mut left: Vec<&Column> = visible.iter().collect();
    let names = expected.iter().map(|wanted| {
        let at = left.iter().position(|column| column.satisfies(wanted))?;
        Some(left.remove(at).name.clone())
    });
    names.collect()
}

/// The indices of columns by name, among the visible ones.
pub(super) fn choose(
    who: &str,
    names: &[String],
    input: &StreamSchema,
    visible: Range<usize>,
    part: Part,
) -> Result<Vec<usize>, Mismatch> {
    let index_of = |name: &String| {
        let found = input.index_of(name);
        found.filter(|index| visible.contains(index)).ok_or_else(|| {
            let known = input.columns[visible.clone()].iter().map(|c| c.name.clone()).collect();
            let (who, column) = (who.to_owned(), name.clone());
            (part, PlanFault::ColumnMissing { who, column, known, is_key: found.is_some() })
        })
    };
    names.iter().map(index_of).collect()
}
