//! Jobs over bounded input: the same job file, run to the end of what is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::RecordBatch;
use proptest::prelude::*;
use serde_json::Value;
use tidemill::api::test_context::TestContext;
use tidemill::config::job_file::JobFile;
use tidemill::driver::launch::{JobRequest, launch_at};
use tidemill::driver::pace::{Pace, bounded};
use tidemill::driver::plugins::JobPlugins;
use tidemill::model::operation::BuiltInFold;
use tidemill::model::sink::{BatchFunction, SinkConnector};
use tidemill::model::time::BatchTime;

use crate::conformance::rig::{config, partitions, rows_of, schema_of};
use crate::job_rig::engine;
use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::{Ran, tidemill};

/// An hour between batches: nobody waits for one.
const JOB: &str = r#"
name = "sums"
batch_interval = "1h"
[sources.rows]
type = "files"
path = "in"
format = "json"
schema = { k = "utf8", v = "int64" }
[streams.keyed]
from = "rows"
steps = [{ key_by = ["k"] }]
[streams.sums]
from = "keyed"
steps = [{ reduce_by_key = "sum" }]
[streams.counts]
from = "keyed"
steps = [{ select = ["k"] }, { count_by_value = true }]
[sinks.sums]
type = "print"
from = "sums"
rows = 1000
[sinks.counts]
type = "print"
from = "counts"
rows = 1000
"#;

/// What a stream gave for each key, all batches added up.
type Totals = BTreeMap<String, i64>;

/// The same, batch by batch.
#[derive(Debug, Clone, Default)]
struct Batches(Arc<Mutex<Vec<Totals>>>);

impl Batches {
    fn take(&self) -> Vec<Totals> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

impl BatchFunction for Batches {
    fn call(
        &self,
        _time: BatchTime,
        partitions: &[Vec<RecordBatch>],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut totals = Totals::new();
        rows_of(&partitions.to_vec()).iter().for_each(|row| add(&mut totals, row));
        self.0.lock().expect("no panic").push(totals);
        Ok(())
    }
}

fn add(totals: &mut Totals, row: &Value) {
    let (key, value) = (row[0].as_str().expect("text"), row[1].as_i64().expect("a number"));
    *totals.entry(key.to_owned()).or_default() += value;
}

fn added(batches: Vec<Totals>) -> Totals {
    let mut totals = Totals::new();
    batches.into_iter().flatten().for_each(|(key, n)| *totals.entry(key).or_default() += n);
    totals
}

/// What the sinks `sums` and `counts` of a job over files in the folder were given.
fn run_bounded(job: &str, folder: &Path, budget: usize) -> [Vec<Totals>; 2] {
    let job = JobFile::parse("job.toml", job, folder).expect("it is a job");
    let mut pipeline = bounded(job.pipeline).expect("files have an end");
    pipeline.settings.block_budget_bytes = budget;
    let batches = [Batches::default(), Batches::default()];
    for (sink, batches) in pipeline.sinks.iter_mut().zip(&batches) {
        sink.connector = SinkConnector::ForEachBatch(Arc::new(batches.clone()));
    }
    let pace = Pace::of_bounded(&pipeline);
    let request = JobRequest {
        pipeline,
        plugins: JobPlugins::default(),
        listeners: Vec::new(),
        output: Arc::new(Mutex::new(std::io::sink())),
        log: None,
    };
    let handle = launch_at(&engine(), request, pace).expect("it starts");
    handle.wait().expect("it ends");
    batches.map(|batches| batches.take())
}

/// The same of a stream whose batches have those rows.
fn run_streamed(batches: &[Vec<Value>]) -> (Totals, Totals) {
    let mut test = TestContext::new(config(), Duration::from_secs(1)).expect("an engine starts");
    let schema = schema_of(&[Value::Array(vec![serde_json::json!(["a", 1])])]);
    let datasets = batches.iter().map(|rows| Some(partitions(&schema, rows, 2)));
    let keyed = test.input(schema.clone(), datasets.collect()).key_by(&["k"]);
    let sums = test.collect(&keyed.reduce_by_key(BuiltInFold::Sum));
    let counts = test.collect(&keyed.select(&["k"]).count_by_value());
    test.run(batches.len()).expect("the job runs on");
    let total = |collected: tidemill::api::test_context::Collected| {
        let mut totals = Totals::new();
        let rows = collected.by_time().into_values().flat_map(|dataset| rows_of(&dataset));
        rows.for_each(|row| add(&mut totals, &row));
        totals
    };
    (total(sums), total(counts))
}

/// Rows cut where those numbers say.
fn cut(rows: &[Value], cuts: &[prop::sample::Index]) -> Vec<Vec<Value>> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len() + 1)).collect();
    at.extend([0, rows.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| rows[pair[0]..pair[1]].to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_bounded_run_gives_in_total_what_any_stream_of_the_same_rows_gives(
        rows in prop::collection::vec(("[a-d]", -1_000_i64..1_000), 0..80),
        files in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        batches in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        budget in 1_usize..4_096,
    ) {
        let rows: Vec<Value> =
            rows.into_iter().map(|(key, value)| serde_json::json!([key, value])).collect();
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("in")).expect("it is new");
        for (number, rows) in cut(&rows, &files).iter().enumerate() {
            let line = |row: &Value| format!("{{\"k\":{},\"v\":{}}}\n", row[0], row[1]);
            let text: String = rows.iter().map(line).collect();
            std::fs::write(folder.path().join(format!("in/{number}")), text).expect("room");
        }
        let [sums, counts] = run_bounded(JOB, folder.path(), budget);
        prop_assert_eq!((added(sums), added(counts)), run_streamed(&cut(&rows, &batches)));
    }
}

#[test]
fn input_beyond_the_budget_comes_in_several_batches() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("in")).expect("it is new");
    let text = "{\"k\":\"a\",\"v\":1}\n".repeat(2_000);
    for number in 0..4 {
        std::fs::write(folder.path().join(format!("in/{number}")), &text).expect("room");
    }
    let all = Totals::from([("a".to_owned(), 8_000)]);
    // A file is 32,000 bytes; a batch is given seven eighths of the budget.
    for (budget, batches) in [(1 << 20, 1), (80_000, 2), (64_000, 4)] {
        let [sums, counts] = run_bounded(JOB, folder.path(), budget);
        assert_eq!((sums.len(), counts.len()), (batches, batches), "of {budget} bytes");
        assert_eq!((added(sums), added(counts)), (all.clone(), all.clone()));
    }
}

fn run(job: &JobFolder, input: &str) -> Ran {
    let arguments = [&job.arguments("run")[..], &["--bounded", "--quiet"]].concat();
    tidemill(job.path(), &arguments, input)
}

#[test]
fn the_program_reads_what_is_there_and_ends() {
    let job = JobFolder::new(JOB);
    std::fs::create_dir(job.path().join("in")).expect("it is new");
    job.put("in/rows", b"{\"k\":\"a\",\"v\":1}\n{\"k\":\"b\",\"v\":2}\n{\"k\":\"a\",\"v\":3}\n");
    let ran = run(&job, "");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let mut rows = ran.rows();
    rows.sort_unstable();
    assert_eq!(rows, ["(a,2)", "(a,4)", "(b,1)", "(b,2)"]);
}

#[test]
fn windows_reach_over_the_batches_that_the_budget_makes() {
    let by_window = "{ reduce_by_key_and_window = { with = \"sum\", length = \"2h\" } }";
    let job = JOB.replace("{ reduce_by_key = \"sum\" }", by_window);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("in")).expect("it is new");
    for (name, value) in [("1", 1), ("2", 10), ("3", 100)] {
        let row = format!("{{\"k\":\"a\",\"v\":{value}}}\n");
        std::fs::write(folder.path().join("in").join(name), row).expect("room");
    }
    let sums = |budget| {
        let [sums, _] = run_bounded(&job, folder.path(), budget);
        sums.into_iter().map(|totals| totals["a"]).collect::<Vec<_>>()
    };
    assert_eq!(sums(1 << 20), [111], "all is one batch, and there is no other");
    assert_eq!(sums(1), [1, 11, 110], "a batch at least is a file");
}

#[test]
fn standard_input_and_generated_lines_are_read_to_their_end() {
    let job = JobFolder::new(
        "name = \"lines\"\nbatch_interval = \"20ms\"\n\
         [sources.typed]\ntype = \"stdin\"\n\
         [sources.made]\ntype = \"generate\"\nlines = 100\n\
         [streams.made_count]\nfrom = \"made\"\nsteps = [{ count = true }]\n\
         [sinks.typed]\ntype = \"print\"\nfrom = \"typed\"\n\
         [sinks.made]\ntype = \"print\"\nfrom = \"made_count\"\n",
    );
    let ran = run(&job, "one\ntwo");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let (counts, typed): (Vec<&str>, Vec<&str>) =
        ran.rows().into_iter().partition(|row| row.parse::<i64>().is_ok());
    assert_eq!(typed, ["one", "two"]);
    assert_eq!(counts.iter().filter_map(|count| count.parse::<i64>().ok()).sum::<i64>(), 100);
}

#[test]
fn a_source_without_an_end_is_refused_with_its_place() {
    let job = JobFolder::new(
        "name = \"lines\"\nbatch_interval = \"1s\"\n\
         [sources.peer]\ntype = \"socket\"\naddress = \"127.0.0.1:9\"\n\
         [sources.made]\ntype = \"generate\"\n\
         [streams.both]\nfrom = \"peer\"\nsteps = [{ union = [\"made\"] }]\n\
         [sinks.out]\ntype = \"print\"\nfrom = \"both\"\n",
    );
    let ran = run(&job, "");
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    for words in [
        "a socket is connected to again and again, so a bounded run of it would not end",
        "lines are generated without end, so a bounded run of them would not end",
        "say how many with `lines`",
        // The keys that say so, not the tables in which they stand.
        "job.toml:4:8",
        "job.toml:7:8",
    ] {
        assert!(ran.err.contains(words), "`{words}` is not in:\n{}", ran.err);
    }
}
