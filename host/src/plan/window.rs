//! Plan: steps over windows.
//!
//! Takes a window, what is done in it, and the rows before it. Gives the work with the window on
//! the grid of the batches. Never says how a window is made: cutting stages does.

use super::checked::{CheckedStep, InversePlan, Mismatch, StepContext, StepWork, Window, label};
use super::fault::PlanFault;
use super::lookup::{FoundOperator, find};
use super::{beside, fold as folds, narrow, reshape};
use crate::model::description::OperatorKind;
use crate::model::finding::Part;
use crate::model::operation::{
    BuiltInFold, FoldByWindow, OperatorRef, StepDeclaration, WindowSpan,
};
use crate::model::schema::StreamSchema;
use crate::model::stage::OperatorCall;

/// Checks `window`: rows stay as they are.
pub(super) fn window(
    step: &StepDeclaration,
    span: WindowSpan,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let window = on_grid(span, context)?;
    let label = label(step, &humantime::format_duration(window.length).to_string());
    Ok(CheckedStep { label, output: input.clone(), work: StepWork::Window(window) })
}

/// Checks `reduce_by_window` and `reduce_by_key_and_window`.
pub(super) fn fold(
    step: &StepDeclaration,
    declared: &FoldByWindow,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let checked = folds::reduce(step, &declared.fold, declared.by_key, input, context)?;
    let filter = match &declared.filter {
        None => None,
        Some(operator) => {
            let alone = StepDeclaration::new(step.operation.clone());
            let kind = OperatorKind::Filter;
            let filter = narrow::apply(&alone, kind, operator, &checked.output, context);
            Some(Box::new(filter.map_err(|fault| beside::filter(&checked.output, fault))?))
        }
    };
    let inverse = match &declared.inverse {
        Some(operator) => {
            let inverse = inverse(step, operator, &checked.output, context);
            Some(inverse.map_err(|fault| beside::inverse(&checked.output, fault))?)
        }
        None => exact_inverse(&declared.fold, &checked.output),
    };
    let forget_gone = filter.is_some() || declared.inverse.is_none();
    let inverse = inverse.map(|call| InversePlan { call, forget_gone });
    over(declared.window, checked, inverse, filter, context)
}

/// Checks `count_by_window`: a window without rows counts 0, also before there were any. (Spark
/// gives nothing then.)
pub(super) fn count(
    step: &StepDeclaration,
    span: WindowSpan,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let inverse = InversePlan { call: OperatorCall::Subtract, forget_gone: true };
    over(span, folds::count(step)?, Some(inverse), None, context)
}

/// Checks `count_by_value_and_window`: what has left the window is not counted at all.
pub(super) fn count_by_value(
    step: &StepDeclaration,
    span: WindowSpan,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let inverse = InversePlan { call: OperatorCall::Subtract, forget_gone: true };
    over(span, folds::count_by_value(step, input, context)?, Some(inverse), None, context)
}

/// Checks `group_by_key_and_window`.
pub(super) fn group_by_key(
    step: &StepDeclaration,
    span: WindowSpan,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let window = on_grid(span, context)?;
    let checked = reshape::group_by_key(step, input, context)?;
    Ok(match checked.work {
        StepWork::Group { keys, partitions } => {
            CheckedStep { work: StepWork::GroupWindow { keys, partitions, window }, ..checked }
        }
        _ => checked,
    })
}

/// Streams that are brought together have datasets at the same times (as in Spark).
pub(super) fn same_slide(names: &[String], context: &StepContext<'_>) -> Result<(), Mismatch> {
    let slide_of = |name: &String| (context.slide_of)(name).map(|slide| (name.clone(), slide));
    match names.iter().filter_map(slide_of).find(|(_, slide)| *slide != context.slide) {
        None => Ok(()),
        Some((other, found)) => {
            let fault = PlanFault::OtherSlide { other, found, expected: context.slide };
            Err((Part::Operation, fault))
        }
    }
}

/// The same fold, over a window.
fn over(
    span: WindowSpan,
    checked: CheckedStep,
    inverse: Option<InversePlan>,
    filter: Option<Box<CheckedStep>>,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let window = on_grid(span, context)?;
    Ok(match checked.work {
        StepWork::Fold { project, fold, partitions } => {
            // Windows that share no batch are made from nothing each time.
            let inverse = inverse.filter(|_| window.slide < window.length);
            let work = StepWork::FoldWindow { project, fold, partitions, window, inverse, filter };
            CheckedStep { work, ..checked }
        }
        _ => checked,
    })
}

pub(super) fn on_grid(span: WindowSpan, context: &StepContext<'_>) -> Result<Window, Mismatch> {
    let grid = context.slide;
    let slide = span.slide.unwrap_or(grid);
    for (what, found) in [("length", span.length), ("slide", slide)] {
        let (found_ms, grid_ms) = (found.as_millis(), grid.as_millis());
        let on_grid = found_ms > 0 && found_ms.is_multiple_of(grid_ms.max(1));
        if !on_grid || found.subsec_nanos() % 1_000_000 != 0 {
            return Err((Part::Operation, PlanFault::WindowGrid { what, found, grid }));
        }
    }
    Ok(Window { length: span.length, slide })
}

/// The operator that takes partial results out of others: given two, it gives one, all alike.
fn inverse(
    step: &StepDeclaration,
    operator: &OperatorRef,
    folded: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<OperatorCall, Mismatch> {
    let alone = StepDeclaration {
        params: step.params.clone(),
        ..StepDeclaration::new(step.operation.clone())
    };
    match find(&alone, operator, OperatorKind::Inverse, context.plugins)? {
        FoundOperator::Described { name, description, call, .. } => {
            let values = folded.value_columns();
            let fits = description.input.columns.len() == values.len()
                && values.iter().zip(&description.input.columns).all(|(v, w)| v.satisfies(w));
            if fits {
                return Ok(call);
            }
            let found = StreamSchema::new(values.to_vec());
            let expected = description.input.clone();
            Err((Part::Operation, PlanFault::ColumnCount { operator: name, found, expected }))
        }
        FoundOperator::BuiltIn(fold) => {
            let what = "no inverse to give: name an operator of a plugin".to_owned();
            Err((Part::Operation, PlanFault::Description { operator: fold.word().into(), what }))
        }
    }
}

/// What takes a built-in fold back exactly: sums of whole numbers that no row lacks, and counts.
/// Floats are folded anew, since what was rounded cannot be taken out.
fn exact_inverse(fold: &OperatorRef, folded: &StreamSchema) -> Option<OperatorCall> {
    use crate::model::column_type::ColumnType::{Decimal128, Int64, UInt64};
    let OperatorRef::BuiltIn(BuiltInFold::Sum | BuiltInFold::Count) = fold else { return None };
    let exact = folded.value_columns().iter().all(|column| {
        matches!(column.data_type, Int64 | UInt64 | Decimal128(..)) && !column.nullable
    });
    exact.then_some(OperatorCall::Subtract)
}
