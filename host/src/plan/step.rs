//! Plan: one declared step against the rows before it.
//!
//! Takes a step and the schema it is given. Gives what is to be done and the schema after it, or
//! the first thing that does not fit. Never cuts stages.

use super::checked::{CheckedStep, Mismatch, StepContext};
use super::{broadcast, fold, join, narrow, reshape, state, verb, window};
use crate::model::operation::{Operation, StepDeclaration};
use crate::model::schema::StreamSchema;

/// Checks a step; `None` when it needs a stream that has a mismatch itself.
pub(super) fn check(
    step: &StepDeclaration,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<Option<CheckedStep>, Mismatch> {
    broadcast::check_wanted(step, context)?;
    let checked = match &step.operation {
        Operation::Apply(kind, operator) => narrow::apply(step, *kind, operator, input, context)?,
        Operation::ReduceByKey(operator) => fold::reduce(step, operator, true, input, context)?,
        Operation::Reduce(operator) => fold::reduce(step, operator, false, input, context)?,
        Operation::Count => fold::count(step)?,
        Operation::CountByValue => fold::count_by_value(step, input, context)?,
        Operation::GroupByKey => reshape::group_by_key(step, input, context)?,
        Operation::KeyBy(names) => reshape::key_by(step, names, input)?,
        Operation::Select(names) => reshape::select(step, names, input)?,
        Operation::Repartition(partitions) => reshape::repartition(step, *partitions, input),
        Operation::Union(names) => {
            let others = names.iter().map(|name| Some((name.as_str(), (context.schema_of)(name)?)));
            let Some(others) = others.collect::<Option<Vec<_>>>() else { return Ok(None) };
            window::same_slide(names, context)?;
            reshape::union(step, &others, input)?
        }
        Operation::Transform(transform) => {
            let other = |name: &String| Some((name.clone(), (context.schema_of)(name)?.clone()));
            let Some(others) = transform.others.iter().map(other).collect() else {
                return Ok(None);
            };
            window::same_slide(&transform.others, context)?;
            reshape::transform(step, transform, others)?
        }
        Operation::Join(declared) => return join::join(step, declared, input, context),
        Operation::Window(span) => window::window(step, *span, input, context)?,
        Operation::FoldByWindow(fold) => window::fold(step, fold, input, context)?,
        Operation::CountByWindow(span) => window::count(step, *span, context)?,
        Operation::CountByValueAndWindow(span) => {
            window::count_by_value(step, *span, input, context)?
        }
        Operation::GroupByKeyAndWindow(span) => window::group_by_key(step, *span, input, context)?,
        Operation::CombineByKey(operator) => fold::combine(step, operator, input, context)?,
        Operation::UpdateStateByKey(declared) => state::update(step, declared, input, context)?,
        Operation::MapWithState(declared) => state::map(step, declared, input, context)?,
        Operation::Verb(verb) => verb::check(step, verb, input, context)?,
    };
    Ok(Some(checked))
}
