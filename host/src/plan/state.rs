//! Plan: steps that keep something for each key.
//!
//! Takes an operator of a stateful kind, or a fold that is to go on from batch to batch, and the
//! rows before it. Gives what is kept, the rows after it, and a shuffle by key. Never reads what
//! is kept.

use super::binding::bind;
use super::checked::{CheckedStep, Mismatch, StateWork, StepContext, StepWork, label, need_key};
use super::fault::PlanFault;
use super::lookup::{FoundOperator, find, kind_of};
use super::{fold as folds, naming};
use crate::model::column_type::ColumnType;
use crate::model::description::{OperatorDescription, OperatorKind};
use crate::model::finding::Part;
use crate::model::operation::{InitialState, Keeps, OperatorRef, StateStep, StepDeclaration};
use crate::model::schema::{Column, StreamSchema};
use crate::model::stage::{FoldPlan, OperatorCall, StateMode, StatePlan};

/// Checks `update_state_by_key`: keys come out with what is kept for them.
pub(super) fn update(
    step: &StepDeclaration,
    declared: &StateStep,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let folds = match &declared.operator {
        OperatorRef::BuiltIn(_) => true,
        operator => kind_of(operator, context.plugins).is_some_and(OperatorKind::folds),
    };
    if folds {
        return running(step, declared, input, context);
    }
    let mode = StateMode::Update { changed_only: declared.keeps.changed_only };
    let kind = OperatorKind::UpdateState;
    let found = stateful(step, &declared.operator, kind, input, context)?;
    let kept = naming::rename(step, found.kept.clone())?;
    let columns = input.key_columns().iter().cloned().chain(kept).collect();
    let output = naming::schema(step, &found.label, columns, input.keys)?;
    let plan = found.plan(step, declared, mode, (output.clone(), output.clone()));
    checked(step, context, found, plan, output)
}

/// Checks `map_with_state`: what the operator gives comes out.
pub(super) fn map(
    step: &StepDeclaration,
    declared: &StateStep,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let kind = OperatorKind::MapWithState;
    let found = stateful(step, &declared.operator, kind, input, context)?;
    let made = naming::rename(step, found.made.columns.clone())?;
    let output = naming::schema(step, &found.label, made, found.made.keys)?;
    let columns = input.key_columns().iter().cloned().chain(found.kept.iter().cloned()).collect();
    let alone = StepDeclaration::new(step.operation.clone());
    let kept = naming::schema(&alone, &found.label, columns, input.keys)?;
    let mode = StateMode::Map { timeout: declared.keeps.timeout };
    let plan = found.plan(step, declared, mode, (kept, output.clone()));
    checked(step, context, found, plan, output)
}

/// A fold whose results are kept and go on from batch to batch.
fn running(
    step: &StepDeclaration,
    declared: &StateStep,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<CheckedStep, Mismatch> {
    let CheckedStep { label, output, work } =
        folds::reduce(step, &declared.operator, true, input, context)?;
    let StepWork::Fold { project, fold, partitions } = work else {
        unreachable!("a reduce by key folds by key")
    };
    let folded = (project, fold, partitions);
    let work = go_on(step, &declared.keeps, folded, Vec::new(), context)?;
    Ok(CheckedStep { label, output, work })
}

/// What a fold makes is kept for each key, and goes on from batch to batch: of averages the columns
/// of their sums and counts, which belong together.
pub(super) fn go_on(
    step: &StepDeclaration,
    keeps: &Keeps,
    (project, fold, partitions): (Option<(Vec<usize>, StreamSchema)>, FoldPlan, usize),
    averages: Vec<(usize, usize)>,
    context: &StepContext<'_>,
) -> Result<StepWork, Mismatch> {
    let plan = StatePlan {
        name: step.name.clone().unwrap_or_default(),
        call: fold.call.clone(),
        running_fold: true,
        mode: StateMode::Update { changed_only: keeps.changed_only },
        shown: Vec::new(),
        values: fold.output.value_columns().to_vec(),
        output: fold.output.clone(),
        shows: fold.output.clone(),
        version: 0,
        averages,
        initial: keeps.initial.clone(),
    };
    check_initial(&plan)?;
    let slide = context.slide;
    let work = StateWork { project, combine: Some(fold), plan, partitions, slide };
    Ok(StepWork::State(Box::new(work)))
}

/// What is known of a stateful operator on a stream.
struct Found {
    label: String,
    call: OperatorCall,
    /// The key columns it is shown.
    shown: Vec<usize>,
    /// Keys and the value columns it is given, by index, and their rows.
    project: Vec<usize>,
    projected: StreamSchema,
    kept: Vec<Column>,
    version: u32,
    made: StreamSchema,
}

impl Found {
    fn plan(
        &self,
        step: &StepDeclaration,
        declared: &StateStep,
        mode: StateMode,
        (output, shows): (StreamSchema, StreamSchema),
    ) -> StatePlan {
        StatePlan {
            name: step.name.clone().unwrap_or_default(),
            call: self.call.clone(),
            running_fold: false,
            mode,
            shown: self.shown.clone(),
            values: self.projected.value_columns().to_vec(),
            output,
            shows,
            version: self.version,
            averages: Vec::new(),
            initial: declared.keeps.initial.clone(),
        }
    }
}

fn checked(
    step: &StepDeclaration,
    context: &StepContext<'_>,
    found: Found,
    plan: StatePlan,
    output: StreamSchema,
) -> Result<CheckedStep, Mismatch> {
    check_initial(&plan)?;
    let project = Some((found.project, found.projected));
    let partitions = step.partitions.unwrap_or(context.partitions);
    let work = StateWork { project, combine: None, plan, partitions, slide: context.slide };
    Ok(CheckedStep { label: found.label, output, work: StepWork::State(Box::new(work)) })
}

fn stateful(
    step: &StepDeclaration,
    operator: &OperatorRef,
    kind: OperatorKind,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<Found, Mismatch> {
    need_key(step, input)?;
    let FoundOperator::Described { name, description, call, .. } =
        find(step, operator, kind, context.plugins)?
    else {
        let what = "nothing to keep: name an operator of a plugin".to_owned();
        let operator = step.operation.step_word().to_owned();
        return Err((Part::Operation, PlanFault::Description { operator, what }));
    };
    let Some(state) = &description.state else {
        let what = "no state".to_owned();
        return Err((Part::Operation, PlanFault::Description { operator: name, what }));
    };
    let shown = shown_keys(&name, description, input)?;
    let values = bind(step, &name, description, input, input.keys..input.columns.len())?;
    let project: Vec<usize> = (0..input.keys).chain(values).collect();
    let columns = project.iter().map(|index| input.columns[*index].clone()).collect();
    Ok(Found {
        label: label(step, &name),
        call,
        shown,
        project,
        projected: StreamSchema { columns, keys: input.keys },
        kept: state.schema.columns.clone(),
        version: state.version,
        made: description.output.clone(),
    })
}

/// The operator sees no key columns, or all of them.
fn shown_keys(
    name: &str,
    description: &OperatorDescription,
    input: &StreamSchema,
) -> Result<Vec<usize>, Mismatch> {
    let expected = &description.keys.columns;
    if expected.is_empty() {
        return Ok(Vec::new());
    }
    let found = input.key_columns();
    let operator = name.to_owned();
    if found.len() != expected.len() {
        let (found, expected) = (StreamSchema::new(found.to_vec()), description.keys.clone());
        let fault = PlanFault::ColumnCount { operator, found, expected };
        return Err((Part::Operation, fault));
    }
    match found.iter().zip(expected).find(|(key, wanted)| !key.satisfies(wanted)) {
        None => Ok((0..found.len()).collect()),
        Some((found, expected)) => {
            let (found, expected) = (found.clone(), expected.clone());
            let fault = if found.data_type == expected.data_type {
                PlanFault::ColumnNullable { operator, found, expected }
            } else {
                PlanFault::ColumnType { operator, found, expected, fitting: None }
            };
            Err((Part::Operation, fault))
        }
    }
}

/// Rows to begin with have the columns of what is kept, in this order.
fn check_initial(plan: &StatePlan) -> Result<(), Mismatch> {
    let InitialState::Rows(batches) = &plan.initial else { return Ok(()) };
    for batch in batches {
        let schema = batch.schema();
        let fits =
            schema.fields().len() == plan.output.columns.len()
                && schema.fields().iter().zip(&plan.output.columns).all(|(found, kept)| {
                    found.data_type() == &ColumnType::to_arrow(&kept.data_type)
                });
        if !fits {
            let found = schema.fields().iter().map(|f| format!("{}: {}", f.name(), f.data_type()));
            let found = found.collect::<Vec<_>>().join(", ");
            let expected = plan.output.clone();
            return Err((Part::Operation, PlanFault::InitialState { found, expected }));
        }
    }
    Ok(())
}
