//! Plan: a step that was checked, and what checking one may look up.
//!
//! Takes what the kinds of steps find out. Gives it to cutting stages in one form. Never checks
//! anything but whether there is a key.

use std::time::Duration;

use super::PluginCatalogue;
use super::chain::ChainLink;
use super::fault::PlanFault;
use crate::model::broadcast::BroadcastDeclaration;
use crate::model::finding::Part;
use crate::model::operation::StepDeclaration;
use crate::model::schema::StreamSchema;
use crate::model::stage::{Attach, FoldPlan, JoinPlan, OperatorCall, StatePlan};
use crate::model::transform::Transform;

/// A mismatch and the part of the step it is about.
pub(super) type Mismatch = (Part, PlanFault);

/// What checking a step may look up.
pub(super) struct StepContext<'a> {
    pub(super) plugins: &'a dyn PluginCatalogue,
    /// The job's broadcasts.
    pub(super) broadcasts: &'a [BroadcastDeclaration],
    /// Partitions of a shuffle that says nothing itself.
    pub(super) partitions: usize,
    /// Time between the datasets before the step.
    pub(super) slide: Duration,
    /// The rows of another stream; `None` when that one has a mismatch.
    pub(super) schema_of: &'a dyn Fn(&str) -> Option<&'a StreamSchema>,
    /// Time between the datasets of another stream.
    pub(super) slide_of: &'a dyn Fn(&str) -> Option<Duration>,
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
    /// All batches of a window.
    Window(Window),
    /// Folds by key before and after a shuffle, then over a window.
    FoldWindow {
        project: Option<(Vec<usize>, StreamSchema)>,
        fold: FoldPlan,
        partitions: usize,
        window: Window,
        /// Makes a window of the one before.
        inverse: Option<InversePlan>,
        /// What is done to the results before they are shown.
        filter: Option<Box<CheckedStep>>,
    },
    /// Shuffles by key, then gathers over a window.
    GroupWindow { keys: usize, partitions: usize, window: Window },
    /// Spreads rows.
    Repartition(usize),
    /// Brings the rows of so many key columns together; with none, all rows.
    Partition { keys: usize, partitions: usize },
    /// Several steps that were written as one.
    Then(Vec<CheckedStep>),
    /// Calls a program's function with whole datasets: its own, then those of other streams.
    Transform { declared: Transform, others: Vec<(String, StreamSchema)> },
    /// Appends other streams.
    Union(Vec<String>),
    /// Shuffles both streams by key and brings them together.
    Join { other: String, plan: JoinPlan, partitions: usize },
    /// Shuffles by key, then looks up and changes what is kept.
    State(Box<StateWork>),
}

/// A step that keeps something for each key.
#[derive(Debug)]
pub(super) struct StateWork {
    /// Columns to keep first, and the rows then, where not all are needed.
    pub(super) project: Option<(Vec<usize>, StreamSchema)>,
    /// The fold before the shuffle, of a fold that goes on from batch to batch.
    pub(super) combine: Option<FoldPlan>,
    pub(super) plan: StatePlan,
    pub(super) partitions: usize,
    /// Time between datasets.
    pub(super) slide: Duration,
}

/// A window on the grid of the datasets before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) length: Duration,
    pub(super) slide: Duration,
}

/// How what has left a window is taken out of it.
#[derive(Debug)]
pub(super) struct InversePlan {
    pub(super) call: OperatorCall,
    /// Whether a key goes with the last of its values.
    pub(super) forget_gone: bool,
}

impl StepWork {
    /// Keys and what is kept for each, and the time between snapshots of it, where the step keeps
    /// anything.
    pub(super) fn kept(&self) -> Option<(&StreamSchema, Duration)> {
        match self {
            Self::State(state) => Some((&state.plan.output, state.slide)),
            _ => None,
        }
    }

    /// Time between the datasets after the step, where that is another than before.
    pub(super) fn slide(&self) -> Option<Duration> {
        match self {
            Self::Window(window)
            | Self::FoldWindow { window, .. }
            | Self::GroupWindow { window, .. } => Some(window.slide),
            Self::Then(steps) => steps.iter().rev().find_map(|step| step.work.slide()),
            _ => None,
        }
    }
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
