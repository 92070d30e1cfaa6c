//! Joins where cases of others say nothing: null keys, cogroup, anti joins, skew, and mistakes.
//!
//! Takes rows of two streams. Gives nothing but passed or failed. Never runs one in real time.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use serde_json::{Value, json};
use tidemill::api::dstream::DStream;
use tidemill::api::test_context::TestContext;
use tidemill::model::column_type::ColumnType;
use tidemill::model::join::{Join, JoinKind};
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::status::BatchOutcome;

use crate::conformance::rig::{config, rows_of};

fn schema(value: &str) -> StreamSchema {
    let key = Column::new("k", ColumnType::Utf8).nullable();
    StreamSchema::new(vec![key, Column::new(value, ColumnType::Int64)]).with_keys(1)
}

fn rows(schema: &StreamSchema, rows: &[(Option<&str>, i64)]) -> Vec<Vec<RecordBatch>> {
    let keys: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<StringArray>());
    let values: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>());
    vec![vec![RecordBatch::try_new(schema.to_arrow(), vec![keys, values]).expect("two columns")]]
}

/// What a join makes of these rows, sorted.
fn joined(
    left: &[(Option<&str>, i64)],
    right: &[(Option<&str>, i64)],
    join: impl FnOnce(&DStream, &DStream) -> DStream,
) -> Result<Vec<Value>, String> {
    let mut test = TestContext::new(config(), Duration::from_secs(1)).expect("an engine starts");
    let (of_left, of_right) = (schema("a"), schema("b"));
    let left = test.input(of_left.clone(), vec![Some(rows(&of_left, left))]);
    let right = test.input(of_right.clone(), vec![Some(rows(&of_right, right))]);
    let collected = test.collect(&join(&left, &right));
    let info = test.run(1).map_err(|error| error.to_string())?.remove(0);
    if let BatchOutcome::Failed { message } = info.outcome {
        return Err(message);
    }
    let mut rows: Vec<Value> = collected.by_time().values().flat_map(rows_of).collect();
    rows.sort_by_key(Value::to_string);
    Ok(rows)
}

fn kind(kind: JoinKind, null_equal: bool) -> impl FnOnce(&DStream, &DStream) -> DStream {
    let join = Join { kind, with: String::new(), null_equal, prefix: None };
    move |left, right| left.join_with(right, join)
}

const LEFT: &[(Option<&str>, i64)] = &[(Some("x"), 1), (None, 2), (Some("y"), 3), (Some("x"), 4)];
const RIGHT: &[(Option<&str>, i64)] = &[(Some("x"), 10), (None, 20), (Some("z"), 30)];

#[test]
fn null_keys_are_equal_unless_a_job_says_otherwise() {
    let spark = joined(LEFT, RIGHT, kind(JoinKind::Inner, true));
    assert_eq!(spark, Ok(vec![json!(["x", 1, 10]), json!(["x", 4, 10]), json!([null, 2, 20])]));
    let sql = joined(LEFT, RIGHT, kind(JoinKind::Inner, false));
    assert_eq!(sql, Ok(vec![json!(["x", 1, 10]), json!(["x", 4, 10])]));
    let full = joined(LEFT, RIGHT, kind(JoinKind::FullOuter, false)).expect("it runs");
    assert!(full.contains(&json!([null, 2, null, true, false])), "{full:?}");
    assert!(full.contains(&json!([null, null, 20, false, true])), "{full:?}");
}

#[test]
fn an_anti_join_keeps_what_has_no_partner() {
    let alone = joined(LEFT, RIGHT, |left, right| left.anti_join(right));
    assert_eq!(alone, Ok(vec![json!(["y", 3])]));
    let alone = joined(LEFT, RIGHT, kind(JoinKind::Anti, false));
    assert_eq!(alone, Ok(vec![json!(["y", 3]), json!([null, 2])]));
}

#[test]
fn a_cogroup_has_a_row_for_each_key_of_either() {
    let grouped = joined(LEFT, RIGHT, |left, right| left.cogroup(right));
    let expected = vec![
        json!(["x", [1, 4], [10]]),
        json!(["y", [3], []]),
        json!(["z", [], [30]]),
        json!([null, [2], [20]]),
    ];
    assert_eq!(grouped, Ok(expected));
}

/// 5,000 rows of one key on each side are 25 million pairs: more memory than the machine has, were
/// it not counted first.
#[test]
fn a_key_that_is_frequent_on_both_sides_fails_its_batch_by_name() {
    let many: Vec<(Option<&str>, i64)> = (0..5_000).map(|n| (Some("x"), n)).collect();
    let failed = joined(&many, &many, |left, right| left.join(right)).expect_err("too many");
    assert!(failed.contains("25000000 rows in one partition, allowed are 16777216"), "{failed}");
}

#[test]
fn keys_of_other_types_are_refused_before_anything_runs() {
    let failed = joined(LEFT, RIGHT, |left, right| left.join(&right.key_by(&["b"])));
    let message = failed.expect_err("text is no number");
    assert!(message.contains("both must be alike") && message.contains("b: int64"), "{message}");
}
