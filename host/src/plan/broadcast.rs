//! Plan: broadcasts: whether operators that read them find what they want, and joins with them.
//!
//! Takes the broadcasts of a job. Gives a join that needs neither key nor shuffle, or the first
//! column that does not fit. Never reads a broadcast: its columns are declared.

use super::binding::choose;
use super::checked::{CheckedStep, Mismatch, StepContext, StepWork, label};
use super::fault::PlanFault;
use super::lookup::described;
use super::naming;
use crate::model::broadcast::BroadcastDeclaration;
use crate::model::column_type::ColumnType;
use crate::model::description::{Binding, BroadcastWanted};
use crate::model::finding::Part;
use crate::model::join::JoinKind;
use crate::model::operation::StepDeclaration;
use crate::model::operation::verb::BroadcastJoin;
use crate::model::schema::{Column, StreamSchema};
use crate::model::stage::{Attach, OperatorCall};
use crate::model::verb_call::{BroadcastJoinCall, VerbCall};

/// Checks that the operators of a step find the broadcasts that they read.
pub(super) fn check_wanted(
    step: &StepDeclaration,
    context: &StepContext<'_>,
) -> Result<(), Mismatch> {
    for operator in step.operation.operators() {
        // What is wrong with the operator itself is told by its step.
        let Some((name, description)) = described(operator, context.plugins) else { continue };
        for wanted in &description.broadcasts {
            let declared = find(&name, &wanted.name, context)?;
            check_columns(&name, wanted, declared)?;
        }
    }
    Ok(())
}

fn find<'a>(
    who: &str,
    name: &str,
    context: &StepContext<'a>,
) -> Result<&'a BroadcastDeclaration, Mismatch> {
    let found = context.broadcasts.iter().find(|broadcast| broadcast.name == name);
    found.ok_or_else(|| {
        let known = context.broadcasts.iter().map(|broadcast| broadcast.name.clone()).collect();
        let (who, found) = (who.to_owned(), name.to_owned());
        (Part::Operation, PlanFault::BroadcastMissing { who, found, known })
    })
}

fn check_columns(
    operator: &str,
    wanted: &BroadcastWanted,
    declared: &BroadcastDeclaration,
) -> Result<(), Mismatch> {
    let (operator, broadcast) = (operator.to_owned(), declared.name.clone());
    let (columns, schema) = (&wanted.schema.columns, &declared.schema);
    if wanted.binding == Binding::Position && columns.len() != schema.columns.len() {
        let (found, expected) = (schema.clone(), wanted.schema.clone());
        let fault = PlanFault::BroadcastColumnCount { operator, broadcast, found, expected };
        return Err((Part::Operation, fault));
    }
    for (at, expected) in columns.iter().enumerate() {
        let found = match wanted.binding {
            Binding::Position => schema.columns.get(at),
            Binding::Name => schema.index_of(&expected.name).map(|at| &schema.columns[at]),
        };
        let Some(found) = found else {
            let who = format!("{operator}` of broadcast `{broadcast}");
            let (column, is_key) = (expected.name.clone(), false);
            let known = schema.columns.iter().map(|column| column.name.clone()).collect();
            return Err((Part::Operation, PlanFault::ColumnMissing { who, column, known, is_key }));
        };
        if !found.satisfies(expected) {
            let (found, expected) = (found.clone(), expected.clone());
            let fault = PlanFault::BroadcastColumn { operator, broadcast, found, expected };
            return Err((Part::Operation, fault));
        }
    }
    Ok(())
}

/// Checks a join with a broadcast. The stream keeps its columns, its key and its partitions.
pub(super) fn join(
    step: &StepDeclaration,
    join: &BroadcastJoin,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let word = step.operation.step_word();
    let declared = find(word, &join.with, context)?;
    let theirs = &declared.schema;
    let on = choose(word, &join.on, input, 0..input.columns.len(), Part::Operation)?;
    let who = format!("{word}` of broadcast `{}", declared.name);
    let with = choose(&who, &join.on, theirs, 0..theirs.columns.len(), Part::Operation)?;
    for (our, their) in on.iter().zip(&with) {
        let (expected, found) = (&input.columns[*our], &theirs.columns[*their]);
        if expected.data_type.list_depth() > 0 {
            return Err((Part::Operation, PlanFault::ListAsKey { column: expected.clone() }));
        }
        if expected.data_type != found.data_type {
            let broadcast = declared.name.clone();
            let (found, expected) = (found.clone(), expected.clone());
            return Err((Part::Operation, PlanFault::BroadcastKey { broadcast, found, expected }));
        }
    }
    let values: Vec<usize> = match join.kind {
        JoinKind::Anti => Vec::new(),
        _ => (0..theirs.columns.len()).filter(|at| !with.contains(at)).collect(),
    };
    let kind = match join.kind {
        JoinKind::LeftOuter => " (left)",
        JoinKind::Anti => " (anti)",
        _ => "",
    };
    let label = label(step, &format!("{} by {}{kind}", join.with, join.on.join(", ")));
    let left = join.kind == JoinKind::LeftOuter;
    let prefix = join.prefix.as_deref().unwrap_or_default();
    let joined = values.iter().map(|at| {
        let column = theirs.columns[*at].clone();
        let column = Column { name: format!("{prefix}{}", column.name), ..column };
        if left { column.nullable() } else { column }
    });
    let matched = left.then(|| Column::new("matched", ColumnType::Bool));
    let columns = input.columns.iter().cloned().chain(joined).chain(matched).collect();
    let output = naming::schema(step, &label, columns, input.keys)?;
    let call = VerbCall::BroadcastJoin(BroadcastJoinCall {
        broadcast: join.with.clone(),
        label: label.clone(),
        on,
        with,
        values,
        kind: join.kind,
        null_equal: join.null_equal,
        output: output.clone(),
    });
    let work = StepWork::Narrow {
        project: (0..input.columns.len()).collect(),
        call: Some((OperatorCall::Verb(call), Attach::Slices)),
        whole_partition: false,
        link: None,
    };
    Ok(CheckedStep { label, output, work })
}
