//! Datasets of earlier batches, asked for by a program.
//!
//! Takes jobs that remember. Gives what they remember, or why they do not.

use serde_json::{Value, json};
use tidemill::api::dstream::DStream;
use tidemill::api::native;
use tidemill::driver::slice::SliceError;
use tidemill::model::operation::BuiltInFold;
use tidemill::model::time::BatchTime;

use super::rig::{SECOND, numbers, panics_at, test_context};
use crate::conformance::rig::rows_of;

/// Milliseconds at which the first test batch begins.
const START_MS: i64 = 86_400_000;

fn slice(stream: &DStream, from_ms: i64, to_ms: i64) -> Result<Vec<Vec<Value>>, SliceError> {
    let at = |ms| BatchTime(START_MS + ms);
    let found = stream.slice(at(from_ms), at(to_ms))?;
    Ok(found.iter().map(|(_, partitions)| rows_of(partitions)).collect())
}

/// Case D03 of Spark's suites.
#[test]
fn both_ends_are_included_and_times_before_the_start_give_nothing() {
    let mut test = test_context();
    let stream = numbers(&test, &[&[1], &[2], &[3], &[4]]);
    stream.for_each_batch(|_, _| Ok(()));
    test.context.remember(10 * SECOND).expect("the first time");
    assert_eq!(slice(&stream, 0, 1000), Err(SliceError::NotStarted));
    test.run(4).expect("they run");
    let rows = |numbers: &[i64]| Ok(numbers.iter().map(|n| vec![json!(n)]).collect::<Vec<_>>());
    assert_eq!(slice(&stream, 0, 1000), rows(&[1]));
    assert_eq!(slice(&stream, 0, 2000), rows(&[1, 2]));
    assert_eq!(slice(&stream, 1000, 2000), rows(&[1, 2]));
    assert_eq!(slice(&stream, 2000, 4000), rows(&[2, 3, 4]));
    // Times off the grid stand for the batch before them.
    assert_eq!(slice(&stream, 1999, 2999), rows(&[1, 2]));
    assert_eq!(slice(&stream, 3000, 2000), rows(&[]));
    test.context.stop().expect("it stops");
    assert_eq!(slice(&stream, 0, 1000), Err(SliceError::Ended));
}

#[test]
fn what_is_remembered_no_more_is_said() {
    let mut test = test_context();
    let stream = numbers(&test, &[&[1], &[2], &[3], &[4]]);
    stream.for_each_batch(|_, _| Ok(()));
    test.context.remember(2 * SECOND).expect("the first time");
    test.run(4).expect("they run");
    assert_eq!(slice(&stream, 3000, 4000), Ok(vec![vec![json!(3)], vec![json!(4)]]));
    let forgotten = slice(&stream, 1000, 4000).expect_err("two are forgotten");
    let expected = SliceError::Forgotten { time: BatchTime(START_MS + 2000), kept: 2 * SECOND };
    assert_eq!(forgotten, expected);
}

/// Case D02 of Spark's suites, without its checkpoints: of what a stateful step gave, as much is
/// remembered as of any other stream, however far its state goes back.
#[test]
fn what_a_stateful_step_gave_is_remembered_as_any_other() {
    let mut test = test_context();
    let ones = numbers(&test, &[[1_i64].as_slice(); 10]);
    let pair = native::map::<i64, (i64, i64), _>("pair", |n, _| (0, n)).expect("whole numbers");
    let sums = ones.map(pair.with_keys(1)).update_state_by_key("sum", BuiltInFold::Sum);
    sums.for_each_batch(|_, _| Ok(()));
    test.context.remember(6 * SECOND).expect("the first time");
    test.run(10).expect("they run");
    assert_eq!(slice(&sums, 10_000, 10_000), Ok(vec![vec![json!([0, 10])]]));
    assert_eq!(slice(&sums, 5_000, 5_000), Ok(vec![vec![json!([0, 5])]]));
    let forgotten = slice(&sums, 4_000, 10_000).expect_err("it is forgotten");
    let expected = SliceError::Forgotten { time: BatchTime(START_MS + 4_000), kept: 6 * SECOND };
    assert_eq!(forgotten, expected);
}

#[test]
fn only_streams_that_are_kept_have_slices() {
    let mut test = test_context();
    let stream = numbers(&test, &[&[1]]);
    let counts = stream.map(panics_at(2)).count();
    counts.for_each_batch(|_, _| Ok(()));
    test.run(1).expect("it runs");
    assert_eq!(slice(&counts, 0, 1000), Err(SliceError::NotKept), "nothing is remembered");
    let mut test = test_context();
    let stream = numbers(&test, &[&[1]]);
    let passed = stream.map(panics_at(2));
    passed.count().for_each_batch(|_, _| Ok(()));
    test.context.remember(SECOND).expect("the first time");
    test.run(1).expect("it runs");
    assert_eq!(slice(&passed, 0, 1000), Err(SliceError::NotKept), "its rows are never together");
}

#[test]
fn a_batch_that_was_given_up_has_an_empty_dataset() {
    let mut test = test_context();
    let stream = numbers(&test, &[&[1], &[2], &[3]]);
    stream.for_each_batch(|_, _| Ok(()));
    stream.map(panics_at(2)).for_each_batch(|_, _| Ok(()));
    test.context.remember(10 * SECOND).expect("the first time");
    test.run(3).expect("they run");
    let expected = vec![vec![json!(1)], vec![], vec![json!(3)]];
    assert_eq!(slice(&stream, 1000, 3000), Ok(expected));
}
