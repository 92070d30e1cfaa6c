//! Plan: a step that was checked, and what checking one may look up.
//!
//! Takes what the kinds of steps find out. Gives it to cutting stages in one form. Never checks
//! anything but whether there is a key.

use super::PluginCatalogue;
use super::chain::ChainLink;
use super::fault::PlanFault;
use crate::model::finding::Part;
use crate::model::pipeline::StepDeclaration;
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
