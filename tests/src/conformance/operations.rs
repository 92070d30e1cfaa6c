//! Operations and edges that no case of Spark's suites is about.
//!
//! Takes batches of numbers and pairs. Gives what comes out, in the sandbox and natively. Never
//! runs one in real time.

use std::time::Duration;

use serde_json::json;
use tidemill::api::dstream::DStream;
use tidemill::api::native::{self, NativePlugin};
use tidemill::api::stateful::StateSpec;
use tidemill::api::test_context::TestContext;
use tidemill::model::operation::BuiltInFold;
use tidemill::model::status::{BatchInfo, BatchOutcome};

use super::rig::{Functions, config, partitions, rows_of, schema_of, through};
use crate::job_rig::component;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn values_are_combined_to_a_result_of_another_type() {
    let batches = json!([[["a", 1], ["b", 5], ["a", 3]], [["a", 7]], []]);
    let means = through(&batches, |input, of| input.combine_by_key(of.get("mean")));
    assert_eq!(means, json!([[["a", 2, 4], ["b", 1, 5]], [["a", 1, 7]], []]));
}

#[test]
fn only_keys_with_values_are_updated_where_a_step_says_so() {
    let batches = json!([[["a", 1]], [["b", 1]], [["a", 2]], []]);
    let expected = json!([[["a", 1]], [["b", 1]], [["a", 3]], []]);
    let counted = through(&batches, |input, of| {
        input.update_state_by_key("counts", StateSpec::of(of.get("count")).changed_only())
    });
    assert_eq!(counted, expected);
    let summed = through(&batches, |input, _| {
        input.update_state_by_key("sums", StateSpec::of(BuiltInFold::Sum).changed_only())
    });
    assert_eq!(summed, expected);
}

#[test]
fn a_key_without_a_new_state_is_gone_from_the_same_batch_on() {
    let batches = json!([[["a", 2], ["b", 1]], [["a", -2]], [["a", 4]]]);
    let left = through(&batches, |input, _| {
        let until_nought = native::update_state::<&'static str, i64, i64, _>(
            "until_nought",
            |_key, values, sum: Option<i64>| {
                let sum = values.sum::<i64>() + sum.unwrap_or_default();
                (sum != 0).then_some(sum)
            },
        );
        input.update_state_by_key("sums", until_nought.expect("types of streams"))
    });
    assert_eq!(left, json!([[["a", 2], ["b", 1]], [["b", 1]], [["a", 4], ["b", 1]]]));
}

/// Steps with state run in batches without a dataset, too: keys stay, and their time goes on.
#[test]
fn states_go_on_where_there_is_no_dataset() {
    let schema = schema_of(&[json!([["a", 0]])]);
    let initial = || partitions(&schema, &[json!(["a", 1])], 1).remove(0);
    let updated = through(&json!([null, [["a", 1]], null]), |input, of| {
        let spec = StateSpec::of(of.get("count")).initial_state(initial());
        input.update_state_by_key("counts", spec)
    });
    assert_eq!(updated, json!([[["a", 1]], [["a", 2]], [["a", 2]]]));
    let mapped = through(&json!([[["a", 1]], null, null, null]), |input, of| {
        let spec = StateSpec::of(of.get("sum_until_idle")).timeout(SECOND);
        DStream::clone(&input.map_with_state("sums", spec))
    });
    assert_eq!(mapped, json!([[["a", 1, false]], [], [["a", 1, true]], []]));
}

#[test]
fn a_window_is_folded_to_one_row_plainly_and_with_an_inverse() {
    let batches = json!([[], [1, 2], [3], [], [], [4]]);
    let plain =
        through(&batches, |input, of| input.reduce_by_window(of.get("add"), 2 * SECOND, SECOND));
    assert_eq!(plain, json!([[], [3], [6], [3], [], [4]]));
    let made = through(&batches, |input, of| {
        let (add, subtract) = (of.get("add"), of.get("subtract"));
        input.reduce_by_window_with_inverse(add, subtract, 2 * SECOND, SECOND)
    });
    // What an inverse has left of it stays, as a key does.
    assert_eq!(made, json!([[], [3], [6], [3], [0], [4]]));
}

#[test]
fn a_constant_is_the_dataset_of_every_batch() {
    let mut test = TestContext::new(config(), SECOND).expect("an engine starts");
    let schema = schema_of(&[json!([0])]);
    let rows = partitions(&schema, &[json!(1), json!(2), json!(3)], 2);
    let constant = test.context.constant(schema, rows);
    let (rows, count) = (test.collect(&constant), test.collect(&constant.count()));
    test.run(3).expect("the job runs");
    let rows: Vec<_> = rows.by_time().values().map(rows_of).collect();
    assert_eq!(json!(rows), json!([[1, 2, 3], [1, 2, 3], [1, 2, 3]]));
    assert_eq!(count.shown(), [["3"], ["3"], ["3"]]);
}

/// In Spark the count of a window that no row has ever come for is no row at all.
#[test]
fn windows_before_any_row_count_nought() {
    let counted =
        through(&json!([[], null, [7], []]), |input, _| input.count_by_window(2 * SECOND, SECOND));
    assert_eq!(counted, json!([[0], [0], [1], [1]]));
}

/// What was wrong in Spark: with slides longer than windows, batches left a window that had never
/// been in it, and keys were counted wrongly from then on.
#[test]
fn windows_that_share_no_batch_take_nothing_out_of_each_other() {
    let one = json!([["a", 1]]);
    let batches = json!([one, one, one, [], [], one, [], [], [["b", 1]]]);
    let counted = through(&batches, |input, of| {
        let (add, subtract) = (of.get("add"), of.get("subtract"));
        let filter = Some(of.get("any_left"));
        let (length, slide) = (SECOND, 3 * SECOND);
        input.reduce_by_key_and_window_with_inverse(add, subtract, filter, length, slide)
    });
    assert_eq!(counted, json!([[["a", 1]], [["a", 1]], [["b", 1]]]));
}

/// What was wrong in Spark: a filter that hid a key whose values were still in the window dropped
/// what the next window was made of, and the batch in which they left failed. Here what is hidden
/// comes back once the filter lets it.
#[test]
fn a_filter_hides_a_key_whose_values_are_still_there() {
    let batches = json!([[["a", 5]], [["a", -5]], [], [], []]);
    let sums = through(&batches, |input, of| {
        let (add, subtract) = (of.get("add"), of.get("subtract"));
        let filter = Some(of.get("any_left"));
        input.reduce_by_key_and_window_with_inverse(add, subtract, filter, 3 * SECOND, SECOND)
    });
    assert_eq!(sums, json!([[["a", 5]], [], [], [["a", -5]], []]));
}

/// What a batch without a dataset is to a step: nothing to do, or, where Spark has functions over
/// whole datasets underneath, a failure.
#[test]
fn a_batch_without_a_dataset_is_passed_on_or_fails() {
    type Build = fn(&DStream) -> DStream;
    let passed_on: [(&str, Build); 5] = [
        ("reduce_by_key", |input| input.reduce_by_key(BuiltInFold::Sum)),
        ("group_by_key", |input| input.group_by_key()),
        ("select", |input| input.select(&["k"])),
        ("glom", |input| input.glom()),
        ("distinct", |input| input.distinct()),
    ];
    let failing: [(&str, Build); 5] = [
        ("union", |input| input.union(input)),
        ("repartition", |input| input.repartition(2)),
        ("count", |input| input.count()),
        ("join", |input| input.join(input)),
        ("cogroup", |input| input.cogroup(input)),
    ];
    let fails = |build: Build| {
        let mut test = TestContext::new(config(), SECOND).expect("an engine starts");
        let schema = schema_of(&[json!([["a", 0]])]);
        let rows = partitions(&schema, &[json!(["a", 1])], 1);
        let input = test.input(schema, vec![Some(rows.clone()), None, Some(rows)]);
        let collected = test.collect(&build(&input));
        let batches = test.run(3).expect("the job goes on");
        assert_eq!(collected.by_time().len(), 2, "the batches with one");
        let failed = |batch: &&BatchInfo| batch.outcome != BatchOutcome::Completed;
        batches.iter().filter(failed).count()
    };
    passed_on.into_iter().for_each(|(name, build)| assert_eq!(fails(build), 0, "{name}"));
    failing.into_iter().for_each(|(name, build)| assert_eq!(fails(build), 1, "{name}"));
}

#[test]
fn a_job_tells_how_much_each_step_keeps() {
    let mut test = TestContext::new(config(), SECOND).expect("an engine starts");
    let schema = schema_of(&[json!([["a", 0]])]);
    let rows =
        |rows: serde_json::Value| Some(partitions(&schema, rows.as_array().expect("rows"), 1));
    let batches = vec![rows(json!([["a", 1], ["b", 1], ["c", 1]])), rows(json!([["a", 1]]))];
    let input = test.input(schema.clone(), batches);
    input.update_state_by_key("sums", BuiltInFold::Sum).for_each_batch(|_, _| Ok(()));
    let of = Functions::sandboxed(&test);
    input.map_with_state("toggled", StateSpec::of(of.get("toggle"))).for_each_batch(|_, _| Ok(()));
    // What a batch has changed is counted with the next.
    test.run(3).expect("the job runs");
    let states = test.context.status().expect("it runs").states;
    let kept: Vec<(&str, usize)> =
        states.iter().map(|state| (state.name.as_str(), state.keys)).collect();
    assert_eq!(kept, [("sums", 3), ("toggled", 2)]);
    assert!(states.iter().all(|state| state.bytes > 0), "{states:?}");
}

/// As in Spark, streams whose datasets come at different times cannot meet, and windows are of
/// whole batches: both are told before anything runs.
#[test]
fn streams_and_windows_off_the_grid_are_refused_at_the_start() {
    type Build = fn(&DStream) -> DStream;
    let builds: [(Build, &str); 5] = [
        (
            |input| input.union(&input.window(2 * SECOND, 2 * SECOND)),
            "has a dataset every 2s, here there is one every 1s",
        ),
        (
            |input| input.window(2 * SECOND, 2 * SECOND).join(input),
            "has a dataset every 1s, here there is one every 2s",
        ),
        (|input| input.window(SECOND / 2, SECOND), "length is 500ms, expected a multiple of 1s"),
        (|input| input.window(SECOND, SECOND * 3 / 2), "slide is 1s 500ms, expected a multiple"),
        (
            |input| input.window(2 * SECOND, 2 * SECOND).window(3 * SECOND, 2 * SECOND),
            "length is 3s, expected a multiple of 2s",
        ),
    ];
    for (build, expected) in builds {
        let mut test = TestContext::new(config(), SECOND).expect("an engine starts");
        let input = test.input(schema_of(&[json!([["a", 0]])]), Vec::new());
        build(&input).for_each_batch(|_, _| Ok(()));
        let error = test.run(1).expect_err("it does not start").to_string();
        assert!(error.contains(expected), "`{expected}` is not in: {error}");
    }
}

#[test]
fn an_operator_says_which_version_its_states_have() {
    let test = TestContext::new(config(), SECOND).expect("an engine starts");
    let sandboxed = test.engine.load_plugin(component("spark_cases")).expect("the guest loads");
    let native = NativePlugin::new(spark_cases::operators()).expect("types of streams");
    for description in [sandboxed.description(), native.description()] {
        let version = |name| {
            let (_, operator) = description.operator(name).expect("the guest has it");
            operator.state.as_ref().map(|state| state.version)
        };
        assert_eq!(
            [version("steered"), version("toggle"), version("add")],
            [Some(2), Some(0), None]
        );
    }
}
