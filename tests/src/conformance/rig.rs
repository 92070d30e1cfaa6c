//! Rig: cases as JSON, through a stream under a clock that is moved by hand.
//!
//! Takes a case and what builds its stream. Gives the datasets that came out, as JSON. Runs each
//! case twice: with the guest `spark_cases` in the sandbox, and with the same functions natively.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use serde_json::Value;
use tidemill::api::dstream::DStream;
use tidemill::api::given::Partitions;
use tidemill::api::native::NativePlugin;
use tidemill::api::plugin::LoadedPlugin;
use tidemill::api::test_context::TestContext;
use tidemill::driver::engine::EngineConfig;
use tidemill::model::column_type::ColumnType;
use tidemill::model::operation::OperatorRef;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::status::BatchOutcome;
use tidemill::sink::json_lines::json_lines;
use tidemill::wasm::compile::Compiler;

use crate::job_rig::{component, scratch};

/// No case needs as many batches; one that does not end fails instead of hanging.
const BATCHES_MAX: usize = 64;

/// The functions of the cases, sandboxed or not.
pub enum Functions {
    Sandboxed(LoadedPlugin),
    Native(NativePlugin),
}

impl Functions {
    /// In the sandbox.
    pub fn sandboxed(test: &TestContext) -> Self {
        let plugin = test.engine.load_plugin(component("spark_cases"));
        Self::Sandboxed(plugin.expect("the guest loads"))
    }

    /// As code of the test's own program.
    pub fn native(_: &TestContext) -> Self {
        Self::Native(NativePlugin::new(spark_cases::operators()).expect("types of streams"))
    }

    /// One of them.
    pub fn get(&self, name: &str) -> OperatorRef {
        match self {
            Self::Sandboxed(plugin) => plugin.operator(name).expect("the guest has it"),
            Self::Native(plugin) => plugin.operator(name).expect("the crate has it").into(),
        }
    }
}

/// One case.
pub struct Case {
    facts: Value,
}

impl Case {
    /// The case of that name.
    pub fn named(id: &str) -> Self {
        let cases = include_str!("../../conformance/cases.jsonl");
        let cases = cases.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let facts = cases.into_iter().find(|facts| facts["id"] == id);
        Self { facts: facts.unwrap_or_else(|| panic!("no case is called {id}")) }
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.facts["batch_ms"].as_u64().unwrap_or(1000))
    }

    /// Some batches of the case, as a case of their own: some mix types, which streams do not.
    pub fn batches(&self, range: std::ops::Range<usize>) -> Self {
        let mut facts = self.facts.clone();
        for key in ["in", "out"] {
            let lists = self.facts[key].as_array().expect("a list of batches");
            facts[key] = Value::Array(lists[range.clone()].to_vec());
        }
        Self { facts }
    }

    /// The batches of each input.
    pub fn inputs(&self) -> Vec<Vec<Value>> {
        let lists = |value: &Value| -> Vec<Value> {
            value.as_array().expect("a list").iter().map(in_full).collect()
        };
        match self.facts["inputs"].as_u64() {
            None => vec![lists(&self.facts["in"])],
            Some(_) => lists(&self.facts["in"]).iter().map(lists).collect(),
        }
    }

    fn partitions(&self) -> usize {
        self.facts["input_partitions"].as_u64().unwrap_or(2) as usize
    }

    /// Runs the stream on the case's inputs and compares what comes out.
    pub fn holds(&self, build: impl Fn(&[DStream], &Functions) -> DStream) {
        self.holds_as(|row| row, build);
    }

    /// As [`Self::holds`]; `shape` makes of a row what the case writes for it.
    pub fn holds_as(
        &self,
        shape: impl Fn(Value) -> Value,
        build: impl Fn(&[DStream], &Functions) -> DStream,
    ) {
        self.compares("out", shape, build);
    }

    /// Compares what comes out with what the case has under that key.
    pub fn compares(
        &self,
        key: &str,
        shape: impl Fn(Value) -> Value,
        build: impl Fn(&[DStream], &Functions) -> DStream,
    ) {
        for functions in [Functions::sandboxed, Functions::native] {
            self.compare(key, &shape, &build, functions);
        }
    }

    fn compare(
        &self,
        key: &str,
        shape: impl Fn(Value) -> Value,
        build: impl Fn(&[DStream], &Functions) -> DStream,
        functions: fn(&TestContext) -> Functions,
    ) {
        // A batch that fails has no dataset.
        let expected = self.facts[key].as_array().expect("lists of rows").iter();
        let expected: Vec<Value> = expected.filter(|batch| *batch != "FAILED").cloned().collect();
        let (context, _) = self.run(expected.len(), build, functions);
        let shaped = |rows: &Vec<Value>| rows.iter().cloned().map(&shape).collect::<Vec<_>>();
        let found: Vec<Vec<Value>> = context.iter().map(shaped).collect();
        let in_order = self.facts["cmp"] == "list";
        for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let expected = expected.as_array().expect("a list of rows").clone();
            assert_eq!(
                comparable(found.clone(), in_order),
                comparable(expected, in_order),
                "dataset {} of {}",
                number + 1,
                self.facts["id"]
            );
        }
        assert_eq!(found.len(), expected.len(), "datasets of {}", self.facts["id"]);
    }

    /// Runs as many batches as the inputs have, and gives the first failure with its batch.
    pub fn failure(
        &self,
        build: impl Fn(&[DStream], &Functions) -> DStream,
    ) -> Option<(usize, String)> {
        self.run(usize::MAX, build, Functions::sandboxed).1
    }

    /// What the case begins with: rows of a text and a number.
    pub fn initial(&self) -> Vec<RecordBatch> {
        let rows = self.facts["initial"].as_array().expect("a list of pairs");
        vec![batch(&schema_of(&[self.facts["initial"].clone()]), rows)]
    }

    /// Batches until so many datasets have come, or as many as the inputs have.
    fn run(
        &self,
        datasets: usize,
        build: impl Fn(&[DStream], &Functions) -> DStream,
        functions: fn(&TestContext) -> Functions,
    ) -> (Vec<Vec<Value>>, Option<(usize, String)>) {
        let mut test = TestContext::new(config(), self.interval()).expect("an engine starts");
        let inputs = self.inputs();
        let streams: Vec<DStream> = inputs
            .iter()
            .map(|batches| {
                let schema = schema_of(batches);
                let partitions = |batch: &Value| {
                    batch.as_array().map(|rows| partitions(&schema, rows, self.partitions()))
                };
                test.input(schema.clone(), batches.iter().map(partitions).collect())
            })
            .collect();
        let functions = functions(&test);
        let collected = test.collect(&build(&streams, &functions));
        let least = inputs.iter().map(Vec::len).max().unwrap_or(0);
        let (mut ran, mut failure) = (0, None);
        while ran < BATCHES_MAX && (ran < least || collected.by_time().len() < datasets) {
            if ran >= least && datasets == usize::MAX {
                break;
            }
            let info = test.run(1).expect("the job runs on").remove(0);
            ran += 1;
            if let BatchOutcome::Failed { message } = info.outcome {
                failure.get_or_insert((ran, message));
            }
        }
        (collected.by_time().values().map(rows_of).collect(), failure)
    }
}

/// A batch as it is, or the numbers of one that is written as `1..100`.
fn in_full(batch: &Value) -> Value {
    let ends = batch.as_str().and_then(|text| text.split_once(".."));
    let ends = ends.map(|(first, last)| (first.parse::<i64>(), last.parse::<i64>()));
    match ends {
        Some((Ok(first), Ok(last))) => (first..=last).map(Value::from).collect(),
        _ => batch.clone(),
    }
}

/// An engine of a test's own, as its clock is.
pub fn config() -> EngineConfig {
    EngineConfig::new(scratch("artefacts"), Compiler::InProcess)
}

/// Rows in an order of their own where theirs does not count.
fn comparable(rows: Vec<Value>, in_order: bool) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    if !in_order {
        rows.sort_unstable();
    }
    rows
}

/// The columns of rows like these: one `value`, or a key `k` with a value `v`.
pub fn schema_of(batches: &[Value]) -> StreamSchema {
    let rows = batches.iter().filter_map(Value::as_array).flatten();
    let of = |name, value: &Value| match value {
        Value::String(_) => Column::new(name, ColumnType::Utf8),
        _ => Column::new(name, ColumnType::Int64),
    };
    match rows.clone().next() {
        Some(Value::Array(pair)) => {
            StreamSchema::new(vec![of("k", &pair[0]), of("v", &pair[1])]).with_keys(1)
        }
        Some(value) => StreamSchema::new(vec![of("value", value)]),
        None => StreamSchema::new(vec![Column::new("value", ColumnType::Int64)]),
    }
}

/// Rows cut into so many runs of like length, as Spark's `parallelize` does.
pub fn partitions(schema: &StreamSchema, rows: &[Value], count: usize) -> Partitions {
    let at = |index: usize| index * rows.len() / count;
    (0..count).map(|index| vec![batch(schema, &rows[at(index)..at(index + 1)])]).collect()
}

fn batch(schema: &StreamSchema, rows: &[Value]) -> RecordBatch {
    let columns = schema.columns.iter().enumerate().map(|(index, column)| {
        let cells = rows.iter().map(|row| row.as_array().map_or(row, |pair| &pair[index]));
        let column: ArrayRef = match column.data_type {
            ColumnType::Utf8 => {
                let texts = cells.map(|cell| cell.as_str().expect("text"));
                Arc::new(StringArray::from_iter_values(texts))
            }
            _ => {
                let numbers = cells.map(|cell| cell.as_i64().expect("a whole number"));
                Arc::new(Int64Array::from_iter_values(numbers))
            }
        };
        column
    });
    RecordBatch::try_new(schema.to_arrow(), columns.collect()).expect("rows of the schema")
}

/// Rows as the cases write them: a value, or a list of the columns.
pub fn rows_of(partitions: &Partitions) -> Vec<Value> {
    let lines: Vec<u8> = partitions.iter().flatten().flat_map(json_lines).collect();
    let lines = String::from_utf8(lines).expect("JSON is text");
    let rows = lines.lines().map(|line| {
        let row: Value = serde_json::from_str(line).expect("a line of JSON");
        let mut cells: Vec<Value> = row.as_object().expect("an object").values().cloned().collect();
        if cells.len() == 1 { cells.remove(0) } else { Value::Array(cells) }
    });
    rows.collect()
}
