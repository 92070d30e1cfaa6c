//! Joins with a broadcast: which rows come out, under which names, and how many may.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use serde_json::{Value, json};
use tidemill::api::dataset::DatasetContext;
use tidemill::model::join::JoinKind;
use tidemill::model::operation::verb::BroadcastJoin;
use tidemill::model::status::BatchOutcome;

use super::rig::{by_batch, context, input, ran, rows, schema};
use crate::conformance::rig::rows_of;
use crate::job_rig::engine;

/// A join of any kind with the broadcast `table` by `k`.
fn join(kind: JoinKind, null_equal: bool, prefix: Option<&str>) -> BroadcastJoin {
    let (with, on) = ("table".to_owned(), vec!["k".to_owned()]);
    BroadcastJoin { with, on, kind, null_equal, prefix: prefix.map(str::to_owned) }
}

/// The stream has no key, and twice the key `x`; so has the table.
fn joined(join: BroadcastJoin) -> Vec<Value> {
    let mut test = context();
    let (orders, table) = (schema("n: int64, k: utf8?"), schema("name: utf8, k: utf8?"));
    let stream = json!([[1, "x"], [2, null], [3, "y"], [4, "x"]]);
    let customers = json!([["Ada", "x"], ["Nil", null], ["Zoe", "z"], ["Ida", "x"]]);
    let customers = rows(&table, &customers);
    test.context.broadcast("table", table, &customers).expect("the rows fit");
    let stream = input(&test, &orders, &stream, 1);
    let collected = test.collect(&stream.broadcast_join_with(join));
    ran(&mut test, 1);
    by_batch(&collected).remove(0)
}

#[test]
fn each_row_meets_all_rows_of_its_key_in_their_order() {
    let inner = joined(join(JoinKind::Inner, true, None));
    let expected = [
        json!([1, "x", "Ada"]),
        json!([1, "x", "Ida"]),
        json!([2, null, "Nil"]),
        json!([4, "x", "Ada"]),
        json!([4, "x", "Ida"]),
    ];
    assert_eq!(inner, expected);
}

#[test]
fn null_keys_match_nothing_where_a_job_says_so() {
    let inner = joined(join(JoinKind::Inner, false, None));
    assert!(inner.iter().all(|row| row[0] != json!(2)), "{inner:?}");
    assert_eq!(inner.len(), 4);
    let alone = joined(join(JoinKind::Anti, false, None));
    assert_eq!(alone, [json!([2, null]), json!([3, "y"])]);
}

#[test]
fn a_left_join_keeps_rows_without_a_partner_and_says_so() {
    let left = joined(join(JoinKind::LeftOuter, true, None));
    assert_eq!(left[3], json!([3, "y", null, false]));
    assert_eq!(left[0], json!([1, "x", "Ada", true]));
    assert_eq!(left.len(), 6);
}

#[test]
fn an_anti_join_keeps_only_rows_without_a_partner() {
    assert_eq!(joined(join(JoinKind::Anti, true, None)), [json!([3, "y"])]);
}

#[test]
fn an_empty_table_leaves_a_left_join_its_rows() {
    let mut test = context();
    let (orders, table) = (schema("k: int64"), schema("k: int64, name: utf8"));
    test.context.broadcast("table", table, &[]).expect("no rows fit");
    let stream = input(&test, &orders, &json!([[1], [2]]), 1);
    let left = test.collect(&stream.broadcast_join("table", &["k"], JoinKind::LeftOuter));
    let inner = test.collect(&stream.broadcast_join("table", &["k"], JoinKind::Inner));
    ran(&mut test, 1);
    assert_eq!(by_batch(&left), [[json!([1, null, false]), json!([2, null, false])]]);
    assert_eq!(by_batch(&inner), [Vec::<Value>::new()]);
}

#[test]
fn the_key_of_a_stream_stays_its_key() {
    let mut test = context();
    let (orders, table) = (schema("n: int64, k: utf8"), schema("k: utf8, off: int64"));
    let customers = rows(&table, &json!([["x", 5]]));
    test.context.broadcast("table", table, &customers).expect("the rows fit");
    let stream = input(&test, &orders, &json!([[1, "x"], [1, "x"]]), 1);
    let joined = stream.key_by(&["n"]).broadcast_join("table", &["k"], JoinKind::Inner);
    let grouped = test.collect(&joined.group_by_key());
    let infos = ran(&mut test, 1);
    assert_eq!(by_batch(&grouped), [[json!([1, ["x", "x"], [5, 5]])]]);
    assert_eq!(infos[0].shuffled.0, 2, "the join itself shuffles nothing");
}

#[test]
fn datasets_are_joined_as_streams_are() {
    let datasets = DatasetContext::new(&engine());
    let (orders, table) = (schema("k: int64"), schema("k: int64, name: utf8"));
    let customers = rows(&table, &json!([[1, "Ada"]]));
    datasets.broadcast("table", table, &customers).expect("the rows fit");
    let given = rows(&orders, &json!([[1], [2]]));
    let dataset = datasets.parallelize(orders, vec![given]);
    let joined = dataset.broadcast_join("table", &["k"], JoinKind::Inner);
    let collected = joined.collect().expect("it runs");
    assert_eq!(rows_of(&vec![collected]), [json!([1, "Ada"])]);
}

/// One column of whole numbers, all of them 7.
fn sevens(count: usize) -> Vec<RecordBatch> {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![7; count]));
    vec![RecordBatch::try_new(schema("k: int64").to_arrow(), vec![column]).expect("a column")]
}

/// What becomes of a batch of so many rows, in so many slices, with a table of so many; all of one
/// key.
fn skewed(slices: usize, orders: usize, table: usize) -> (BatchOutcome, Vec<usize>) {
    let mut test = context();
    test.context.broadcast("table", schema("k: int64"), &sevens(table)).expect("it fits");
    let partition = (0..slices).flat_map(|_| sevens(orders)).collect();
    let stream = test.input(schema("k: int64"), vec![Some(vec![partition])]);
    let collected = test.collect(&stream.broadcast_join("table", &["k"], JoinKind::Inner));
    let outcome = test.run(1).expect("the job runs").remove(0).outcome;
    let slices = collected.by_time().into_values().flatten().flatten();
    (outcome, slices.map(|slice| slice.num_rows()).collect())
}

#[test]
fn many_partners_come_in_slices_that_a_guest_may_be_given() {
    let (outcome, slices) = skewed(1, 400, 500);
    assert_eq!(outcome, BatchOutcome::Completed);
    assert_eq!(slices.iter().sum::<usize>(), 200_000);
    assert!(slices.iter().all(|rows| *rows <= 64 * 1024), "{slices:?}");
}

/// 25 million pairs, in slices of which none has too many: more memory than a task may take, were
/// they not counted together.
#[test]
fn a_key_that_is_frequent_on_both_sides_fails_its_batch_by_name() {
    let (outcome, _) = skewed(5, 1_000, 5_000);
    let BatchOutcome::Failed { message } = outcome else { panic!("it is too much") };
    assert!(message.contains("operator `broadcast_join table by k` failed"), "{message}");
    assert!(message.contains("allowed are 16777216"), "{message}");
    assert!(message.contains("the 5000 of broadcast `table`"), "{message}");
}
