//! Driver: where in a job's stages rows are that somebody wants to see.
//!
//! Takes a name as a person writes it, and the plan. Gives a stage and a place in it, or what else
//! there is. Never changes how a job is cut into stages so that somebody can look: what runs in one
//! call stays in one.

use std::collections::BTreeMap;

use super::look_error::LookError;
use super::plan_record::operators_of_call;
use crate::exec::tap::TapPlace;
use crate::model::finding::list_words;
use crate::model::id::{SourceId, StageId};
use crate::model::pipeline::Pipeline;
use crate::model::stage::{Gather, JobPlan, PlannedStep, Stage, StageInput};
use crate::version::fit::state_of;

/// What stands between the steps of one call in its label, and behind a step's own name.
const THEN: &str = " -> ";
const NAMED: &str = ": ";
/// How the label of a step begins that planning has put in, which nobody has written.
const COLUMNS: &str = "columns ";

/// Places by the names that people have for them. The first that is put there stays: streams go
/// before steps.
#[derive(Default)]
struct Places {
    by_name: BTreeMap<String, (StageId, TapPlace)>,
    /// Operators and steps that no row can be seen behind, with the one behind which it can.
    within: BTreeMap<String, String>,
}

/// The stage and place of that name.
///
/// # Errors
/// When rows cannot be seen there, with what is near.
pub(super) fn find(
    name: &str,
    pipeline: &Pipeline,
    plan: &JobPlan,
    datasets: &BTreeMap<String, StageId>,
) -> Result<(StageId, TapPlace), LookError> {
    let places = Places::of(pipeline, plan, datasets);
    if let Some(place) = places.by_name.get(name) {
        return Ok(*place);
    }
    let known: Vec<&str> = places.by_name.keys().map(String::as_str).collect();
    let message = match places.within.get(name) {
        Some(last) => format!("`{name}` runs in one call with what follows it, up to `{last}`"),
        None if is_stream(name, pipeline) => format!(
            "the rows of stream `{name}` are never together: its steps run on in the stages of \
             its readers, or nobody reads it; there is {}",
            list_words(known)
        ),
        None => {
            let words = format!("the job has no stream, step or operator `{name}`");
            return Err(LookError::unknown(words, name, &known));
        }
    };
    Err(LookError::Unknown { message })
}

/// The names of all places.
pub(super) fn names(
    pipeline: &Pipeline,
    plan: &JobPlan,
    datasets: &BTreeMap<String, StageId>,
) -> Vec<String> {
    Places::of(pipeline, plan, datasets).by_name.into_keys().collect()
}

fn is_stream(name: &str, pipeline: &Pipeline) -> bool {
    let snapshots = pipeline.snapshots().map(|(_, snapshots)| snapshots);
    let mut all = pipeline.streams.iter().map(|stream| &stream.name).chain(snapshots);
    all.any(|stream| stream == name)
}

impl Places {
    fn of(pipeline: &Pipeline, plan: &JobPlan, datasets: &BTreeMap<String, StageId>) -> Self {
        let mut places = Self::default();
        for (name, stage) in datasets {
            if let Some(stage) = plan.stages.get(stage.0) {
                places.put(name, stage.id, end_of(stage));
            }
        }
        // The last stage of a stream has its rows.
        for stage in plan.stages.iter().rev() {
            places.put(&stage.stream, stage.id, end_of(stage));
        }
        for stage in &plan.stages {
            places.stage(pipeline, plan, stage);
        }
        places
    }

    fn put(&mut self, name: &str, stage: StageId, place: TapPlace) {
        self.by_name.entry(name.to_owned()).or_insert((stage, place));
    }

    fn stage(&mut self, pipeline: &Pipeline, plan: &JobPlan, stage: &Stage) {
        if let StageInput::Source(SourceId(source)) = stage.input
            && let Some(source) = pipeline.sources.get(source as usize)
        {
            self.put(&source.name, stage.id, TapPlace::Gathered);
        }
        if let StageInput::Snapshots(StageId(from)) = stage.input
            && let Some(state) = plan.stages.get(from).and_then(state_of)
            && let Some(name) = snapshots_of(pipeline, &state.name)
        {
            // Whoever reads it runs on in the same stage.
            self.put(name, stage.id, TapPlace::Gathered);
        }
        if let Some(state) = state_of(stage) {
            self.put(&state.name, stage.id, TapPlace::Gathered);
        }
        if let StageInput::Keyed(keyed) = &stage.input {
            let call = match &keyed.gather {
                Gather::Fold(fold) => Some(&fold.call),
                Gather::Slide(slide) => Some(&slide.fold.call),
                Gather::State(state) => Some(&state.call),
                Gather::Append | Gather::Group { .. } | Gather::Join(_) => None,
            };
            for name in call.map(operators_of_call).unwrap_or_default() {
                self.put(&name, stage.id, TapPlace::Gathered);
            }
        }
        for (number, step) in stage.steps.iter().enumerate() {
            self.step(stage.id, number, step);
        }
    }

    /// A step is known by its operator and by its own name; one that has neither is known as
    /// `explain` calls it.
    fn step(&mut self, stage: StageId, number: usize, step: &PlannedStep) {
        let operators =
            step.call.as_ref().map(|(call, _)| operators_of_call(call)).unwrap_or_default();
        let labels = step.label.split(THEN);
        let own = labels.map(|label| label.split_once(NAMED).map(|(name, _)| name.to_owned()));
        let own: Vec<Option<String>> = own.collect();
        let is_written = !step.label.starts_with(COLUMNS);
        if is_written && operators.is_empty() && own.iter().all(Option::is_none) {
            self.put(&step.label, stage, TapPlace::After(number));
        }
        let last = operators.last().cloned().or_else(|| own.last().cloned().flatten());
        for (names, count) in [
            (operators.iter().cloned().map(Some).collect::<Vec<_>>(), operators.len()),
            (own.clone(), own.len()),
        ] {
            for (index, name) in names.into_iter().enumerate() {
                let Some(name) = name else { continue };
                if index + 1 == count {
                    self.put(&name, stage, TapPlace::After(number));
                } else if let Some(last) = &last {
                    self.within.entry(name).or_insert_with(|| last.clone());
                }
            }
        }
    }
}

/// The stream of what the step of that name keeps.
fn snapshots_of<'p>(pipeline: &'p Pipeline, step: &str) -> Option<&'p str> {
    let mut snapshots = pipeline.snapshots();
    let of = snapshots.find(|(declared, _)| declared.name.as_deref() == Some(step));
    of.map(|(_, name)| name.as_str())
}

/// Behind all steps of a stage.
fn end_of(stage: &Stage) -> TapPlace {
    stage.steps.len().checked_sub(1).map_or(TapPlace::Gathered, TapPlace::After)
}
