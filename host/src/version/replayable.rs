//! Version: which part of a plan can be run again of one batch's inputs alone.
//!
//! Takes a plan. Gives the same plan without the stages that read more than the batch, and names
//! the streams that are left out so. Never looks at a batch.

use std::collections::BTreeSet;

use crate::model::id::{SourceId, StageId};
use crate::model::stage::{Gather, JobPlan, Span, Stage, StageInput, WithoutParent};

/// A source that no job has: a stage that reads it has no dataset.
const NO_SOURCE: SourceId = SourceId(u32::MAX);

/// What of a plan can be run again.
#[derive(Debug, Clone)]
pub struct Replayable {
    /// The plan, in which stages that are left out have no dataset; its sinks are those that have
    /// one.
    pub plan: JobPlan,
    /// Stages that run, and of which one that is left out reads.
    pub ends: Vec<StageId>,
    /// Streams that are left out, each with the reason.
    pub left_out: Vec<String>,
}

impl Replayable {
    /// Of that plan.
    pub fn of(plan: &JobPlan) -> Self {
        let (mut out, mut left_out) = (BTreeSet::new(), Vec::new());
        let mut ends = BTreeSet::new();
        // Parents have lower numbers.
        for stage in &plan.stages {
            let parents = stage.input.parents();
            let behind = parents.iter().find(|parent| out.contains(*parent));
            let behind = behind.map(|parent| plan.stages[parent.0].stream.as_str());
            let reason = match (own_reason(stage), behind) {
                (Some(reason), _) => Some(reason.to_owned()),
                // The rest of a stream that is named already.
                (None, Some(stream)) if stream == stage.stream => None,
                (None, Some(stream)) => {
                    Some(format!("it reads stream `{stream}`, which is left out"))
                }
                (None, None) => continue,
            };
            out.insert(stage.id);
            ends.extend(parents.iter().filter(|parent| !out.contains(*parent)).copied());
            let line = reason.map(|reason| format!("stream `{}`: {reason}", stage.stream));
            left_out.extend(line.filter(|line| !left_out.contains(line)));
        }
        let stages = without(plan, &out);
        let sinks = plan.sinks.iter().filter(|(_, stage)| !out.contains(stage)).copied().collect();
        let ends = ends.into_iter().collect();
        Self { plan: JobPlan { stages, sinks }, ends, left_out }
    }

    /// Only these stages, all of whose parents are among them, windows too: for who runs batches
    /// one after the other and has what windows read.
    pub fn only(plan: &JobPlan, stages: &BTreeSet<StageId>) -> Self {
        let all = plan.stages.iter().map(|stage| stage.id);
        let out = all.filter(|stage| !stages.contains(stage)).collect();
        let plan = JobPlan { stages: without(plan, &out), sinks: Vec::new() };
        Self { plan, ends: Vec::new(), left_out: Vec::new() }
    }
}

/// The stages of a plan, some of which have no dataset.
fn without(plan: &JobPlan, out: &BTreeSet<StageId>) -> Vec<Stage> {
    let kept = |stage: &Stage| match out.contains(&stage.id) {
        false => stage.clone(),
        true => Stage {
            input: StageInput::Source(NO_SOURCE),
            without_parent: WithoutParent::HasNone,
            ..stage.clone()
        },
    };
    plan.stages.iter().map(kept).collect()
}

/// Why a stage needs more than the batch's inputs, if it does.
fn own_reason(stage: &Stage) -> Option<&'static str> {
    match &stage.input {
        StageInput::Window { .. } => Some("it is a window over earlier batches"),
        StageInput::Transform(_) => Some("a function of the program makes its datasets"),
        StageInput::Keyed(keyed) => match keyed.gather {
            Gather::State(_) => Some("it keeps a state of earlier batches"),
            Gather::Slide(_) => Some("it is a window over earlier batches"),
            _ => {
                let reads_earlier = keyed.reads.iter().any(|read| read.span != Span::Batch);
                reads_earlier.then_some("it is a window over earlier batches")
            }
        },
        StageInput::Source(_) | StageInput::Datasets(_) | StageInput::Snapshots(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::id::SinkId;

    fn stage(id: usize, stream: &str, input: StageInput) -> Stage {
        let (stream, without_parent) = (stream.to_owned(), WithoutParent::Runs);
        Stage { stream, without_parent, ..Stage::sample(id, input) }
    }

    /// The story: a stream with a window and steps behind it was told to be left out because it
    /// reads itself.
    #[test]
    fn windows_and_what_is_behind_them_are_left_out_and_named() {
        let length = Duration::from_secs(3);
        let stages = vec![
            stage(0, "lines", StageInput::Source(SourceId(0))),
            stage(1, "lately", StageInput::Window { from: StageId(0), length }),
            stage(2, "counts", StageInput::Datasets(vec![StageId(1)])),
            stage(3, "now", StageInput::Datasets(vec![StageId(0)])),
            stage(4, "lately", StageInput::Datasets(vec![StageId(1)])),
        ];
        let sinks = vec![(SinkId(0), StageId(2)), (SinkId(1), StageId(3))];
        let found = Replayable::of(&JobPlan { stages, sinks });
        let expected = [
            "stream `lately`: it is a window over earlier batches",
            "stream `counts`: it reads stream `lately`, which is left out",
        ];
        assert_eq!(found.left_out, expected);
        assert_eq!(found.plan.sinks, [(SinkId(1), StageId(3))]);
        assert_eq!(found.ends, [StageId(0)]);
        let none = |id: usize| matches!(found.plan.stages[id].input, StageInput::Source(NO_SOURCE));
        assert_eq!([0, 1, 2, 3, 4].map(none), [false, true, true, false, true]);
    }

    #[test]
    fn plan_of_single_batches_is_replayed_whole() {
        let stages = vec![stage(0, "lines", StageInput::Source(SourceId(0)))];
        let plan = JobPlan { stages, sinks: vec![(SinkId(0), StageId(0))] };
        let found = Replayable::of(&plan);
        assert_eq!((found.plan.sinks.len(), found.ends.len(), found.left_out.len()), (1, 0, 0));
    }
}
