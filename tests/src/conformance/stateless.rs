//! Cases of what is done within a batch.
//!
//! Takes the cases `B..`. Gives nothing but passed or failed. Never runs one in real time.

use std::time::Duration;

use serde_json::Value;
use tidemill::api::dstream::DStream;
use tidemill::api::native;
use tidemill::api::test_context::TestContext;
use tidemill::model::operation::{BuiltInFold, NativeOperator};

use super::rig::{Case, config, partitions, rows_of, schema_of};
use crate::job_rig::component;

fn one_each() -> NativeOperator {
    let pair = native::map::<&'static str, (&'static str, i64), _>("pair", |word, _| (word, 1));
    pair.expect("types of streams").with_keys(1)
}

fn plus(more: i64) -> NativeOperator {
    native::map::<i64, i64, _>("plus", move |value, _| value + more).expect("types of streams")
}

fn value_plus(more: i64) -> NativeOperator {
    native::map_values::<i64, i64, _>("plus", move |value, _| value + more)
        .expect("types of streams")
}

#[test]
fn rows_are_mapped_and_kept_row_by_row() {
    let text = native::map::<i64, String, _>("text", |value, _| value.to_string());
    let text = text.expect("types of streams");
    Case::named("B01").holds(|input| input[0].map(text));
    let twice = native::flat_map::<i64, i64, _>("twice", |value, emit| {
        emit.push(value);
        emit.push(2 * value);
    });
    let twice = twice.expect("types of streams");
    Case::named("B02").holds(|input| input[0].flat_map(twice));
    let even = native::filter::<i64, _>("even", |value| value % 2 == 0).expect("types of streams");
    Case::named("B03").holds(|input| input[0].filter(even));
}

#[test]
fn keys_are_grouped_and_folded() {
    Case::named("B08").holds(|input| input[0].map(one_each()).group_by_key());
    let counted = |input: &[DStream]| input[0].map(one_each()).reduce_by_key(BuiltInFold::Sum);
    Case::named("B09").holds(counted);
    Case::named("B13").holds(|input| counted(input).map_values(value_plus(10)));
    Case::named("B10").holds(|input| input[0].reduce(BuiltInFold::Sum));
}

#[test]
fn an_empty_batch_counts_nought() {
    Case::named("B11").holds(|input| input[0].count());
}

#[test]
fn unions_keep_the_order_of_their_parents_and_need_each_of_them() {
    Case::named("B15").holds(|input| input[0].union(&input[0].map(plus(4))));
    Case::named("B29").holds(|input| input[0].union(&input[1]));
    let (batch, message) = Case::named("B16")
        .failure(|input| input[0].union(&input[0].map(plus(4))))
        .expect("the last batch has no dataset");
    assert_eq!(batch, 4);
    assert!(message.contains("has none in this batch"), "{message}");
}

#[test]
fn a_partition_is_one_row_and_is_seen_whole() {
    Case::named("B04").holds(|input| input[0].glom());
    // The plugin's operator counts as well.
    Case::named("B05").holds_in(
        |row| row[1].clone(),
        |engine, input| {
            let kinds = engine.load_plugin(component("kinds")).expect("the plugin loads");
            input[0].map_partitions(kinds.operator("size").expect("the plugin has it"))
        },
    );
}

#[test]
fn rows_are_spread_over_exactly_so_many_partitions() {
    let inputs = Case::named("B06").inputs().remove(0);
    let mut test = TestContext::new(config(), Duration::from_secs(1)).expect("an engine starts");
    let schema = schema_of(&inputs);
    let given = |batch: &Value| batch.as_array().map(|rows| partitions(&schema, rows, 2));
    let input = test.input(schema.clone(), inputs.iter().map(given).collect());
    let spread = test.collect(&input.repartition(5));
    test.run(inputs.len()).expect("the job runs");
    let spread = spread.by_time();
    assert_eq!(spread.len(), 3);
    for (partitions, expected) in spread.values().zip(&inputs) {
        assert_eq!(partitions.len(), 5);
        let mut found = rows_of(partitions);
        found.sort_by_key(Value::as_i64);
        assert_eq!(Value::Array(found), *expected);
    }
}

#[test]
fn equal_rows_are_counted_batch_by_batch() {
    let case = Case::named("B27");
    case.batches(0..2).holds(|input| input[0].count_by_value());
    case.batches(2..3).holds(|input| input[0].count_by_value());
}
