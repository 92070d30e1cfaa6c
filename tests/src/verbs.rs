//! The host's own verbs in a program: windows, shuffles that are saved, and what is carried.
//!
//! Takes rows of a key and a number. Gives nothing but passed or failed. Never runs one in real
//! time.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidemill::api::dstream::DStream;
use tidemill::api::given::Partitions;
use tidemill::api::test_context::{Collected, TestContext};
use tidemill::model::operation::BuiltInFold;
use tidemill::model::operation::aggregate::{AggregateFold, Aggregated};
use tidemill::model::operation::condition::{Comparison, Condition};
use tidemill::model::status::{BatchInfo, BatchOutcome};

use crate::conformance::rig::{config, partitions, rows_of, schema_of};

const INTERVAL: Duration = Duration::from_secs(1);

/// A context with one stream of these batches, in two partitions each.
fn over(batches: &[Value]) -> (TestContext, DStream) {
    let test = TestContext::new(config(), INTERVAL).expect("an engine starts");
    let schema = schema_of(&[json!([["a", 0]])]);
    let given = |batch: &Value| batch.as_array().map(|rows| partitions(&schema, rows, 2));
    let input = test.input(schema.clone(), batches.iter().map(given).collect());
    (test, input)
}

fn ran(test: &mut TestContext, batches: usize) -> Vec<BatchInfo> {
    let infos = test.run(batches).expect("the job runs");
    for info in &infos {
        assert_eq!(info.outcome, BatchOutcome::Completed);
    }
    infos
}

/// The rows of each batch, in an order of their own.
fn sorted(collected: &Collected) -> Vec<Vec<String>> {
    let rows = |partitions: &Partitions| {
        let mut rows: Vec<String> = rows_of(partitions).iter().map(Value::to_string).collect();
        rows.sort_unstable();
        rows
    };
    collected.by_time().values().map(rows).collect()
}

/// What a build makes of one batch, partition by partition.
fn of_one_batch(batch: Value, build: impl FnOnce(&DStream) -> DStream) -> (Partitions, BatchInfo) {
    let (mut test, input) = over(&[batch]);
    let collected = test.collect(&build(&input));
    let info = ran(&mut test, 1).remove(0);
    let made = collected.by_time().into_values().next();
    (made.expect("the batch has a dataset"), info)
}

fn row(at: i64) -> Value {
    json!([format!("key {}", at % 10), at])
}

/// The folds of a window whose inverse is known are made of the window before; beside a minimum
/// they are made anew. Both ways are the same.
fn windows_agree(batches: &[Value], length: u32, slide: u32) {
    let (mut test, input) = over(batches);
    let exact = || {
        vec![
            Aggregated::new("v", BuiltInFold::Sum),
            Aggregated::new("n", BuiltInFold::Count),
            Aggregated::new("mean", AggregateFold::Average).of("v"),
        ]
    };
    let with_least = || {
        let least = Aggregated::new("least", BuiltInFold::Min).of("v");
        exact().into_iter().chain([least])
    };
    let (length, slide) = (INTERVAL * length, INTERVAL * slide);
    let slid = test.collect(&input.aggregate_by_key_and_window(exact(), length, slide));
    let anew = input.aggregate_by_key_and_window(with_least(), length, slide);
    let anew = test.collect(&anew.select(&["k", "v", "n", "mean"]));
    let plain = test.collect(&input.window(length, slide).aggregate(exact()));
    ran(&mut test, batches.len() + 4);
    assert_eq!(sorted(&slid), sorted(&anew));
    assert_eq!(sorted(&slid), sorted(&plain));
    assert!(!sorted(&slid).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn aggregates_over_windows_are_the_same_made_in_every_way(
        batches in prop::collection::vec(
            prop::collection::vec((prop::char::range('a', 'c'), -3_i64..4), 0..6),
            4..10,
        ),
        length in 1_u32..5,
        slide in 1_u32..4,
    ) {
        let batches: Vec<Value> = batches.iter().map(|batch| json!(batch)).collect();
        windows_agree(&batches, length, slide);
    }
}

#[test]
fn reduce_by_key_shuffles_fewer_bytes_than_group_by_key() {
    let batch: Value = (0..2000).map(row).collect();
    let (folded, reduced) =
        of_one_batch(batch.clone(), |input| input.reduce_by_key(BuiltInFold::Sum));
    let (lists, grouped) = of_one_batch(batch, DStream::group_by_key);
    // A row of each key from each of two partitions, where every row went.
    assert_eq!((reduced.shuffled.0, grouped.shuffled.0), (20, 2000));
    assert!(reduced.shuffled.1 * 10 < grouped.shuffled.1, "{reduced:?} {grouped:?}");
    assert_eq!(rows_of(&folded).len(), rows_of(&lists).len());
}

#[test]
fn aggregate_and_top_carry_no_more_than_they_must() {
    let batch: Value = (0..2000).map(row).collect();
    let folds = || {
        let mean = Aggregated::new("mean", AggregateFold::Average).of("v");
        [Aggregated::new("v", BuiltInFold::Sum), mean]
    };
    let (made, info) = of_one_batch(batch.clone(), |input| input.aggregate(folds()));
    assert_eq!((rows_of(&made).len(), info.shuffled.0), (10, 20));
    let (made, info) = of_one_batch(batch.clone(), |input| input.top(3, &["v"]));
    assert_eq!((rows_of(&made).len(), info.shuffled.0), (3, 6));
    assert_eq!(rows_of(&made)[0], row(1999));
    let (made, info) = of_one_batch(batch, |input| input.select(&["k"]).distinct());
    assert_eq!((rows_of(&made).len(), info.shuffled.0), (10, 20));
}

#[test]
fn rows_that_were_parted_by_key_are_not_shuffled_again() {
    let batch: Value = (0..100).map(row).collect();
    let parted = |input: &DStream| input.partition_by(4);
    type Build = fn(&DStream) -> DStream;
    let builds: [(Build, usize); 5] = [
        (|stream| stream.group_by_key(), 4),
        (|stream| stream.reduce_by_key(BuiltInFold::Sum), 4),
        (|stream| stream.rename(&[("v", "w")]).group_by_key(), 4),
        (|stream| stream.partition_by(4), 4),
        (|stream| stream.update_state_by_key("sums", BuiltInFold::Sum), 4),
    ];
    for (build, partitions) in builds {
        let (test_partitions, alone) = {
            let (mut test, input) = over(std::slice::from_ref(&batch));
            test.context.settings().partitions = Some(4);
            let collected = test.collect(&build(&input));
            let info = ran(&mut test, 1).remove(0);
            (collected.by_time().into_values().next().expect("a dataset"), info)
        };
        let (mut test, input) = over(std::slice::from_ref(&batch));
        test.context.settings().partitions = Some(4);
        let collected = test.collect(&build(&parted(&input)));
        let info = ran(&mut test, 1).remove(0);
        let made = collected.by_time().into_values().next().expect("a dataset");
        assert_eq!(
            (made.len(), info.tasks, info.shuffled.0),
            (partitions, alone.tasks, alone.shuffled.0)
        );
        let both: [BTreeSet<String>; 2] = [&made, &test_partitions]
            .map(|made| rows_of(made).iter().map(Value::to_string).collect());
        assert_eq!(both[0], both[1]);
    }
    // Into another number they are.
    let (mut test, input) = over(&[batch]);
    test.context.settings().partitions = Some(3);
    test.collect(&parted(&input).group_by_key());
    assert_eq!(ran(&mut test, 1)[0].shuffled.0, 200);
}

#[test]
fn verbs_are_methods_too() {
    let batch = json!([["b", 3], ["a", 1], ["b", 2], ["a", 1]]);
    let made = |build: &dyn Fn(&DStream) -> DStream| rows_of(&of_one_batch(batch.clone(), build).0);
    assert_eq!(
        made(&|input| input.sort_by(&["k", "-v"])),
        [json!(["a", 1]), json!(["a", 1]), json!(["b", 3]), json!(["b", 2])]
    );
    assert_eq!(made(&|input| input.top(1, &["-v"])), [json!(["a", 1])]);
    let condition = || Condition::Is(Comparison::AtLeast, json!(2));
    assert_eq!(
        made(&|input| input.filter_where("v", condition()).rename(&[("v", "w")]).select(&["w"])),
        [json!(3), json!(2)]
    );
    assert_eq!(made(&|input| input.sample(1.0, 5)).len(), 4);
    assert_eq!(made(&|input| input.sample(0.0, 5)).len(), 0);
    assert_eq!(
        made(&|input| input.glom()),
        [json!([["b", "a"], [3, 1]]), json!([["b", "a"], [2, 1]])]
    );
    assert_eq!(made(&|input| input.distinct()).len(), 3);
}

#[test]
fn a_sample_of_a_batch_that_is_given_again_keeps_the_same_rows() {
    let batch: Value = (0..500).map(row).collect();
    let kept = || {
        let (mut test, input) = over(std::slice::from_ref(&batch));
        test.context.settings().seed = Some(11);
        let collected = test.collect(&input.sample(0.3, 2));
        ran(&mut test, 1);
        sorted(&collected)
    };
    let first = kept();
    assert!((50..250).contains(&first[0].len()), "{}", first[0].len());
    assert_eq!(kept(), first);
}
