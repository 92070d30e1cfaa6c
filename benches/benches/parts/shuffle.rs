//! Shuffle: from the rows of map tasks to those of reduce tasks.
//!
//! Takes word counts as map tasks combine them, and words as `group_by_key` leaves them. Gives the
//! time to find each row's partition, to part the rows, and to merge what map tasks wrote.

use std::sync::Arc;

use arrow_array::RecordBatch;
use criterion::{Criterion, Throughput};
use tidemill::exec::stage::BoundFold;
use tidemill::model::operation::BuiltInFold;
use tidemill::model::operator::{Phase, SharedOperator};
use tidemill::operator::partition::{partition_of_rows, scatter};
use tidemill::shuffle::map_output::{MapOutput, MapOutputs};

use super::rig;
use super::timings::Timings;

const PARTITIONS: usize = 8;
const MAP_TASKS: usize = 16;
const SEED: u64 = 1;

/// Measures the part.
pub fn measure(criterion: &mut Criterion) {
    write(criterion);
    merge(criterion);
}

fn write(criterion: &mut Criterion) {
    let rows = rig::text().lines() as u64 * tidemill_benches::text::WORDS_PER_LINE;
    let mut timings = Timings::of_long(criterion, "shuffle, words", Throughput::Elements(rows));
    timings.time("partition", || {
        let words = rig::words()?;
        Ok(move || words.iter().map(partitions).map(|found| found.len()).sum::<usize>())
    });
    timings.time("scatter", || {
        let words = rig::words()?;
        let targets: Vec<Vec<u32>> = words.iter().map(partitions).collect();
        Ok(move || {
            let parted = |(slice, to): (&RecordBatch, &Vec<u32>)| parts(slice, to).len();
            words.iter().zip(&targets).map(parted).sum::<usize>()
        })
    });
    timings.end();
    let mut timings = Timings::of_short(criterion, "shuffle, counts of one map task");
    timings.time("partition", || {
        let counts = counts()?;
        Ok(move || partitions(&counts))
    });
    timings.time("partition and scatter", || {
        let counts = counts()?;
        Ok(move || written(&counts))
    });
    timings.end();
}

fn merge(criterion: &mut Criterion) {
    let mut timings = Timings::of_short(criterion, "shuffle, merge of 16 map outputs");
    timings.time("read", || {
        let outputs = outputs()?;
        Ok(move || (0..PARTITIONS).map(|at| outputs.read(at).len()).sum::<usize>())
    });
    timings.time("read and fold, built in", || merged(Arc::new(BuiltInFold::Sum)));
    timings.time("read and fold, native", || merged(rig::native(&["add"])?));
    timings.time("read and fold, guest", || merged(rig::guest(rig::word_count()?, &["add"])?));
    timings.end();
}

/// Every reduce task of the stage, one after the other.
fn merged(operator: SharedOperator) -> anyhow::Result<impl FnMut() -> usize> {
    let (outputs, fold) = (outputs()?, fold(operator));
    Ok(move || {
        let reduced = |partition| {
            let slices = outputs.read(partition);
            let folded = fold.merge_slices(&mut rig::task(&slices), &slices);
            folded.expect("numbers can be added").map_or(0, |rows| rows.num_rows())
        };
        (0..PARTITIONS).map(reduced).sum()
    })
}

fn fold(operator: SharedOperator) -> BoundFold {
    let schema = rig::count_schema().to_arrow();
    BoundFold { operator, keys: 1, zero_when_empty: false, schema }
}

/// The counts of all words of the text: what one map task writes.
pub fn counts() -> anyhow::Result<RecordBatch> {
    let (words, fold) = (rig::words()?, fold(Arc::new(BuiltInFold::Sum)));
    let mut scope = rig::task(&words);
    let combined = words.iter().map(|slice| fold.run(&mut scope, Phase::Values, slice));
    let combined = combined.collect::<Result<Vec<_>, _>>()?;
    let counts = fold.merge_slices(&mut scope, &combined)?;
    counts.ok_or_else(|| anyhow::anyhow!("the text has no words"))
}

fn outputs() -> anyhow::Result<MapOutputs> {
    let counts = counts()?;
    let mut outputs = MapOutputs::new(MAP_TASKS);
    (0..MAP_TASKS).for_each(|task| outputs.store(task, written(&counts)));
    Ok(outputs)
}

fn written(rows: &RecordBatch) -> MapOutput {
    parts(rows, &partitions(rows)).into_iter().map(|part| vec![part]).collect()
}

fn partitions(rows: &RecordBatch) -> Vec<u32> {
    partition_of_rows(rig::keys(rows), rows.num_rows(), PARTITIONS, SEED)
        .expect("words can be hashed")
}

fn parts(rows: &RecordBatch, partition_of_row: &[u32]) -> Vec<RecordBatch> {
    scatter(rows, partition_of_row, PARTITIONS).expect("every row is in range")
}
