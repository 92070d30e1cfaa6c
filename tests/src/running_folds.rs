//! Folds that go on from batch to batch: one for each key, or an aggregate of several.
//!
//! Takes rows with nulls, sums that overflow and batches that fail. Gives what is kept for each
//! key. Never opens a source: cases give the rows, as `tidemill test` runs them.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidemill::api::dstream::DStream;
use tidemill::api::stateful::RunningSpec;
use tidemill::api::test_context::TestContext;
use tidemill::model::operation::BuiltInFold;
use tidemill::model::operation::aggregate::{AggregateFold, Aggregated};
use tidemill::model::status::BatchOutcome;

use crate::conformance::rig::{config, partitions, rows_of, schema_of};
use crate::set_up::job_folder::JobFolder;

/// Runs cases of a job that keys rows by `k` and does these steps.
#[track_caller]
fn holds(steps: &str, cases: &[Value]) {
    let job = JobFolder::new(&format!(
        "name = \"folds\"\nbatch_interval = \"1s\"\npartitions = 2\n\
         [sources.rows]\ntype = \"stdin\"\nformat = \"json\"\n\
         schema = {{ k = \"utf8?\", n = \"int64?\", t = \"utf8?\" }}\n\
         [streams.kept]\nfrom = \"rows\"\nsteps = [{{ key_by = [\"k\"] }}, {steps}]\n\
         [streams.summed]\nfrom = \"rows\"\n\
         steps = [{{ select = [\"n\"] }}, {{ reduce = \"sum\" }}]\n\
         [sinks.kept]\ntype = \"print\"\nfrom = \"kept\"\n\
         [sinks.summed]\ntype = \"print\"\nfrom = \"summed\"\n",
    ));
    let cases: Vec<String> = cases.iter().map(Value::to_string).collect();
    job.put("cases.jsonl", cases.join("\n").as_bytes());
    let ran = job.test();
    assert_eq!(ran.code, Some(0), "{steps}\n{}\n{}", ran.out, ran.err);
    assert!(ran.out.ends_with(&format!("{} passed, 0 failed\n", cases.len())), "{}", ran.out);
}

/// One fold of the column `n` of each key.
fn folds(fold: &str) -> String {
    format!(
        "{{ select = [\"k\", \"n\"] }}, {{ update_state_by_key = \"{fold}\", name = \"kept\" }}"
    )
}

/// Rows of `k` and `n`, their `t` missing.
fn rows(rows: &[(Option<&str>, Option<i64>)]) -> Value {
    rows.iter().map(|(k, n)| json!([k, n, null])).collect()
}

#[test]
fn a_fold_that_goes_on_leaves_nulls_out() {
    let input = [
        rows(&[(Some("a"), Some(5)), (Some("a"), None), (Some("b"), None), (None, Some(3))]),
        rows(&[(Some("b"), Some(2)), (Some("a"), Some(1)), (None, None)]),
        rows(&[]),
    ];
    let kept = |first: [Value; 3], second: [Value; 3]| {
        let batch = |[a, b, none]: [Value; 3]| json!([["a", a], ["b", b], [null, none]]);
        let second = batch(second);
        json!({ "in": input, "out": { "kept": [batch(first), second, second] } })
    };
    let (one, none) = (|n: i64| json!(n), || Value::Null);
    holds(&folds("sum"), &[kept([one(5), none(), one(3)], [one(6), one(2), one(3)])]);
    holds(&folds("count"), &[kept([one(1), one(0), one(1)], [one(2), one(1), one(1)])]);
    holds(&folds("min"), &[kept([one(5), none(), one(3)], [one(1), one(2), one(3)])]);
    holds(&folds("max"), &[kept([one(5), none(), one(3)], [one(5), one(2), one(3)])]);
}

#[test]
fn a_sum_that_overflows_fails_its_batch_and_stays_as_it_was() {
    let input = [
        rows(&[(Some("a"), Some(i64::MAX - 7)), (Some("b"), Some(1))]),
        rows(&[(Some("a"), Some(8)), (Some("b"), Some(1))]),
        rows(&[(Some("a"), Some(7))]),
    ];
    let first = json!([["a", i64::MAX - 7], ["b", 1]]);
    let error = json!({ "error": "the sum of column `n` does not fit" });
    let last = json!([["a", i64::MAX], ["b", 1]]);
    holds(&folds("sum"), &[json!({ "in": input, "out": { "kept": [first, error, last] } })]);
}

/// The sum of the second batch overflows in another stream: nothing of it is kept by any fold.
#[test]
fn a_batch_that_fails_leaves_every_fold_as_it_was() {
    let input = [
        rows(&[(Some("a"), Some(5))]),
        rows(&[(Some("a"), Some(i64::MAX)), (Some("b"), Some(1))]),
        rows(&[(Some("a"), Some(4))]),
    ];
    for (fold, expected) in [("sum", [5, 9]), ("count", [1, 2]), ("min", [5, 4]), ("max", [5, 5])] {
        let kept = |n: i64| json!([["a", n]]);
        let error = || json!({ "error": "does not fit" });
        let out = json!({
            "kept": [kept(expected[0]), error(), kept(expected[1])],
            "summed": [[5], error(), [4]],
        });
        holds(&folds(fold), &[json!({ "in": input, "out": out })]);
    }
}

const FOLDS: &str = "n = \"sum\", rows = \"count\", low = { fold = \"min\", of = \"n\" }, \
                     mean = { fold = \"avg\", of = \"n\" }, word = { fold = \"max\", of = \"t\" }";

#[test]
fn an_aggregate_goes_on_with_each_of_its_folds() {
    let input = json!([
        [["a", 5, "x"], ["b", null, null], ["a", 2, null]],
        [["b", null, "y"], [null, 1, null], ["a", null, "w"], ["a", -1, "z"]],
        [],
    ]);
    let first = json!([["a", 7, 2, 2, 3.5, "x"], ["b", null, 1, null, null, null]]);
    let second = json!([
        ["a", 6, 4, -1, 2.0, "z"],
        ["b", null, 2, null, null, "y"],
        [null, 1, 1, 1, 1.0, null],
    ]);
    let all = json!({ "in": input, "out": { "kept": [first, second, second] }, "partitions": 2 });
    let running = format!("{{ aggregate = {{ {FOLDS} }}, running = true, name = \"totals\" }}");
    holds(&running, &[all]);
    let changed = json!({ "in": [[["a", 1, null]], [["b", 2, null]], []],
                          "out": { "kept": [[["a", 1, 1, 1, 1.0, null]],
                                            [["b", 2, 1, 2, 2.0, null]], []] } });
    let running = "running = { changed_only = true }, name = \"totals\", partitions = 3";
    holds(&format!("{{ aggregate = {{ {FOLDS} }}, {running} }}"), &[changed]);
}

/// Of an average, its sum and its count are kept.
#[test]
fn an_aggregate_begins_with_what_it_is_given() {
    let out = json!({ "kept": [[["a", 8, 3, 1, 4.0, "x"], ["b", 1, 1, 1, 1.0, null]]] });
    let input = json!([[["a", 1, null]]]);
    let running = format!("{{ aggregate = {{ {FOLDS} }}, running = true, name = \"totals\" }}");
    let by_place = json!([["a", 7, 2, 2, 7, 1, "x"], ["b", 1, 1, 1, 1, 1, null]]);
    let by_name = json!([
        { "k": "a", "n": 7, "rows": 2, "low": 2, "mean.sum": 7, "mean.count": 1, "word": "x" },
        { "k": "b", "n": 1, "rows": 1, "low": 1, "mean.sum": 1, "mean.count": 1 },
    ]);
    let case = |rows: Value| json!({ "in": input, "initial": { "totals": rows }, "out": out });
    holds(&running, &[case(by_place), case(by_name)]);
}

#[test]
fn an_aggregate_of_which_one_fold_fails_keeps_all_as_they_were() {
    let input = json!([[["a", 5, "x"]], [["a", i64::MAX, "y"], ["b", 1, "z"]], [["a", 1, null]]]);
    let error = json!({ "error": "the sum of column `n` does not fit" });
    let kept = [json!([["a", 5, 1, 5, 5.0, "x"]]), error, json!([["a", 6, 2, 1, 3.0, "x"]])];
    let running = format!("{{ aggregate = {{ {FOLDS} }}, running = true, name = \"totals\" }}");
    holds(&running, &[json!({ "in": input, "out": { "kept": kept } })]);
}

/// A file of the job gives what there is at the beginning.
#[test]
fn an_aggregate_begins_with_the_rows_of_a_file() {
    let job = JobFolder::new(
        "name = \"folds\"\nbatch_interval = \"20ms\"\n\
         [sources.rows]\ntype = \"files\"\npath = \"in\"\nbounded = true\nformat = \"json\"\n\
         schema = { k = \"utf8\", n = \"int64\" }\n\
         [streams.kept]\nfrom = \"rows\"\nsteps = [{ key_by = [\"k\"] }, \
         { aggregate = { n = \"avg\" }, running = { initial = \"kept.jsonl\" }, name = \"n\" }]\n\
         [sinks.kept]\ntype = \"print\"\nfrom = \"kept\"\n",
    );
    std::fs::create_dir(job.path().join("in")).expect("it is new");
    job.put("in/rows.jsonl", b"{\"k\":\"a\",\"n\":1}\n");
    job.put("kept.jsonl", b"{\"k\":\"a\",\"n.sum\":5,\"n.count\":1}\n");
    let ran = job.run(b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.rows(), ["(a,3.0)"]);
    job.put("kept.jsonl", b"{\"k\":\"a\",\"n\":5.0}\n");
    let ran = job.run(b"");
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("n.sum"), "it says what is kept: {}", ran.err);
}

/// The last rows of a stream of batches of keys and numbers, and whether every batch succeeded.
fn last_rows(batches: &[Vec<(u8, i64)>], build: impl Fn(&DStream) -> DStream) -> Vec<String> {
    let mut test = TestContext::new(config(), Duration::from_secs(1)).expect("an engine starts");
    let schema = schema_of(&[json!([["a", 0]])]);
    let given = |batch: &Vec<(u8, i64)>| {
        let rows: Vec<Value> = batch.iter().map(|(k, n)| json!([k.to_string(), n])).collect();
        Some(partitions(&schema, &rows, 2))
    };
    let input = test.input(schema.clone(), batches.iter().map(given).collect());
    let collected = test.collect(&build(&input));
    let infos = test.run(batches.len()).expect("the job runs");
    assert!(infos.iter().all(|info| info.outcome == BatchOutcome::Completed));
    let (_, rows) = collected.by_time().pop_last().expect("a batch ran");
    let mut rows: Vec<String> = rows_of(&rows).iter().map(Value::to_string).collect();
    rows.sort_unstable();
    rows
}

fn all_folds() -> Vec<Aggregated> {
    let of = |name, fold: AggregateFold| Aggregated::new(name, fold).of("v");
    vec![
        of("sum", BuiltInFold::Sum.into()),
        of("low", BuiltInFold::Min.into()),
        of("high", BuiltInFold::Max.into()),
        of("mean", AggregateFold::Average),
        Aggregated::new("rows", BuiltInFold::Count),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However rows are cut into batches, the last totals are those of all rows at once.
    #[test]
    fn totals_do_not_depend_on_how_rows_are_cut(
        batches in prop::collection::vec(
            prop::collection::vec((0_u8..4, -1_000_i64..1_000), 0..6),
            1..5,
        ),
    ) {
        let at_once = [batches.concat()];
        let expected = last_rows(&at_once, |input| input.aggregate(all_folds()));
        let totals = |input: &DStream| input.running_aggregate("totals", all_folds());
        prop_assert_eq!(last_rows(&batches, totals), &*expected);
        let changed = last_rows(&batches, |input| {
            let spec = RunningSpec::of(all_folds()).changed_only().partitions(3);
            input.running_aggregate("totals", spec)
        });
        let last: BTreeMap<u8, i64> = batches[batches.len() - 1].iter().copied().collect();
        let touched = |row: &&String| last.keys().any(|k| row.starts_with(&format!("[\"{k}\"")));
        let expected: Vec<String> = expected.iter().filter(touched).cloned().collect();
        prop_assert_eq!(changed, expected);
    }
}
