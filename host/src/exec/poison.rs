//! Exec: rows with which a call fails as a whole, found and left out.
//!
//! Takes rows and a call of a plugin. Gives what the call made of all but those rows, and why each
//! was left out. Never looks for a row where the call fails without any, and never leaves out more
//! rows than it may.

use arrow_array::{RecordBatch, UInt32Array};
use arrow_select::take::take_record_batch;

use super::task_error::TaskError;
use crate::error::Domain;
use crate::model::operator::{OperatorError, TaskScope};
use crate::model::rejected::Rejection;

/// How many more rows one attempt may leave out; none at all where the job does not ask for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct PoisonAllowance {
    left: u64,
}

/// What a call made in the end.
#[derive(Debug)]
pub struct WithoutPoison<T> {
    /// Its answer.
    pub made: T,
    /// The rows it was called with.
    pub rows: RecordBatch,
    /// The rows that were left out, by their numbers among all that were given.
    pub poison: Vec<Rejection>,
}

impl PoisonAllowance {
    /// So many rows.
    pub fn of_rows(left: u64) -> Self {
        Self { left }
    }

    /// Calls with the rows; where the plugin fails, without those it fails with. A row that the
    /// failure names is believed. Else the rows are halved, each part being tried in a scope of its
    /// own, and so on a fresh instance, until one row is left: at most log2(n) + 3 calls a row.
    ///
    /// # Errors
    /// The first failure, if it is not the plugin's, if no single row fails by itself, or if more
    /// rows fail than may be left out.
    pub fn call<T>(
        &mut self,
        scope: &mut TaskScope,
        rows: &RecordBatch,
        call: &mut dyn FnMut(&mut TaskScope, &RecordBatch) -> Result<T, TaskError>,
    ) -> Result<WithoutPoison<T>, TaskError> {
        let (mut given, mut poison) = (rows.clone(), Vec::new());
        let mut numbers: Vec<u32> = Vec::new();
        loop {
            let failed = match call(scope, &given) {
                Ok(made) => return Ok(WithoutPoison { made, rows: given, poison }),
                Err(failed) => self.plugins_own(failed)?,
            };
            if numbers.is_empty() {
                numbers = (0..rows.num_rows() as u32).collect();
            }
            let search = Search { scope, rows: &given, is_first: poison.is_empty() };
            let (at, OperatorError { operator, code, message, .. }) = search.run(failed, call)?;
            let (row, code) = (numbers.remove(at), code.to_owned());
            poison.push(Rejection { row, operator, code, message });
            self.left -= 1;
            given = take_record_batch(rows, &UInt32Array::from(numbers.clone()))?;
        }
    }

    /// A failure for which a row may be left out.
    fn plugins_own(&self, failed: TaskError) -> Result<OperatorError, TaskError> {
        match failed {
            TaskError::Operator(error) if self.left > 0 && error.domain == Domain::Plugin => {
                Ok(error)
            }
            other => Err(other),
        }
    }
}

/// The search for one row.
struct Search<'a> {
    scope: &'a TaskScope,
    rows: &'a RecordBatch,
    /// Whether no row has been found before.
    is_first: bool,
}

impl Search<'_> {
    /// The number of the first row found that fails by itself, and how it does.
    fn run<T>(
        &self,
        failed: OperatorError,
        call: &mut dyn FnMut(&mut TaskScope, &RecordBatch) -> Result<T, TaskError>,
    ) -> Result<(usize, OperatorError), TaskError> {
        let rows = self.rows.num_rows();
        if let Some(row) = failed.row.map(|row| row as usize).filter(|row| *row < rows) {
            return Ok((row, failed));
        }
        let mut fails = |from: usize, to: usize| -> Result<Option<OperatorError>, TaskError> {
            // What a call of the search counts or keeps is gone with its scope.
            let (facts, broadcasts) = (self.scope.facts, self.scope.broadcasts.clone());
            let mut scope = TaskScope::new(facts).with_broadcasts(broadcasts);
            match call(&mut scope, &self.rows.slice(from, to - from)) {
                Ok(_) => Ok(None),
                Err(TaskError::Operator(error)) if error.domain == Domain::Plugin => {
                    Ok(Some(error))
                }
                Err(other) => Err(other),
            }
        };
        if rows == 0 || (self.is_first && fails(0, 0)?.is_some()) {
            return Err(failed.into());
        }
        let (mut from, mut to, mut alone) = (0, rows, (rows == 1).then(|| failed.clone()));
        while to - from > 1 {
            let middle = from + (to - from) / 2;
            match fails(from, middle)? {
                Some(error) => {
                    if let Some(row) = error.row.map(|row| from + row as usize)
                        && row < middle
                    {
                        return Ok((row, error));
                    }
                    to = middle;
                    alone = (to - from == 1).then_some(error);
                }
                None => (from, alone) = (middle, None),
            }
        }
        match alone {
            Some(error) => Ok((from, error)),
            // Both halves went well: rows that fail only together are nobody's fault alone.
            None => fails(from, to)?.map(|error| (from, error)).ok_or_else(|| failed.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array};

    use super::*;
    use crate::model::operator::TaskFacts;
    use crate::model::time::BatchTime;

    const FACTS: TaskFacts = TaskFacts {
        batch_time: BatchTime(0),
        partition: 0,
        seed: 0,
        input_rows: 0,
        input_bytes: 0,
    };

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

    /// Calls with that many numbers, of which those fail; gives what the call made, the rows left
    /// out, and the number of calls.
    fn run(
        count: i64,
        allowed: u64,
        fails: &dyn Fn(&[i64]) -> Option<TaskError>,
    ) -> (Result<(Vec<i64>, Vec<u32>), TaskError>, u32) {
        let calls = Cell::new(0);
        let called = PoisonAllowance::of_rows(allowed).call(
            &mut TaskScope::new(FACTS),
            &numbers(count),
            &mut |_, rows| {
                calls.set(calls.get() + 1);
                let values = values(rows);
                fails(&values).map_or(Ok(values), Err)
            },
        );
        let without = called.map(|called| {
            assert_eq!(values(&called.rows), called.made);
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
            let fails =
                |values: &[i64]| values.contains(&poison).then(|| trap(Domain::Plugin, None));
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
        without.expect_err("the third is one too many");
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
}
