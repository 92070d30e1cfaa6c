//! Plan: steps that fold rows, by key or all of them.
//!
//! Takes an operator of kind `reduce`, a built-in fold or counting, and the rows before it. Gives
//! a fold that runs before and after a shuffle. Never runs without combining before the shuffle.

use super::binding::{bind, choose};
use super::checked::{CheckedStep, Mismatch, StepContext, StepWork, label, need_key};
use super::fault::PlanFault;
use super::lookup::{FoundOperator, find, kind_of};
use super::naming;
use crate::model::column_type::ColumnType;
use crate::model::description::{OperatorDescription, OperatorKind};
use crate::model::finding::Part;
use crate::model::operation::{BuiltInFold, Operation, OperatorRef, StepDeclaration};
use crate::model::schema::{Column, StreamSchema};
use crate::model::stage::{FoldPlan, OperatorCall};

/// Digits of a sum of decimals: the most there are.
const DECIMAL_DIGITS_MAX: u8 = 38;

/// Checks a fold by key to a result of another type.
pub(super) fn combine(
    step: &StepDeclaration,
    operator: &OperatorRef,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    fold(step, operator, OperatorKind::Combine, true, input, context)
}

/// Checks a fold by key, of value columns, or of whole rows; windows and states take a `combine`,
/// too.
pub(super) fn reduce(
    step: &StepDeclaration,
    operator: &OperatorRef,
    by_key: bool,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let takes_any = !matches!(step.operation, Operation::ReduceByKey(_) | Operation::Reduce(_));
    let kind = match kind_of(operator, context.plugins) {
        Some(OperatorKind::Combine) if takes_any => OperatorKind::Combine,
        _ => OperatorKind::Reduce,
    };
    fold(step, operator, kind, by_key, input, context)
}

fn fold(
    step: &StepDeclaration,
    operator: &OperatorRef,
    kind: OperatorKind,
    by_key: bool,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    if by_key {
        need_key(step, input)?;
    }
    let keys = if by_key { input.keys } else { 0 };
    let visible = keys..input.columns.len();
    if visible.is_empty() {
        let (step, found) = (step.operation.step_word(), input.clone());
        return Err((Part::Operation, PlanFault::NothingToFold { step, found }));
    }
    let (name, values, folded, call) = match find(step, operator, kind, context.plugins)? {
        FoundOperator::Described { name, description, call, .. } => {
            if kind == OperatorKind::Reduce {
                check_fold(&name, description)?;
            }
            let values = bind(step, &name, description, input, visible)?;
            (name, values, description.output.columns.clone(), call)
        }
        FoundOperator::BuiltIn(fold) => {
            let values = match &step.columns {
                Some(names) => choose(fold.word(), names, input, visible, Part::Columns)?,
                None => visible.collect(),
            };
            let folded = values.iter().map(|index| built_in(fold, &input.columns[*index]));
            let folded = folded.collect::<Result<_, _>>()?;
            (fold.word().to_owned(), values, folded, OperatorCall::BuiltIn(fold))
        }
    };
    let label = label(step, &name);
    let named = if kind == OperatorKind::Combine {
        // What it makes has names of its own.
        folded
    } else {
        let named = values.iter().zip(folded).map(|(index, column)| {
            let name = input.columns[*index].name.clone();
            Column { name, ..column }
        });
        named.collect()
    };
    let made = naming::rename(step, named)?;
    let columns = input.columns[..keys].iter().cloned().chain(made).collect();
    let output = naming::schema(step, &label, columns, keys)?;
    let fold = FoldPlan { call, keys, zero_when_empty: false, output: output.clone() };
    let project = (0..keys).chain(values).collect();
    let project = keep(project, keys, input);
    let partitions = if by_key { step.partitions.unwrap_or(context.partitions) } else { 1 };
    Ok(CheckedStep { label, output, work: StepWork::Fold { project, fold, partitions } })
}

/// Checks `count`: rows without columns are counted, and an empty batch counts 0.
pub(super) fn count(step: &StepDeclaration) -> Result<CheckedStep, Mismatch> {
    let label = label(step, "");
    let made = naming::rename(step, vec![Column::new("count", ColumnType::Int64)])?;
    let output = naming::schema(step, &label, made, 0)?;
    let call = OperatorCall::CountRows;
    let fold = FoldPlan { call, keys: 0, zero_when_empty: true, output: output.clone() };
    let project = Some((Vec::new(), StreamSchema::default()));
    Ok(CheckedStep { label, output, work: StepWork::Fold { project, fold, partitions: 1 } })
}

/// Checks `count_by_value`: every column is key, and beside them stands how often they occur.
pub(super) fn count_by_value(
    step: &StepDeclaration,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let label = label(step, "");
    let keys = input.columns.len();
    let made = naming::rename(step, vec![Column::new("count", ColumnType::Int64)])?;
    let columns = input.columns.iter().cloned().chain(made).collect();
    let output = naming::schema(step, &label, columns, keys)?;
    let call = OperatorCall::CountRows;
    let fold = FoldPlan { call, keys, zero_when_empty: false, output: output.clone() };
    let partitions = step.partitions.unwrap_or(context.partitions);
    let work = StepWork::Fold { project: None, fold, partitions };
    Ok(CheckedStep { label, output, work })
}

/// The columns to keep before folding; `None` when they are all there in order.
pub(super) fn keep(
    project: Vec<usize>,
    keys: usize,
    input: &StreamSchema,
) -> Option<(Vec<usize>, StreamSchema)> {
    if project.iter().copied().eq(0..input.columns.len()) {
        return None;
    }
    let columns = project.iter().map(|index| input.columns[*index].clone()).collect();
    Some((project, StreamSchema { columns, keys }))
}

/// A fold is given what it gave before, so it must give what it takes.
fn check_fold(name: &str, description: &OperatorDescription) -> Result<(), Mismatch> {
    let (input, output) = (&description.input, &description.output);
    let fits = input.columns.len() == output.columns.len()
        && output.columns.iter().zip(&input.columns).all(|(given, taken)| given.satisfies(taken));
    if fits {
        return Ok(());
    }
    let fault = PlanFault::FoldChangesType {
        operator: name.to_owned(),
        input: input.clone(),
        output: output.clone(),
    };
    Err((Part::Operation, fault))
}

/// The column a built-in fold makes of a column. Nulls are ignored, so only a group of nothing but
/// nulls gives null.
pub(super) fn built_in(fold: BuiltInFold, found: &Column) -> Result<Column, Mismatch> {
    use ColumnType::{Decimal128, Float64, Int32, Int64, List, UInt64};
    let folded = match (fold, &found.data_type) {
        (BuiltInFold::Count, _) => return Ok(Column::new(found.name.clone(), Int64)),
        (BuiltInFold::Sum, Int32 | Int64) => Int64,
        (BuiltInFold::Sum, UInt64) => UInt64,
        (BuiltInFold::Sum, Float64) => Float64,
        (BuiltInFold::Sum, Decimal128(_, scale)) => Decimal128(DECIMAL_DIGITS_MAX, *scale),
        (BuiltInFold::Min | BuiltInFold::Max, same) if !matches!(same, List(..)) => same.clone(),
        (BuiltInFold::Sum | BuiltInFold::Min | BuiltInFold::Max, _) => {
            let allowed = match fold {
                BuiltInFold::Sum => "int32, int64, uint64, float64 and decimal128",
                _ => "all types but lists",
            };
            let (fold, found) = (fold.word(), found.clone());
            return Err((Part::Operation, PlanFault::FoldType { fold, found, allowed }));
        }
    };
    Ok(Column { data_type: folded, ..found.clone() })
}
