//! Driver: what tasks count counts once, when their batch has succeeded.
//!
//! Takes a job whose operator counts the rows it sees, and disturbs it. Gives what was counted.

use std::sync::Arc;

use arrow_array::RecordBatch;

use super::lineage::{Ran, repartition, run_steps, schema, task};
use super::*;
use crate::driver::accumulator::Accumulator;
use crate::error::{Domain, Retry};
use crate::exec::executor::TaskResult;
use crate::exec::task_error::TaskError;
use crate::model::description::{Binding, OperatorDescription, OperatorKind};
use crate::model::id::StageId;
use crate::model::operation::{NativeOperator, Operation, OperatorRef, StepDeclaration};
use crate::model::operator::{Applied, AppliedRows, Operator, OperatorError, TaskScope};
use crate::model::status::BatchOutcome;

/// Rows of the batch.
const ROWS: u64 = 6;

/// Keeps all rows and counts them twice: as a plugin does, and as a closure of a program does.
#[derive(Debug)]
struct Counting(Accumulator);

impl Operator for Counting {
    fn label(&self) -> String {
        "count".to_owned()
    }

    fn apply(
        &self,
        scope: &mut TaskScope,
        _want_origin: bool,
        input: &RecordBatch,
    ) -> Result<Applied, OperatorError> {
        let rows = u32::try_from(input.num_rows()).expect("a few rows");
        scope.count("plugin", [("rows".to_owned(), u64::from(rows))]);
        self.0.add(u64::from(rows));
        let rows = AppliedRows::Selection((0..rows).collect());
        Ok(Applied { rows, origin: None, rejected: Vec::new() })
    }
}

/// Runs a batch that counts its rows in each of its three stages, and gives the program's sum.
fn counts(disturb: impl FnMut(&mut TaskResult, &mut EventLoop)) -> (Ran, u64) {
    let sum = Accumulator::new("seen");
    let count = || {
        let description = OperatorDescription {
            name: "count".to_owned(),
            kind: OperatorKind::Filter,
            doc: String::new(),
            binding: Binding::Position,
            input: schema(),
            output: schema(),
            parameters: Vec::new(),
            keys: StreamSchema::default(),
            broadcasts: Vec::new(),
            state: None,
        };
        let operator = Arc::new(Counting(sum.clone()));
        let operator = OperatorRef::Native(NativeOperator { description, operator });
        StepDeclaration::new(Operation::Apply(OperatorKind::Filter, operator))
    };
    let steps = vec![count(), repartition(), count(), repartition(), count()];
    let ran = run_steps(steps, disturb);
    (ran, sum.value())
}

/// Each row was counted once in each stage, and both ways of counting agree.
fn expect_once((ran, sum): &(Ran, u64)) {
    assert_eq!(ran.info.outcome, BatchOutcome::Completed);
    assert_eq!((ran.info.counters.of("plugin.rows"), *sum), (3 * ROWS, 3 * ROWS));
    assert_eq!(ran.info.counters.of("seen"), 3 * ROWS, "the batch's record tells it, too");
}

#[test]
fn rows_are_counted_once_where_nothing_goes_wrong() {
    expect_once(&counts(|_, _| ()));
}

/// The story: a map output was lost and made again, and its rows were counted again.
#[test]
fn what_is_made_again_is_not_counted_again() {
    let mut heard = 0;
    let counted = counts(|result, event_loop| {
        heard += usize::from(result.key.stage == StageId(1));
        if heard == 2 && result.key.stage == StageId(1) {
            let batch = event_loop.running.get_mut(&result.key.run).expect("it runs");
            batch.data.lose(task(1, 1 - result.key.partition));
            batch.data.lose(task(0, 1));
        }
    });
    assert_eq!(counted.0.info.recomputed, 2);
    expect_once(&counted);
}

fn broken(retry: Retry) -> TaskError {
    let (input, message) = ("a file".to_owned(), "the disk stood still".to_owned());
    TaskError::Input { input, message, domain: Domain::External, retry }
}

/// The story: counters left with each call that succeeded. A task that failed later was tried
/// again, and what its first attempt had counted stayed.
#[test]
fn an_attempt_that_fails_counts_nothing() {
    let mut once = true;
    let counted = counts(|result, _| {
        if result.key.stage == StageId(1) && std::mem::take(&mut once) {
            result.outcome = Err(broken(Retry::Backoff));
        }
    });
    assert_eq!(counted.0.info.retries, 1);
    expect_once(&counted);
}

#[test]
fn a_batch_that_fails_counts_nothing() {
    let (ran, sum) = counts(|result, _| {
        if result.key.stage == StageId(2) {
            result.outcome = Err(broken(Retry::Never));
        }
    });
    assert!(matches!(ran.info.outcome, BatchOutcome::Failed { .. }), "{:?}", ran.info);
    assert_eq!((ran.info.counters.iter().count(), sum), (0, 0));
    assert!(ran.tasks[&0] == 3 && ran.rows.is_empty(), "tasks before it had succeeded");
}
