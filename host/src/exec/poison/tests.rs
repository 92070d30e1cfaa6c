//! Exec: tests of the search for rows with which a call fails.
//!
//! Takes calls that fail in known ways. Gives what is left out, and how many calls that takes.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};

use super::*;
use crate::model::operator::TaskFacts;
use crate::model::time::BatchTime;

const FACTS: TaskFacts =
    TaskFacts { batch_time: BatchTime(0), partition: 0, seed: 0, input_rows: 0, input_bytes: 0 };

fn numbers(count: i64) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
    RecordBatch::try_from_iter([("n", column)]).expect("one column")
}

fn values(rows: &RecordBatch) -> Vec<i64> {
    rows.column(0).as_primitive::<Int64Type>().values().to_vec()
}

fn trap(domain: Domain, row: Option<u32>) -> TaskError {
    let (operator, message) = ("p.op".to_owned(), "it trapped".to_owned());
    TaskError::Operator(OperatorError { operator, code: "trap", message, row, domain })
}

/// What a call made and the rows left out, and the number of calls.
type Ran = (Result<(Vec<i64>, Vec<u32>), TaskError>, u32);

/// Calls with that many numbers, of which those fail; gives what the call made, the rows left
/// out, and the number of calls.
fn run(count: i64, allowed: u64, fails: &dyn Fn(&[i64]) -> Option<TaskError>) -> Ran {
    let calls = Cell::new(0);
    let called = PoisonAllowance::of_rows(allowed).call(
        &mut TaskScope::new(FACTS),
        (&numbers(count), Blame::Alone),
        &mut |_, rows| {
            calls.set(calls.get() + 1);
            let values = values(rows);
            fails(&values).map_or(Ok(values), Err)
        },
    );
    let without = called.map(|called| {
        if let Some(rows) = called.rows {
            assert_eq!(rows.into_iter().map(i64::from).collect::<Vec<_>>(), called.made);
        }
        (called.made, called.poison.iter().map(|rejection| rejection.row).collect())
    });
    (without, calls.get())
}

fn traps_on(poison: &'static [i64]) -> impl Fn(&[i64]) -> Option<TaskError> {
    move |values| {
        let any = values.iter().any(|value| poison.contains(value));
        any.then(|| trap(Domain::Plugin, None))
    }
}

#[test]
fn one_row_is_found_in_few_calls_wherever_it_stands() {
    for poison in 0..1000 {
        let fails = |values: &[i64]| values.contains(&poison).then(|| trap(Domain::Plugin, None));
        let (without, calls) = run(1000, 1, &fails);
        let (made, left_out) = without.expect("all others go through");
        assert_eq!((made.len(), left_out), (999, vec![poison as u32]));
        // log2(1000) is 10; the last call is the one that goes well.
        assert!(calls <= 10 + 3 + 1, "{calls} calls for row {poison}");
    }
}

#[test]
fn many_rows_are_left_out_up_to_the_allowance() {
    let (without, _) = run(100, 3, &traps_on(&[0, 50, 99]));
    let (made, mut left_out) = without.expect("three are allowed");
    left_out.sort_unstable();
    assert_eq!((made.len(), left_out), (97, vec![0, 50, 99]));
    let (without, _) = run(100, 2, &traps_on(&[0, 50, 99]));
    // The story: whoever ran into the bound was told of the third row alone, and not of the bound.
    assert_eq!(
        without.expect_err("the third is one too many").to_string(),
        "calls failed with 2 rows, left out of them, and failed again; at most 2 may be left \
         out of a batch, which `poison_rows_max` sets: operator `p.op` failed: it trapped"
    );
}

#[test]
fn a_row_that_the_failure_names_is_left_out_at_once() {
    let names = |values: &[i64]| {
        let at = values.iter().position(|value| *value == 7)?;
        Some(trap(Domain::Plugin, Some(at as u32)))
    };
    let (without, calls) = run(100, 1, &names);
    assert_eq!((without.expect("found").1, calls), (vec![7], 2));
}

#[test]
fn failures_of_no_single_row_are_left_as_they_are() {
    let together = |values: &[i64]| {
        (values.contains(&3) && values.contains(&80)).then(|| trap(Domain::Plugin, None))
    };
    run(100, 9, &together).0.expect_err("two rows fail together only");
    let (without, calls) = run(100, 9, &|_| Some(trap(Domain::Plugin, None)));
    without.expect_err("it fails without rows too");
    assert_eq!(calls, 2);
    let (without, calls) = run(100, 9, &|_| Some(trap(Domain::Internal, None)));
    without.expect_err("a bug of the host is not a row's fault");
    assert_eq!(calls, 1);
    run(0, 9, &|_| Some(trap(Domain::Plugin, Some(0)))).0.expect_err("there is no row");
}

#[test]
fn nothing_is_looked_for_unless_it_is_asked_for() {
    let (without, calls) = run(100, 0, &traps_on(&[5]));
    without.expect_err("no row may be left out");
    assert_eq!(calls, 1);
}

/// Folds keys and values as guests do, value by value; gives how many keys there are.
fn fold(
    rows: &RecordBatch,
    reduce: &dyn Fn(i64, i64) -> Option<i64>,
    naming: bool,
) -> Result<usize, TaskError> {
    let column = |at: usize| rows.column(at).as_primitive::<Int64Type>().values().to_vec();
    let mut folded: BTreeMap<i64, i64> = BTreeMap::new();
    for (row, (key, value)) in (0..).zip(column(0).into_iter().zip(column(1))) {
        let value = match folded.get(&key) {
            Some(so_far) => {
                reduce(*so_far, value).ok_or_else(|| trap(Domain::Plugin, naming.then_some(row)))?
            }
            None => value,
        };
        folded.insert(key, value);
    }
    Ok(folded.len())
}

/// Folds such rows, of which one may be left out; gives which was, and the number of calls.
fn fold_without(
    rows: &[(i64, i64)],
    reduce: &dyn Fn(i64, i64) -> Option<i64>,
    naming: bool,
) -> (Result<Vec<u32>, TaskError>, u32) {
    let column = |of: &dyn Fn(&(i64, i64)) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(of)))
    };
    let given = [("k", column(&|row| row.0)), ("n", column(&|row| row.1))];
    let given = RecordBatch::try_from_iter(given).expect("two columns");
    let calls = Cell::new(0);
    let called = PoisonAllowance::of_rows(1).call(
        &mut TaskScope::new(FACTS),
        (&given, Blame::Twice { keys: 1 }),
        &mut |_, rows| {
            calls.set(calls.get() + 1);
            fold(rows, reduce, naming)
        },
    );
    (called.map(|called| called.poison.iter().map(|poison| poison.row).collect()), calls.get())
}

/// The story: a row alone is a group of one, for which a fold calls nothing. So no row of a fold
/// ever failed by itself, and one that looped or trapped in `#[reduce]` failed its batch.
#[test]
fn a_row_of_a_fold_is_found_wherever_it_stands_in_its_group() {
    let breaks = |left: i64, right: i64| (left != 13 && right != 13).then_some(left + right);
    for poison in 0..500 {
        let rows: Vec<(i64, i64)> =
            (0..500).map(|row| (row % 7, if row == poison { 13 } else { 100 })).collect();
        for naming in [false, true] {
            let (left_out, calls) = fold_without(&rows, &breaks, naming);
            assert_eq!(left_out.expect("all others go through"), [poison as u32], "{naming}");
            // log2(500) is 9; the last call is the one that goes well.
            assert!(calls <= 9 + 3 + 1, "{calls} calls for row {poison}");
        }
    }
}

#[test]
fn rows_of_a_fold_that_break_it_only_together_are_left_as_they_are() {
    let breaks = |left: i64, right: i64| (left + right != 20).then_some(left + right);
    let rows = [(0, 1), (1, 7), (0, 2), (1, 13), (0, 3)];
    let (left_out, _) = fold_without(&rows, &breaks, false);
    left_out.expect_err("neither 7 nor 13 is to blame");
    // One that is named is, for the plugin says so.
    let (left_out, _) = fold_without(&rows, &breaks, true);
    assert_eq!(left_out.expect("without the second of them"), [3]);
    let never = |_: i64, _: i64| None;
    let (left_out, _) = fold_without(&rows, &never, false);
    left_out.expect_err("more than one row fails");
}

#[test]
fn a_fold_that_fails_without_rows_is_nobodys_fault() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 1]));
    let rows = RecordBatch::try_from_iter([("k", column)]).expect("one column");
    let called = PoisonAllowance::of_rows(9).call(
        &mut TaskScope::new(FACTS),
        (&rows, Blame::Twice { keys: 1 }),
        &mut |_, _| -> Result<(), TaskError> { Err(trap(Domain::Plugin, None)) },
    );
    let error = called.expect_err("it fails in any case");
    assert!(matches!(error, TaskError::Operator(_)), "{error}");
}
