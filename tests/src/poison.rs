//! Tests: rows with which a call fails as a whole are left out, written down, and cost nobody else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use serde_json::{Value, json};
use tidemill::api::dstream::DStream;
use tidemill::api::plugin::LoadedPlugin;
use tidemill::api::test_context::{Collected, TestContext};
use tidemill::driver::engine::EngineConfig;
use tidemill::model::column_type::ColumnType;
use tidemill::model::policy::OnBadRow;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::status::{BatchInfo, BatchOutcome};
use tidemill::wasm::compile::Compiler;

use crate::job_rig::{component, scratch};

/// A job that leaves out four rows a batch at most, over the careless guest.
struct Job {
    test: TestContext,
    plugin: LoadedPlugin,
    letters: PathBuf,
    lines: DStream,
}

impl Job {
    fn over(name: &str, batches: &[&[&str]]) -> Self {
        let config = EngineConfig::new(scratch("artefacts"), Compiler::InProcess);
        let mut test = TestContext::new(config, Duration::from_secs(1)).expect("a context");
        let letters = scratch(name).join("letters.jsonl");
        // Left by an earlier run of this test, if by anything.
        let _removed = std::fs::remove_file(&letters);
        test.context.settings().on_rejected = OnBadRow::DeadLetter(letters.clone());
        test.context.settings().poison_rows_max = 4;
        let plugin = test.engine.load_plugin(component("careless")).expect("the plugin loads");
        let schema = StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)]);
        let dataset = |lines: &&[&str]| {
            let column: ArrayRef = Arc::new(StringArray::from(lines.to_vec()));
            let rows = RecordBatch::try_new(schema.to_arrow(), vec![column]).expect("one column");
            Some(vec![vec![rows]])
        };
        let lines = test.input(schema.clone(), batches.iter().map(dataset).collect());
        Self { test, plugin, letters, lines }
    }

    fn operator(&self, name: &str) -> tidemill::model::operation::OperatorRef {
        self.plugin.operator(name).expect("the guest has it")
    }

    fn batches(&mut self, count: usize) -> Vec<BatchInfo> {
        self.test.run(count).expect("the job runs")
    }

    fn letters(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.letters).expect("the letters are written");
        text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
    }
}

fn lines_of(collected: &Collected) -> Vec<String> {
    let datasets = collected.by_time();
    let slices = datasets.values().flatten().flatten();
    let lines = slices.flat_map(|slice| slice.column(0).as_string::<i32>().iter().flatten());
    lines.map(str::to_owned).collect()
}

/// The last number of each key.
fn pairs_of(collected: &Collected) -> BTreeMap<String, i64> {
    let slices = collected.by_time().into_values().flatten().flatten();
    let pairs = slices.flat_map(|slice| {
        let counts = slice.column(1).as_primitive::<Int64Type>().values().to_vec();
        let keys = slice.column(0).as_string::<i32>();
        keys.iter().flatten().map(str::to_owned).zip(counts).collect::<Vec<_>>()
    });
    pairs.collect()
}

/// Before there was anything but stop and skip, one line that broke a plugin cost its whole batch,
/// and every batch in which it was sent again.
#[test]
fn a_row_that_traps_is_left_out_and_written_down() {
    let mut lines: Vec<String> = (0..1000).map(|number| format!("line {number}")).collect();
    lines[618] = "dive".to_owned();
    let given: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut job = Job::over("poison-trap", &[&given]);
    let collected = job.test.collect(&job.lines.filter(job.operator("dive")));
    let batches = job.batches(1);
    assert_eq!((&batches[0].outcome, batches[0].rejected.rows()), (&BatchOutcome::Completed, 1));
    let mut expected = lines.clone();
    expected.remove(618);
    assert_eq!(lines_of(&collected), expected);
    let letters = job.letters();
    let [letter] = letters.as_slice() else { panic!("one letter: {letters:?}") };
    assert_eq!(letter["row"], json!({ "line": "dive" }));
    assert_eq!((&letter["code"], &letter["row_of_slice"]), (&json!("trap"), &json!(618)));
    assert_eq!((&letter["partition"], &letter["operator"]), (&json!(0), &json!("careless.dive")));
    assert_eq!(letter["plugin_digest"].as_str().map(str::len), Some(64));
    assert_eq!(letter["batch_time"], json!(batches[0].time.0));
    assert!(letter["reason"].as_str().is_some_and(|reason| reason.contains("stack")), "{letter}");
}

#[test]
fn rows_that_panic_loop_or_hoard_are_left_out() {
    for (operator, bad, code) in [
        ("panic_at_boom", "boom", "panic"),
        ("spin", "spin", "cpu-time"),
        ("hoard", "hoard", "memory"),
    ] {
        let name = format!("poison-{code}");
        let mut job = Job::over(&name, &[&["a", bad, "b", "c"]]);
        let kept = job.lines.map(job.operator(operator)).count();
        let collected = job.test.collect(&kept);
        let batches = job.batches(1);
        assert_eq!(batches[0].outcome, BatchOutcome::Completed, "{operator}");
        let counts = collected.by_time().into_values().flatten().flatten();
        let counted: i64 =
            counts.map(|slice| slice.column(0).as_primitive::<Int64Type>().value(0)).sum();
        assert_eq!(counted, 3, "{operator}");
        assert_eq!(job.letters()[0]["code"], code);
    }
}

#[test]
fn more_such_rows_than_are_allowed_fail_the_batch_and_no_other() {
    let mut job = Job::over("poison-many", &[&["dive"; 5], &["a", "dive"]]);
    let collected = job.test.collect(&job.lines.filter(job.operator("dive")));
    let batches = job.batches(2);
    let BatchOutcome::Failed { message } = &batches[0].outcome else { panic!("{batches:?}") };
    let limit = "at most 4 may be left out of a batch, which `poison_rows_max` sets: operator \
                 `careless.dive` failed";
    assert!(message.contains(limit), "{message}");
    assert_eq!(batches[1].outcome, BatchOutcome::Completed);
    assert_eq!(lines_of(&collected), ["a"]);
}

/// The bound is one of the batch: each task stays below it, all together do not.
#[test]
fn the_allowance_is_the_batchs_and_not_each_tasks() {
    let mut job = Job::over("poison-tasks", &[&["dive", "dive", "dive"]]);
    let twice = job.lines.union(&job.lines);
    let collected = job.test.collect(&twice.filter(job.operator("dive")));
    let batches = job.batches(1);
    let BatchOutcome::Failed { message } = &batches[0].outcome else { panic!("{batches:?}") };
    assert!(message.contains("calls failed with 6 rows, at most 4 may be left out"), "{message}");
    assert_eq!(lines_of(&collected), Vec::<String>::new());
}

#[test]
fn a_value_that_breaks_a_fold_is_left_out_before_the_shuffle() {
    let mut job = Job::over("poison-fold", &[&["a", "a", "of 13 letters", "b"]]);
    let pairs = job.lines.map(job.operator("with_length"));
    let collected = job.test.collect(&pairs.combine_by_key(job.operator("sum_but_13")));
    let batches = job.batches(1);
    assert_eq!(batches[0].outcome, BatchOutcome::Completed);
    let mut left = lines_of(&collected);
    left.sort();
    assert_eq!(left, ["a", "b"]);
    assert_eq!(job.letters()[0]["row"]["_1"], json!("of 13 letters"));
}

/// The story: a value alone is folded with nothing, so in a `#[reduce]` no row ever failed by
/// itself, and one that looped, trapped or hoarded memory there cost its whole batch.
#[test]
fn values_that_break_a_reduce_are_left_out_before_the_shuffle() {
    for (operator, code) in [
        ("add_but_13", "trap"),
        ("add_or_spin_at_13", "cpu-time"),
        ("add_or_hoard_at_13", "memory"),
    ] {
        // The first of its group, or the last.
        for (lines, at) in
            [(["a of 13 chars", "a", "ab", "b"], 0), (["a", "b", "ab", "a of 13 chars"], 3)]
        {
            let mut job = Job::over(&format!("poison-reduce-{code}"), &[&lines]);
            let pairs = job.lines.map(job.operator("by_initial"));
            let collected = job.test.collect(&pairs.reduce_by_key(job.operator(operator)));
            let batches = job.batches(1);
            assert_eq!(batches[0].outcome, BatchOutcome::Completed, "{operator}");
            assert_eq!(pairs_of(&collected), [("a".to_owned(), 3), ("b".to_owned(), 1)].into());
            let letters = job.letters();
            let [letter] = letters.as_slice() else { panic!("one letter: {letters:?}") };
            assert_eq!((&letter["code"], &letter["row_of_slice"]), (&json!(code), &json!(at)));
            assert_eq!(letter["row"], json!({ "_1": "a", "_2": 13 }));
        }
    }
}

/// Each of the two values is folded without harm with all others: neither is to blame.
#[test]
fn values_that_break_a_fold_only_together_fail_the_batch() {
    let mut job = Job::over("poison-pair", &[&["a seven", "a of 13 chars", "b"]]);
    let pairs = job.lines.map(job.operator("by_initial"));
    let collected = job.test.collect(&pairs.reduce_by_key(job.operator("add_but_to_20")));
    let batches = job.batches(1);
    let BatchOutcome::Failed { message } = &batches[0].outcome else { panic!("{batches:?}") };
    assert!(message.contains("careless.add_but_to_20"), "{message}");
    assert_eq!(lines_of(&collected), Vec::<String>::new());
}

#[test]
fn a_row_that_breaks_a_stateful_step_leaves_all_other_states_right() {
    let mut job = Job::over("poison-state", &[&["a", "dive", "b"], &["b", "a", "a"]]);
    let pairs = job.lines.map(job.operator("with_length"));
    let times = pairs.map_with_state("times", job.operator("times"));
    let collected = job.test.collect(&times);
    let batches = job.batches(2);
    assert!(batches.iter().all(|batch| batch.outcome == BatchOutcome::Completed), "{batches:?}");
    assert_eq!(pairs_of(&collected), [("a".to_owned(), 3), ("b".to_owned(), 2)].into());
}
