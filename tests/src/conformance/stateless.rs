//! Cases of what is done within a batch.
//!
//! Takes the cases `B..`. Gives nothing but passed or failed. Never runs one in real time.

use tidemill::api::dstream::DStream;
use tidemill::model::operation::BuiltInFold;

use super::rig::{Case, Functions};

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
