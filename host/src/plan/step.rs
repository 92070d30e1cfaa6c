//! Plan: one declared step against the rows before it.
//!
//! Takes a step and the schema it is given. Gives what is to be done and the schema after it, or
//! the first thing that does not fit. Never cuts stages.

use super::chain::ChainLink;
use super::fault::PlanFault;
use super::{PluginCatalogue, fold, narrow, reshape};
use crate::model::finding::Part;
use crate::model::pipeline::{Operation, StepDeclaration};
use crate::model::schema::StreamSchema;
use crate::model::stage::{Attach, FoldPlan, OperatorCall};

/// A mismatch and the part of the step it is about.
pub(super) type Mismatch = (Part, PlanFault);

/// What checking a step may look up.
pub(super) struct StepContext<'a> {
    pub(super) plugins: &'a dyn PluginCatalogue,
    /// Partitions of a shuffle that says nothing itself.
    pub(super) partitions: usize,
    /// The rows of another stream; `None` when that one has a mismatch.
    pub(super) schema_of: &'a dyn Fn(&str) -> Option<&'a StreamSchema>,
}

/// A step that fits.
#[derive(Debug)]
pub(super) struct CheckedStep {
    pub(super) label: String,
    pub(super) output: StreamSchema,
    pub(super) work: StepWork,
}

/// What a step that fits does.
#[derive(Debug)]
pub(super) enum StepWork {
    /// Within the partitions as they are.
    Narrow {
        project: Vec<usize>,
        call: Option<(OperatorCall, Attach)>,
        whole_partition: bool,
        link: Option<ChainLink>,
    },
    /// Folds by key, before and after a shuffle.
    Fold {
        /// Columns to keep first, and the rows then, where not all are folded.
        project: Option<(Vec<usize>, StreamSchema)>,
        fold: FoldPlan,
        partitions: usize,
    },
    /// Gathers by key after a shuffle.
    Group { keys: usize, partitions: usize },
    /// Spreads rows.
    Repartition(usize),
    /// Appends other streams.
    Union(Vec<String>),
}

/// Checks a step; `None` when it needs a stream that has a mismatch itself.
pub(super) fn check(
    step: &StepDeclaration,
    input: &StreamSchema,
    context: &StepContext<'_>,
) -> Result<Option<CheckedStep>, Mismatch> {
    let checked = match &step.operation {
        Operation::Apply(kind, operator) => narrow::apply(step, *kind, operator, input, context)?,
        Operation::ReduceByKey(operator) | Operation::Reduce(operator) => {
            fold::reduce(step, operator, input, context)?
        }
        Operation::Count => fold::count(step)?,
        Operation::CountByValue => fold::count_by_value(step, input, context)?,
        Operation::GroupByKey => reshape::group_by_key(step, input, context)?,
        Operation::KeyBy(names) => reshape::key_by(step, names, input)?,
        Operation::Select(names) => reshape::select(step, names, input)?,
        Operation::Repartition(partitions) => reshape::repartition(step, *partitions, input),
        Operation::Union(names) => {
            let others = names.iter().map(|name| Some((name.as_str(), (context.schema_of)(name)?)));
            let Some(others) = others.collect::<Option<Vec<_>>>() else { return Ok(None) };
            reshape::union(step, &others, input)?
        }
    };
    Ok(Some(checked))
}

/// How messages and `explain` call a step: its name where it has one, its word and its object.
pub(super) fn label(step: &StepDeclaration, object: &str) -> String {
    let word = step.operation.step_word();
    let named = step.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    format!("{named}{word}{}{object}", if object.is_empty() { "" } else { " " })
}

/// Fails when the stream has no key.
pub(super) fn need_key(step: &StepDeclaration, input: &StreamSchema) -> Result<(), Mismatch> {
    if input.keys > 0 {
        return Ok(());
    }
    let found = input.clone();
    Err((Part::Operation, PlanFault::NoKey { step: step.operation.step_word(), found }))
}
