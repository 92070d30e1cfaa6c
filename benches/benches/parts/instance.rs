//! Instance: what a task costs that has a guest do next to nothing.
//!
//! Takes batches of no row, of one and of a few. Gives the time of a fresh instance with one call,
//! its end counted, and of a further call on an instance that is there. The median and the 99th
//! percentile are what the target is set for.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, StringArray};
use criterion::Criterion;
use tidemill::model::operator::{Phase, SharedOperator, TaskFacts, TaskScope};
use tidemill::model::time::BatchTime;

use super::rig;
use super::timings::Timings;

/// Rows of the fold, each a group of its own.
const FOLDED_ROWS: u32 = 81;
/// Input that earns enough CPU time for every call of the bench.
const ROWS_WITHOUT_END: u64 = 1 << 40;

/// Measures the part.
pub fn measure(criterion: &mut Criterion) {
    let mut timings = Timings::of_short(criterion, "instance");
    timings.time("fresh, no row", || {
        let echo = rig::guest(rig::test_guest("unruly")?, &["echo"])?;
        Ok(fresh(echo, lines(&[])?))
    });
    timings.time("fresh, one row", || {
        let chain = rig::guest(rig::word_count()?, &rig::CHAIN)?;
        Ok(fresh(chain, lines(&["to be or not to be"])?))
    });
    timings.time("fresh, fold of 81 rows", || {
        let add = rig::guest(rig::word_count()?, &["add"])?;
        let ones = Int64Array::from(vec![1; FOLDED_ROWS as usize]);
        let ones = RecordBatch::try_from_iter([("n", Arc::new(ones) as _)])?;
        let groups: Vec<u32> = (0..FOLDED_ROWS).collect();
        Ok(move || {
            let folded = add.fold(&mut scope(1), Phase::Values, &ones, &groups, FOLDED_ROWS);
            folded.expect("numbers can be added").num_rows()
        })
    });
    timings.time("kept, one row", || {
        let chain = rig::guest(rig::word_count()?, &rig::CHAIN)?;
        let (line, mut scope) = (lines(&["to be or not to be"])?, scope(ROWS_WITHOUT_END));
        Ok(move || called(&chain, &mut scope, &line))
    });
    timings.end();
}

/// A task of its own each time. Its instance goes with its scope.
fn fresh(operator: SharedOperator, input: RecordBatch) -> impl FnMut() -> usize {
    move || called(&operator, &mut scope(1), &input)
}

fn called(operator: &SharedOperator, scope: &mut TaskScope, input: &RecordBatch) -> usize {
    let made = rig::applied(&**operator, scope, input);
    made.expect("a guest of the project takes lines").num_rows()
}

fn lines(lines: &[&str]) -> anyhow::Result<RecordBatch> {
    let lines = StringArray::from(lines.to_vec());
    Ok(RecordBatch::try_from_iter([("line", Arc::new(lines) as _)])?)
}

fn scope(input_rows: u64) -> TaskScope {
    let (batch_time, partition, seed) = (BatchTime(0), 0, 0);
    TaskScope::new(TaskFacts { batch_time, partition, seed, input_rows, input_bytes: 0 })
}
