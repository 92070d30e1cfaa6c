//! Cases of what is done within a batch.
//!
//! Takes the cases `B..`. Gives nothing but passed or failed. Never runs one in real time.

use std::time::Duration;

use serde_json::Value;
use tidemill::api::dstream::DStream;
use tidemill::api::test_context::TestContext;
use tidemill::model::operation::BuiltInFold;

use super::rig::{Case, Functions, config, partitions, rows_of, schema_of};

#[test]
fn rows_are_mapped_and_kept_row_by_row() {
    Case::named("B01").holds(|input, of| input[0].map(of.get("text")));
    Case::named("B02").holds(|input, of| input[0].flat_map(of.get("with_double")));
    Case::named("B03").holds(|input, of| input[0].filter(of.get("even")));
}

#[test]
fn partitions_are_mapped_whole() {
    Case::named("B05").holds(|input, of| input[0].map_partitions(of.get("sum_of_partition")));
}

#[test]
fn keys_are_grouped_and_folded() {
    Case::named("B08").holds(|input, of| input[0].map(of.get("one_each")).group_by_key());
    let pairs = |input: &[DStream], of: &Functions| input[0].map(of.get("one_each"));
    let counted = |input: &[DStream], of: &Functions| pairs(input, of).reduce_by_key(of.get("add"));
    Case::named("B09").holds(counted);
    Case::named("B09").holds(|input, of| pairs(input, of).reduce_by_key(BuiltInFold::Sum));
    Case::named("B13").holds(|input, of| counted(input, of).map_values(of.get("plus_ten")));
    Case::named("B10").holds(|input, of| input[0].reduce(of.get("add")));
}

#[test]
fn an_empty_batch_counts_nought() {
    Case::named("B11").holds(|input, _| input[0].count());
}

#[test]
fn unions_keep_the_order_of_their_parents_and_need_each_of_them() {
    let with_more =
        |input: &[DStream], of: &Functions| input[0].union(&input[0].map(of.get("plus_four")));
    Case::named("B15").holds(with_more);
    Case::named("B29").holds(|input, _| input[0].union(&input[1]));
    let (batch, message) =
        Case::named("B16").failure(with_more).expect("the last batch has no dataset");
    assert_eq!(batch, 4);
    assert!(message.contains("has none in this batch"), "{message}");
}

#[test]
fn a_partition_is_one_row() {
    Case::named("B04").holds(|input, _| input[0].glom());
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
    case.batches(0..2).holds(|input, _| input[0].count_by_value());
    case.batches(2..3).holds(|input, _| input[0].count_by_value());
}
