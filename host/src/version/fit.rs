//! Version: whether new versions fit a running job without its becoming another one.
//!
//! Takes the plan that runs, and the one that was made of the same job with new versions. Gives the
//! first difference that rows or states would meet. Steps within a stage may change as they like.

use std::fmt;
use std::mem::discriminant;

use crate::model::schema::StreamSchema;
use crate::model::stage::{
    Gather, JobPlan, Partitioner, Stage, StageInput, StageOutput, StatePlan,
};
use crate::model::text::number_of;

/// A stage that would become another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "stream `{stream}`: the new version makes {what} `{found}`, expected `{expected}`, which is \
     what sinks, shuffles and later steps of the running job were made for"
)]
pub struct ShapeFault {
    /// The stream.
    pub stream: String,
    /// What differs.
    pub what: &'static str,
    /// How it would be.
    pub found: String,
    /// How it is.
    pub expected: String,
}

/// A step whose new version does not read what the old one kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedState {
    /// The step.
    pub step: String,
    /// The version of its state, now and then.
    pub versions: (u32, u32),
    /// What is kept, now and then.
    pub kept: (StreamSchema, StreamSchema),
    /// Keys that it has.
    pub keys: usize,
}

impl fmt::Display for DroppedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (step, keys, (now, then)) = (&self.step, self.keys, self.versions);
        let of = if keys == 1 { "key" } else { "keys" };
        if now == then {
            let (now, then) = &self.kept;
            return write!(f, "step `{step}` keeps `{now}` for {keys} {of}, found `{then}`");
        }
        write!(f, "step `{step}` keeps state version {now} for {keys} {of}, found {then}")
    }
}

/// Whether the plans differ in nothing but what happens within their stages.
///
/// # Errors
/// Names the first difference.
pub fn same_shape(running: &JobPlan, new: &JobPlan) -> Result<(), ShapeFault> {
    if running.stages.len() != new.stages.len() || running.sinks != new.sinks {
        let stages = |plan: &JobPlan| number_of(plan.stages.len(), "stage", "stages");
        return Err(ShapeFault {
            stream: running.stages.first().map(|stage| stage.stream.clone()).unwrap_or_default(),
            what: "a plan of",
            found: stages(new),
            expected: stages(running),
        });
    }
    running.stages.iter().zip(&new.stages).try_for_each(|(now, then)| same_stage(now, then))
}

fn same_stage(now: &Stage, then: &Stage) -> Result<(), ShapeFault> {
    let fault = |what, expected: String, found: String| {
        let stream = now.stream.clone();
        Err(ShapeFault { stream, what, found, expected })
    };
    for (before, after) in
        [(&now.input_schema, &then.input_schema), (now.output_schema(), then.output_schema())]
    {
        if before != after {
            return fault("rows of the columns", before.to_string(), after.to_string());
        }
    }
    let (before, after) = (shuffled(&now.output), shuffled(&then.output));
    if before != after {
        return fault("a shuffle of", before, after);
    }
    let same_input = discriminant(&now.input) == discriminant(&then.input)
        && now.input.parents() == then.input.parents()
        && gathered(&now.input) == gathered(&then.input);
    if !same_input || (now.slide, now.remember) != (then.slide, then.remember) {
        return fault("a stage whose input is", input_words(now), input_words(then));
    }
    Ok(())
}

/// A stage's input in words, for a difference that no job file makes by itself.
fn input_words(stage: &Stage) -> String {
    let parents: Vec<_> = stage.input.parents().iter().map(|parent| parent.0).collect();
    let (slide, remember) = (stage.slide, stage.remember);
    format!("stages {parents:?}, every {slide:?}, kept for {remember:?}")
}

fn gathered(input: &StageInput) -> Option<(usize, std::mem::Discriminant<Gather>, StreamSchema)> {
    let StageInput::Keyed(keyed) = input else { return None };
    let made = match &keyed.gather {
        Gather::Fold(fold) => fold.output.clone(),
        Gather::Slide(slide) => slide.output.clone(),
        Gather::Join(join) => join.output.clone(),
        // States are looked at by themselves.
        Gather::Append | Gather::Group { .. } | Gather::State(_) => StreamSchema::default(),
    };
    Some((keyed.partitions, discriminant(&keyed.gather), made))
}

fn shuffled(output: &StageOutput) -> String {
    let StageOutput::Shuffle { by, partitions, combine } = output else {
        return "nothing".to_owned();
    };
    let by = match by {
        Partitioner::Hash { keys } => number_of(*keys, "key column", "key columns"),
        Partitioner::RoundRobin => "any rows".to_owned(),
    };
    let rows = combine.as_ref().map(|fold| format!(", folded to {}", fold.output));
    let partitions = number_of(*partitions, "partition", "partitions");
    format!("{by} to {partitions}{}", rows.unwrap_or_default())
}

/// The steps whose state the new plan declares otherwise; `keys_of` tells how many keys one has.
pub fn dropped_states(
    running: &JobPlan,
    new: &JobPlan,
    keys_of: impl Fn(&str) -> usize,
) -> Vec<DroppedState> {
    let pairs = running.stages.iter().zip(&new.stages);
    let states = pairs.filter_map(|(now, then)| Some((state_of(now)?, state_of(then)?)));
    let other =
        states.filter(|(now, then)| now.version != then.version || now.output != then.output);
    let dropped = |(now, then): (&StatePlan, &StatePlan)| DroppedState {
        step: now.name.clone(),
        versions: (now.version, then.version),
        kept: (now.output.clone(), then.output.clone()),
        keys: keys_of(&now.name),
    };
    other.map(dropped).collect()
}

/// What a stage keeps, if it keeps anything.
pub fn state_of(stage: &Stage) -> Option<&StatePlan> {
    match &stage.input {
        StageInput::Keyed(keyed) => match &keyed.gather {
            Gather::State(state) => Some(state),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::column_type::ColumnType;
    use crate::model::id::{SourceId, StageId};
    use crate::model::operation::InitialState;
    use crate::model::schema::Column;
    use crate::model::stage::{KeyedInput, OperatorCall, PlannedStep, StateMode};

    fn schema(column: ColumnType) -> StreamSchema {
        let columns = vec![Column::new("k", ColumnType::Int64), Column::new("v", column)];
        StreamSchema::new(columns).with_keys(1)
    }

    fn step(output: StreamSchema) -> PlannedStep {
        let (label, project) = (String::new(), Vec::new());
        PlannedStep { label, project, call: None, whole_partition: false, output }
    }

    fn state(version: u32) -> StageInput {
        let plan = StatePlan {
            name: "totals".to_owned(),
            call: OperatorCall::CountRows,
            running_fold: false,
            mode: StateMode::Map { timeout: None },
            shown: Vec::new(),
            values: Vec::new(),
            output: schema(ColumnType::Int64),
            shows: schema(ColumnType::Int64),
            version,
            averages: Vec::new(),
            initial: InitialState::Empty,
        };
        let gather = Gather::State(plan);
        StageInput::Keyed(KeyedInput { reads: Vec::new(), partitions: 1, gather })
    }

    fn plan(input: StageInput, steps: Vec<PlannedStep>) -> JobPlan {
        let input_schema = schema(ColumnType::Int64);
        let stage = Stage { steps, input_schema, ..Stage::sample(0, input) };
        JobPlan { stages: vec![stage], sinks: Vec::new() }
    }

    fn source() -> StageInput {
        StageInput::Source(SourceId(0))
    }

    #[test]
    fn steps_may_change_within_a_stage_but_not_its_rows() {
        let running = plan(source(), vec![step(schema(ColumnType::Int64))]);
        let steps = [ColumnType::Bool, ColumnType::Int64].map(|column| step(schema(column)));
        assert_eq!(same_shape(&running, &plan(source(), steps.to_vec())), Ok(()));
        let other = plan(source(), vec![step(schema(ColumnType::Utf8))]);
        let fault = same_shape(&running, &other).expect_err("its rows differ").to_string();
        assert!(fault.contains("stream `s0`"), "{fault}");
        assert!(fault.contains("`k: int64 | v: utf8`, expected `k: int64 | v: int64`"), "{fault}");
    }

    #[test]
    fn stages_may_not_be_more_or_read_others() {
        let running = plan(source(), Vec::new());
        let none = JobPlan { stages: Vec::new(), sinks: Vec::new() };
        assert!(same_shape(&running, &none).is_err());
        let window = StageInput::Window { from: StageId(0), length: Duration::from_secs(1) };
        let fault = same_shape(&running, &plan(window, Vec::new())).expect_err("it reads another");
        assert!(fault.to_string().contains("a stage whose input is"), "{fault}");
    }

    #[test]
    fn states_of_another_version_are_told_with_their_keys() {
        let running = plan(state(1), Vec::new());
        assert_eq!(dropped_states(&running, &running, |_| 7), []);
        let dropped = dropped_states(&running, &plan(state(2), Vec::new()), |_| 7);
        let words: Vec<String> = dropped.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["step `totals` keeps state version 1 for 7 keys, found 2"]);
    }
}
