//! A batch that is given up is marked, and an empty dataset to whatever looks back at it.
//!
//! Takes jobs of which one batch fails. Gives what later batches make of it.

use serde_json::Value;
use tidemill::api::dstream::DStream;
use tidemill::model::operation::BuiltInFold;
use tidemill::model::status::BatchOutcome;

use super::rig::{SECOND, numbers, panics_at, rows, test_context};
use crate::conformance::rig::{Case, Functions};

/// Case B30 of Spark's suites. Where Spark's context gives the error to whoever waits, a job that
/// skips failed batches marks them.
#[test]
fn later_batches_run_after_a_failed_one() {
    let case = Case::named("B30");
    let failing = |input: &[DStream], of: &Functions| input[0].map(of.get("fails_on_one"));
    let (batch, message) = case.failure(failing).expect("one fails");
    assert_eq!(batch, 2);
    assert!(message.contains("there is a one"), "{message}");
    case.holds(failing);
}

/// Runs five batches, of which the third has those rows, beside an output that fails at 99.
fn looking_back(third: &[i64], build: impl Fn(&DStream) -> DStream) -> (Vec<Vec<Value>>, usize) {
    let mut test = test_context();
    let input = numbers(&test, &[&[1, 1, 2], &[2, 3], third, &[1, 3], &[2]]);
    let collected = test.collect(&build(&input));
    input.map(panics_at(99)).for_each_batch(|_, _| Ok(()));
    let batches = test.run(5).expect("the job goes on");
    let failed = batches.iter().filter(|batch| batch.outcome != BatchOutcome::Completed).count();
    let mut rows = rows(&collected);
    rows.iter_mut().for_each(|batch| batch.sort_by_key(Value::to_string));
    (rows, failed)
}

/// What was read of a batch before it failed came up again in later windows, or did not, by chance.
#[test]
fn windows_take_a_failed_batch_for_an_empty_one() {
    let sum = BuiltInFold::Sum;
    type Build = fn(&DStream, BuiltInFold) -> DStream;
    let windows: [(&str, Build); 5] = [
        ("window", |input, _| input.window(3 * SECOND, SECOND)),
        ("every second batch", |input, _| input.window(4 * SECOND, 2 * SECOND)),
        ("made anew", |input, _| input.reduce_by_window(BuiltInFold::Max, 3 * SECOND, SECOND)),
        ("made of the one before", |input, sum| input.reduce_by_window(sum, 3 * SECOND, SECOND)),
        ("by value", |input, _| input.count_by_value_and_window(3 * SECOND, SECOND)),
    ];
    for (name, build) in windows {
        let (with_failure, failed) = looking_back(&[99, 1, 2], |input| build(input, sum));
        assert_eq!(failed, 1, "{name}");
        let (mut with_empty, failed) = looking_back(&[], |input| build(input, sum));
        assert_eq!(failed, 0, "{name}");
        if with_empty.len() > with_failure.len() {
            // The failed batch's own window is missing.
            with_empty.remove(2);
        }
        assert_eq!(with_failure, with_empty, "{name}");
    }
}
