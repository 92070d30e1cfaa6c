//! The stages of a plan as execution reads them: projections, attachments, and what holds of
//! every plan.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use tidemill::config::JobFile;
use tidemill::model::column_type::ColumnType;
use tidemill::model::description::{Binding, OperatorDescription, OperatorKind};
use tidemill::model::operation::{NativeOperator, Operation, OperatorRef, StepDeclaration};
use tidemill::model::operator::Operator;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::stage::{
    Attach, Gather, JobPlan, KeyedInput, OperatorCall, Partitioner, PlannedStep, StageInput,
    StageOutput,
};
use tidemill::plan::{PlanDefaults, plan};

use super::catalogue::{catalogue, job, planned};

fn plan_of(schema: &str, steps: &str) -> JobPlan {
    planned(&job(schema, steps)).unwrap_or_else(|errors| panic!("{errors}")).1.plan
}

fn shape(step: &PlannedStep) -> (Vec<usize>, Option<Attach>, bool) {
    (step.project.clone(), step.call.as_ref().map(|(_, attach)| *attach), step.whole_partition)
}

#[test]
fn steps_say_what_is_given_and_how_it_comes_back() {
    let plan = plan_of(
        "{ word = \"utf8\", n = \"int64\", x = \"bool\" }",
        "{ filter = \"words.large\", columns = [\"word\", \"n\"] },
         { map = \"words.length\", columns = [\"word\"], append = true, as = [\"long\"] },
         { select = [\"n\", \"word\"] }, { key_by = [\"word\"] },
         { map_values = \"words.double\" },
         { map_partitions = \"words.sample\", columns = [\"word\"] }",
    );
    let found: Vec<_> = plan.stages[0].steps.iter().map(shape).collect();
    let expected = [
        (vec![0, 1], Some(Attach::Replace), false),
        (vec![0], Some(Attach::Append), false),
        (vec![1, 0], None, false),
        (vec![1, 0], None, false),
        (vec![1], Some(Attach::Keys(1)), false),
        (vec![0], Some(Attach::Replace), true),
    ];
    assert_eq!(found, expected);
    assert_eq!(plan.stages[0].steps[0].output.to_string(), "word: utf8, n: int64, x: bool");
    assert!(plan.stages[0].whole_partitions());
}

#[test]
fn shuffles_say_by_what_and_what_is_combined() {
    let plan = plan_of(
        "{ k = \"utf8\", n = \"int64\" }",
        "{ repartition = 3 }, { key_by = [\"k\"] }, { group_by_key = true, partitions = 7 },
         { count = true }",
    );
    let outputs: Vec<_> = plan.stages.iter().map(|stage| &stage.output).collect();
    let [
        StageOutput::Shuffle { by: Partitioner::RoundRobin, partitions: 3, combine: None },
        StageOutput::Shuffle { by: Partitioner::Hash { keys: 1 }, partitions: 7, combine: None },
        StageOutput::Shuffle {
            by: Partitioner::Hash { keys: 0 },
            partitions: 1,
            combine: Some(count),
        },
        StageOutput::Dataset,
    ] = outputs.as_slice()
    else {
        panic!("{outputs:?}")
    };
    assert!(count.zero_when_empty);
    assert!(matches!(count.call, OperatorCall::CountRows));
    // The rows that are counted have no columns.
    assert_eq!(plan.stages[2].output_schema(), &StreamSchema::default());
    let StageInput::Keyed(KeyedInput { gather: Gather::Group { keys: 1 }, .. }) =
        plan.stages[2].input
    else {
        panic!("{:?}", plan.stages[2].input)
    };
}

#[test]
fn chained_steps_carry_complete_parameters() {
    let plan = plan_of(
        "{ text = \"utf8\", x = \"bool\" }",
        "{ flat_map = \"words.of_text\", params = { mark = \"#\" } }, { filter = \"words.long\" }",
    );
    let [step] = plan.stages[0].steps.as_slice() else { panic!("{:?}", plan.stages[0].steps) };
    assert_eq!(shape(step), (vec![0], Some(Attach::Replace), false));
    let Some((OperatorCall::Guest { plugin, chain }, _)) = &step.call else { panic!("{step:?}") };
    assert_eq!((plugin.as_str(), chain.len()), ("words", 2));
    assert_eq!(chain[0].parameters["mark"], "#");
    assert_eq!(step.label, "flat_map words.of_text -> filter words.long");
}

#[derive(Debug)]
struct Twice;

impl Operator for Twice {
    fn label(&self) -> String {
        "twice".to_owned()
    }
}

#[test]
fn closure_is_checked_as_a_guest_is() {
    let text = job("{ n = \"int64\" }", "");
    let mut pipeline = JobFile::parse("job.toml", &text, Path::new("")).expect("a job").pipeline;
    let columns = |data_type| StreamSchema::new(vec![Column::new("n", data_type)]);
    let native = |data_type: ColumnType| {
        let description = OperatorDescription {
            name: "twice".to_owned(),
            kind: OperatorKind::Map,
            doc: String::new(),
            binding: Binding::Position,
            input: columns(data_type.clone()),
            output: columns(data_type),
            parameters: Vec::new(),
            keys: StreamSchema::default(),
            state: None,
            broadcasts: Vec::new(),
        };
        OperatorRef::Native(NativeOperator { description, operator: Arc::new(Twice) })
    };
    let mut planned = |data_type| {
        let operation = Operation::Apply(OperatorKind::Map, native(data_type));
        pipeline.streams[0].steps = vec![StepDeclaration::new(operation)];
        plan(&pipeline, &HashMap::new(), PlanDefaults { partitions: 1 })
    };
    let good = planned(ColumnType::Int64).expect("it fits");
    let call = good.plan.stages[0].steps[0].call.as_ref().expect("a call");
    assert!(matches!(&call.0, OperatorCall::Native(_)));
    let bad = planned(ColumnType::Utf8).expect_err("a mismatch").to_string();
    assert_eq!(
        bad,
        "stream `out`, step 1: operator `twice`: column `n` is int64, expected utf8 (its `n`)"
    );
}

#[test]
fn unions_of_unions_are_bounded() {
    let mut text = job("{ n = \"int64\" }", "{ union = [\"d9\"] }");
    for depth in 0..10 {
        let from = if depth == 0 { "rows".to_owned() } else { format!("d{}", depth - 1) };
        text += &format!(
            "[streams.d{depth}]\nfrom = \"{from}\"\nsteps = [{{ union = [\"{from}\"] }}]\n"
        );
    }
    let errors = planned(&text).expect_err("1025 times the source").to_string();
    assert_eq!(
        errors,
        "job.toml:11:11: unions bring 1025 sets of partitions together, allowed are 1024"
    );
}

#[test]
fn stream_with_a_mismatch_hides_those_that_read_it() {
    let text = job("{ n = \"int64\" }", "{ map = \"words.pair\" }")
        + "[streams.reader]\nfrom = \"out\"\nsteps = [{ map = \"words.nothing\" }]\n\
           [streams.joined]\nfrom = \"rows\"\nsteps = [{ union = [\"out\"] }]\n\
           [streams.other]\nfrom = \"rows\"\nsteps = [{ select = [\"m\"] }]\n\
           [sinks.a]\ntype = \"print\"\nfrom = \"reader\"\n\
           [sinks.b]\ntype = \"print\"\nfrom = \"joined\"\n\
           [sinks.c]\ntype = \"print\"\nfrom = \"other\"\n";
    let errors = planned(&text).expect_err("two mismatches").to_string();
    let lines: Vec<&str> =
        errors.lines().map(|line| line.split(": ").next().expect("a place")).collect();
    assert_eq!(lines, ["job.toml:11:9", "job.toml:24:21"]);
}

/// What holds of every plan: parents come first, what a stage reads is there in the form it is
/// read, each shuffle has one reader, and steps follow from each other.
fn check_plan(plan: &JobPlan) {
    let mut readers = vec![0; plan.stages.len()];
    for (index, stage) in plan.stages.iter().enumerate() {
        assert_eq!(stage.id.0, index);
        match &stage.input {
            StageInput::Source(_) => {}
            StageInput::Keyed(keyed) => {
                for read in &keyed.reads {
                    assert!(read.from.0 < index);
                    let parent = &plan.stages[read.from.0];
                    let written = match (&parent.output, &parent.input) {
                        (StageOutput::Shuffle { partitions, .. }, _) => {
                            readers[read.from.0] += 1;
                            partitions
                        }
                        (StageOutput::Dataset, StageInput::Keyed(parent)) => &parent.partitions,
                        _ => panic!("stage {index} reads by key what is not kept by key"),
                    };
                    assert_eq!(keyed.partitions, *written);
                    assert!(parent.slide <= stage.slide, "windows are made of batches");
                }
            }
            StageInput::Window { from, length } => {
                let parent = &plan.stages[from.0];
                assert!(from.0 < index && parent.remember >= *length);
                assert!(matches!(parent.output, StageOutput::Dataset));
                assert_eq!(parent.output_schema(), &stage.input_schema);
            }
            StageInput::Snapshots(from) => {
                let StageInput::Keyed(parent) = &plan.stages[from.0].input else {
                    panic!("stage {index} shows a state that is not kept by key")
                };
                assert!(from.0 < index && matches!(parent.gather, Gather::State(_)));
            }
            StageInput::Transform(_) => panic!("a job file has no function of a program"),
            StageInput::Datasets(parents) => {
                assert!(!parents.is_empty());
                for parent in parents {
                    assert!(parent.0 < index);
                    let parent = &plan.stages[parent.0];
                    assert!(matches!(parent.output, StageOutput::Dataset));
                    assert_eq!(parent.output_schema(), &stage.input_schema);
                }
            }
        }
        let mut input = &stage.input_schema;
        for step in &stage.steps {
            assert!(step.project.iter().all(|column| *column < input.columns.len()));
            assert!(step.output.keys <= step.output.columns.len());
            input = &step.output;
        }
    }
    for (stage, readers) in plan.stages.iter().zip(readers) {
        if matches!(stage.output, StageOutput::Shuffle { .. }) {
            assert_eq!(readers, 1, "the shuffle of {:?}", stage.id);
        }
    }
    for (_, stage) in &plan.sinks {
        assert!(matches!(plan.stages[stage.0].output, StageOutput::Dataset));
    }
}

const STEPS: [&str; 23] = [
    "{ filter = \"words.long\" }",
    "{ map = \"words.pair\" }",
    "{ map = \"words.length\", append = true }",
    "{ flat_map = \"words.split\" }",
    "{ map_partitions = \"words.sample\" }",
    "{ map_values = \"words.double\" }",
    "{ key_by = [\"value\"] }",
    "{ select = [\"value\"] }",
    "{ reduce_by_key = \"sum\" }",
    "{ group_by_key = true }",
    "{ count = true, as = [\"value\"] }",
    "{ count_by_value = true }",
    "{ repartition = 2 }",
    "{ reduce = \"max\" }",
    "{ distinct = true }",
    "{ sort_by = [\"-value\"] }",
    "{ top = { n = 3, by = \"value\" } }",
    "{ glom = true }",
    "{ partition_by = 2 }",
    "{ rename = { value = \"word\" } }",
    "{ where = { column = \"value\", is = \"is_not_null\" } }",
    "{ aggregate = { value = \"max\", n = \"count\" } }",
    "{ aggregate_by_key_and_window = { aggregate = { value = \"count\" }, length = \"2s\" } }",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Streams of any steps, reading any streams before them, plan or are refused.
    #[test]
    fn every_plan_is_in_order(
        streams in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::collection::vec(0..STEPS.len() + 4, 0..5)),
            1..6,
        ),
        sinks in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let mut text = "name = \"j\"\nbatch_interval = \"1s\"\nplugins.words.component = \"w\"\n\
                        [sources.s0]\ntype = \"stdin\"\nformat = \"json\"\n\
                        schema = { value = \"utf8\" }\n"
            .to_owned();
        let named = |number: usize| format!("s{number}");
        for (at, (from, steps)) in streams.iter().enumerate() {
            let from = named(from.index(at + 1));
            let steps = steps.iter().map(|step| match STEPS.get(*step) {
                Some(step) => (*step).to_owned(),
                None => format!("{{ union = [\"{}\", \"{from}\"] }}", named(step % (at + 1))),
            });
            let steps = steps.collect::<Vec<_>>().join(", ");
            text += &format!("[streams.s{}]\nfrom = \"{from}\"\nsteps = [{steps}]\n", at + 1);
        }
        for (at, from) in sinks.iter().enumerate() {
            let from = named(from.index(streams.len() + 1));
            text += &format!("[sinks.k{at}]\ntype = \"print\"\nfrom = \"{from}\"\n");
        }
        let file = JobFile::parse("job.toml", &text, Path::new("")).expect("a job");
        match plan(&file.pipeline, &catalogue(), PlanDefaults { partitions: 2 }) {
            Ok(planned) => check_plan(&planned.plan),
            Err(errors) => {
                let located = file.locate(errors.0.iter().map(|error| error.finding()));
                prop_assert!(located.errors.iter().all(|error| error.line > 7));
            }
        }
    }
}
