//! Version: which plugins a plan calls, and what of it is made with them.
//!
//! Takes a plan. Gives names of plugins, by stage. Never looks at a version.

use std::collections::BTreeSet;

use crate::model::stage::{JobPlan, OperatorCall, Span, Stage, StageInput};

/// The plugins that a plan calls.
pub fn called(plan: &JobPlan) -> BTreeSet<&str> {
    plan.stages.iter().flat_map(called_by).collect()
}

/// The plugins that went into each stage's rows: those that it calls, and those of what it reads.
pub fn made_with(plan: &JobPlan) -> Vec<BTreeSet<&str>> {
    let mut all: Vec<BTreeSet<&str>> = Vec::with_capacity(plan.stages.len());
    // Parents have lower numbers.
    for stage in &plan.stages {
        let mut own = called_by(stage);
        for parent in stage.input.parents() {
            own.extend(all[parent.0].iter().copied());
        }
        all.push(own);
    }
    all
}

/// The streams whose datasets of earlier batches windows read, where one of these plugins went into
/// them.
pub fn windows_over(plan: &JobPlan, is_one: impl Fn(&str) -> bool) -> Vec<String> {
    let made_with = made_with(plan);
    let read = plan.stages.iter().flat_map(read_across);
    let over = read.filter(|stage| made_with[*stage].iter().any(|plugin| is_one(plugin)));
    let streams: BTreeSet<String> = over.map(|stage| plan.stages[stage].stream.clone()).collect();
    streams.into_iter().collect()
}

/// The stages that have the same past on both of two versions: what they read of earlier batches,
/// and what they keep for keys, was made by the same code or is shared. A version that was swapped
/// in has its own, of batches that the other one has not seen.
pub fn with_one_past(
    plan: &JobPlan,
    is_same_code: impl Fn(usize) -> bool,
    is_same_state: impl Fn(usize) -> bool,
) -> Vec<bool> {
    let mut all: Vec<bool> = Vec::with_capacity(plan.stages.len());
    // Parents have lower numbers.
    for (number, stage) in plan.stages.iter().enumerate() {
        let own = is_same_state(number) && read_across(stage).into_iter().all(&is_same_code);
        all.push(own && stage.input.parents().into_iter().all(|parent| all[parent.0]));
    }
    all
}

/// The stages of which a stage reads datasets of earlier batches, itself among them where its
/// windows are made of the ones before.
fn read_across(stage: &Stage) -> Vec<usize> {
    match &stage.input {
        StageInput::Window { from, .. } => vec![from.0],
        StageInput::Keyed(keyed) => {
            let across = keyed.reads.iter().filter(|read| read.span != Span::Batch);
            let slides = keyed.reads.iter().any(|read| matches!(read.span, Span::Sliding(_)));
            across.map(|read| read.from.0).chain(slides.then_some(stage.id.0)).collect()
        }
        _ => Vec::new(),
    }
}

fn called_by(stage: &Stage) -> BTreeSet<&str> {
    stage.calls().into_iter().filter_map(plugin_of).collect()
}

fn plugin_of(call: &OperatorCall) -> Option<&str> {
    match call {
        OperatorCall::Guest { plugin, .. } => Some(plugin),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::id::{SourceId, StageId};
    use crate::model::stage::PlannedStep;

    fn stage(id: usize, input: StageInput, plugin: Option<&str>) -> Stage {
        let steps = plugin.map(PlannedStep::sample).into_iter().collect();
        Stage { steps, ..Stage::sample(id, input) }
    }

    /// `a` before a window, `b` after it.
    fn plan() -> JobPlan {
        let length = Duration::from_secs(3);
        let stages = vec![
            stage(0, StageInput::Source(SourceId(0)), Some("a")),
            stage(1, StageInput::Window { from: StageId(0), length }, Some("b")),
        ];
        JobPlan { stages, sinks: Vec::new() }
    }

    #[test]
    fn plugins_go_into_all_that_is_read_of_them() {
        let plan = plan();
        assert_eq!(called(&plan), BTreeSet::from(["a", "b"]));
        let expected = [BTreeSet::from(["a"]), BTreeSet::from(["a", "b"])];
        assert_eq!(made_with(&plan), expected);
    }

    #[test]
    fn past_is_one_where_the_same_code_has_made_it() {
        let plan = plan();
        let of = |other: Option<usize>, dropped: Option<usize>| {
            with_one_past(&plan, |stage| Some(stage) != other, |stage| Some(stage) != dropped)
        };
        assert_eq!(of(None, None), [true, true]);
        assert_eq!(of(Some(0), None), [true, false], "the window reads what `a` has made");
        assert_eq!(of(Some(1), None), [true, true], "nobody reads across batches what `b` makes");
        assert_eq!(of(None, Some(0)), [false, false], "what follows reads what it gives");
    }

    #[test]
    fn windows_keep_what_was_made_before_them() {
        let plan = plan();
        assert_eq!(windows_over(&plan, |plugin| plugin == "a"), ["s0"]);
        assert_eq!(windows_over(&plan, |plugin| plugin == "b"), [""; 0]);
    }
}
