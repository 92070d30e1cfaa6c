//! Version: what windows read of earlier batches, and what of a plan makes that.
//!
//! Takes a plan, and the plugins that change. Gives the stages, and how far back batches are to be
//! run again for them. Never looks at a batch.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::replayable::Replayable;
use super::uses::{called, made_with};
use crate::model::id::StageId;
use crate::model::stage::{Gather, JobPlan, Span, Stage, StageInput};

/// The stages whose datasets of earlier batches windows read, where a plugin that changes went into
/// them. A window that is made of the one before is made anew of these, as it lacks that.
#[derive(Debug)]
pub struct WindowParents {
    /// Each with how far the longest window reaches back to it.
    pub reach: BTreeMap<StageId, Duration>,
    /// They and all that goes into them.
    pub replayable: Replayable,
    /// How far windows reach back to batches, through windows before them.
    pub span: Duration,
    /// Whether there are windows before them.
    pub is_nested: bool,
}

impl WindowParents {
    /// Those of a plan, into which one of these plugins went.
    ///
    /// # Errors
    /// Says what goes into them besides the inputs of batches.
    pub fn of(plan: &JobPlan, is_new: impl Fn(&str) -> bool) -> Result<Self, String> {
        let made_with = made_with(plan);
        let mut reach: BTreeMap<StageId, Duration> = BTreeMap::new();
        for (parent, length) in plan.stages.iter().flat_map(read_across) {
            if made_with[parent.0].iter().any(|plugin| is_new(plugin)) {
                let longest = reach.entry(parent).or_default();
                *longest = length.max(*longest);
            }
        }
        let mut stages: BTreeSet<StageId> = reach.keys().copied().collect();
        // Parents have lower numbers.
        for stage in plan.stages.iter().rev() {
            if stages.contains(&stage.id) {
                stages.extend(stage.input.parents());
                reads_batches_alone(stage)?;
            }
        }
        let back = reach_back(plan);
        let span = reach.iter().map(|(stage, length)| *length + back[stage.0]).max();
        let is_nested = reach.keys().any(|stage| !back[stage.0].is_zero());
        let replayable = Replayable::only(plan, &stages);
        Ok(Self { reach, replayable, span: span.unwrap_or_default(), is_nested })
    }
}

/// How many batches before the newest windows look back to whose rows a plugin has made, so that a
/// swap of it makes them again; of windows of which that cannot be done none.
pub fn looked_back_to(plan: &JobPlan, batch_interval: Duration) -> usize {
    let of = |plugin: &str| WindowParents::of(plan, |other| other == plugin).ok();
    let spans = called(plan).into_iter().filter_map(of).map(|parents| parents.span);
    let longest = spans.max().unwrap_or_default().saturating_sub(batch_interval);
    let batches = longest.as_millis().div_ceil(batch_interval.as_millis().max(1));
    usize::try_from(batches).unwrap_or(usize::MAX)
}

/// What a stage reads of earlier batches.
fn read_across(stage: &Stage) -> Vec<(StageId, Duration)> {
    match &stage.input {
        StageInput::Window { from, length } => vec![(*from, *length)],
        StageInput::Keyed(keyed) => {
            let across = keyed.reads.iter().filter_map(|read| match read.span {
                Span::Batch => None,
                Span::Window(length) | Span::Sliding(length) => Some((read.from, length)),
            });
            across.collect()
        }
        _ => Vec::new(),
    }
}

/// How long before its own time, by stage, the oldest batch is that goes into a dataset.
fn reach_back(plan: &JobPlan) -> Vec<Duration> {
    let mut back: Vec<Duration> = Vec::with_capacity(plan.stages.len());
    for stage in &plan.stages {
        let now = stage.input.parents().into_iter().map(|parent| back[parent.0]);
        // The oldest dataset of a window is one slide of its parent after the window begins.
        let earlier = read_across(stage).into_iter().map(|(parent, length)| {
            back[parent.0] + length.saturating_sub(plan.stages[parent.0].slide)
        });
        let longest = now.chain(earlier).max();
        back.push(longest.unwrap_or_default());
    }
    back
}

fn reads_batches_alone(stage: &Stage) -> Result<(), String> {
    let reason = match &stage.input {
        StageInput::Transform(_) => "a function of the program makes its datasets",
        StageInput::Keyed(keyed) if matches!(keyed.gather, Gather::State(_)) => {
            "it keeps a state of earlier batches"
        }
        _ => return Ok(()),
    };
    Err(format!("stream `{}` goes into it, and {reason}", stage.stream))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::id::SourceId;
    use crate::model::stage::{PlannedStep, TransformPlan, WithoutParent};
    use crate::model::time::BatchTime;
    use crate::model::transform::{BatchDataset, DatasetFunction, Transformed};

    const SECOND: Duration = Duration::from_secs(1);

    fn stage(id: usize, input: StageInput, slide: u32) -> Stage {
        let (slide, without_parent) = (SECOND * slide, WithoutParent::Runs);
        Stage { slide, without_parent, ..Stage::sample(id, input) }
    }

    fn stamped(stage: Stage) -> Stage {
        Stage { steps: vec![PlannedStep::sample("a")], ..stage }
    }

    struct Nothing;

    impl DatasetFunction for Nothing {
        fn call(&self, _: BatchTime, _: &[BatchDataset]) -> Transformed {
            Ok(Some(Vec::new()))
        }
    }

    fn window(from: usize, length: u32) -> StageInput {
        StageInput::Window { from: StageId(from), length: SECOND * length }
    }

    /// A window of 3 s each second, and one of it of 4 s every two: they look back to five batches
    /// and the newest.
    #[test]
    fn windows_of_windows_add_up() {
        let stages = vec![
            stamped(stage(0, StageInput::Source(SourceId(0)), 1)),
            stage(1, window(0, 3), 1),
            stage(2, window(1, 4), 2),
            stage(3, StageInput::Source(SourceId(1)), 1),
        ];
        let plan = JobPlan { stages, sinks: Vec::new() };
        let found = WindowParents::of(&plan, |plugin| plugin == "a").expect("batches alone");
        let reach = [(StageId(0), SECOND * 3), (StageId(1), SECOND * 4)];
        assert_eq!(found.reach, BTreeMap::from(reach));
        assert_eq!((found.span, found.is_nested), (SECOND * 6, true));
        let input = |stage: usize| &found.replayable.plan.stages[stage].input;
        assert!(matches!(input(1), StageInput::Window { .. }), "it is needed for the next");
        assert!(!matches!(input(2), StageInput::Window { .. }), "nobody reads it later");
        let none = WindowParents::of(&plan, |_| false).expect("nothing is needed");
        assert!(none.reach.is_empty());
        assert_eq!(looked_back_to(&plan, SECOND), 5);
        assert_eq!(looked_back_to(&plan, SECOND * 4), 1, "of 2 s it takes a whole one");
    }

    #[test]
    fn what_reads_more_than_batches_is_named() {
        let function = Arc::new(Nothing);
        let parents = vec![StageId(0)];
        let transform = TransformPlan { parents, schemas: Vec::new(), function };
        let stages = vec![
            stamped(stage(0, StageInput::Source(SourceId(0)), 1)),
            stage(1, StageInput::Transform(transform), 1),
            stage(2, window(1, 3), 1),
        ];
        let plan = JobPlan { stages, sinks: Vec::new() };
        let reason = WindowParents::of(&plan, |plugin| plugin == "a").expect_err("a function");
        assert_eq!(looked_back_to(&plan, SECOND), 0, "nothing makes it again");
        assert!(reason.contains("stream `s1` goes into it, and a function"), "{reason}");
    }
}
