//! Border: what it costs to have rows made by a guest instead of by the host.
//!
//! Takes the lines of the text in slices, as one task has them. Gives the time of a batch that
//! goes in and out unchanged, of `split` and `pair` in the SDK's chain beside a loop by hand and
//! the same operators natively, and of the whole map task of a word count. A round is a task: a
//! fresh instance, then a call a slice.

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::RecordBatch;
use criterion::{Criterion, Throughput};
use tidemill::exec::attempt::{Beside, attempt};
use tidemill::exec::stage::{BadRows, BoundFold, BoundGather, BoundOutput, BoundStage};
use tidemill::model::id::StageId;
use tidemill::model::operator::SharedOperator;
use tidemill::model::stage::{Attach, Partitioner};
use tidemill::operator::step::BoundStep;
use tidemill_benches::text::WORDS_PER_LINE;

use super::rig;
use super::timings::Timings;

/// Reduce partitions that the map task writes for: one a core of a small machine.
const PARTITIONS: usize = 2;

/// Measures the part.
pub fn measure(criterion: &mut Criterion) {
    let lines: Arc<[RecordBatch]> = rig::lines().into();
    echo(criterion, &lines);
    chain(criterion, &lines);
    map_task(criterion, &lines);
}

fn echo(criterion: &mut Criterion, lines: &Arc<[RecordBatch]>) {
    let work = Throughput::Bytes(bytes(lines));
    let mut timings = Timings::of_long(criterion, "border, unchanged", work);
    timings.time("copy", || {
        let lines = Arc::clone(lines);
        Ok(move || copied(&lines))
    });
    timings.time("in and out", || {
        let echo = rig::guest(rig::test_guest("unruly")?, &["echo"])?;
        rounds(echo, lines, rows_of(lines))
    });
    timings.end();
}

fn chain(criterion: &mut Criterion, lines: &Arc<[RecordBatch]>) {
    let work = Throughput::Elements(rows_of(lines) as u64);
    let words = rows_of(lines) * WORDS_PER_LINE as usize;
    let mut timings = Timings::of_long(criterion, "border, split and pair", work);
    timings.time("hand-fused guest", || {
        let fused = rig::guest(rig::test_guest("hand_fused")?, &["split_and_pair"])?;
        rounds(fused, lines, words)
    });
    timings
        .time("guest chain", || rounds(rig::guest(rig::word_count()?, &rig::CHAIN)?, lines, words));
    timings.time("native chain", || rounds(rig::native(&rig::CHAIN)?, lines, words));
    timings.end();
}

fn map_task(criterion: &mut Criterion, lines: &Arc<[RecordBatch]>) {
    let work = Throughput::Elements(rows_of(lines) as u64);
    let mut timings = Timings::of_long(criterion, "border, map task of a word count", work);
    timings
        .time("native", || Ok(attempts(rig::native(&rig::CHAIN)?, rig::native(&["add"])?, lines)));
    timings.time("guest", || {
        let plugin = rig::word_count()?;
        let chain = rig::guest(Arc::clone(&plugin), &rig::CHAIN)?;
        Ok(attempts(chain, rig::guest(plugin, &["add"])?, lines))
    });
    timings.end();
}

/// The attempt of a map task: split, pair, combine, write by partition.
fn attempts(
    chain: SharedOperator,
    add: SharedOperator,
    lines: &Arc<[RecordBatch]>,
) -> impl FnMut() -> u64 + use<> {
    let schema = rig::count_schema().to_arrow();
    let step = BoundStep {
        label: "split and pair".to_owned(),
        project: vec![0],
        call: Some((chain, Attach::Replace)),
        whole_partition: false,
        schema: Arc::clone(&schema),
    };
    let combine = Some(BoundFold { operator: add, keys: 1, zero_when_empty: false, schema });
    let by = Partitioner::Hash { keys: 1 };
    let stage = BoundStage {
        id: StageId(0),
        stream: "counts".to_owned(),
        gather: BoundGather::Append,
        input_schema: rig::line_schema().to_arrow(),
        steps: vec![step],
        output: BoundOutput::Shuffle { by, partitions: PARTITIONS, combine },
        hash_seed: 1,
        bad_rows: BadRows::default(),
    };
    let lines = Arc::clone(lines);
    move || {
        let made = attempt(&stage, &mut rig::task(&lines), vec![lines.to_vec()], Beside::default());
        made.expect("operators of the project count words").rows_out
    }
}

/// A task over all slices, each answer dropped before the next call, as a combine does. All who
/// are compared must make so many rows.
fn rounds(
    operator: SharedOperator,
    lines: &Arc<[RecordBatch]>,
    expected: usize,
) -> anyhow::Result<impl FnMut() -> usize + use<>> {
    let lines = Arc::clone(lines);
    let round = move || {
        let mut scope = rig::task(&lines);
        let rows = |slice| {
            let made = rig::applied(&*operator, &mut scope, slice);
            made.expect("an operator of the project takes lines").num_rows()
        };
        lines.iter().map(rows).sum()
    };
    let made = round();
    anyhow::ensure!(made == expected, "it made {made} rows, expected {expected}");
    Ok(round)
}

fn rows_of(lines: &[RecordBatch]) -> usize {
    lines.iter().map(RecordBatch::num_rows).sum()
}

/// Every buffer copied in and out again, as the border at least does.
fn copied(lines: &[RecordBatch]) -> usize {
    let copy = |bytes: &[u8]| black_box(black_box(bytes.to_vec()).to_vec()).len();
    let buffers = |slice: &RecordBatch| -> usize {
        let data = slice.column(0).to_data();
        data.buffers().iter().map(|buffer| copy(buffer.as_slice())).sum()
    };
    lines.iter().map(buffers).sum()
}

/// The bytes of all offsets and values.
fn bytes(lines: &[RecordBatch]) -> u64 {
    let buffers = |slice: &RecordBatch| -> usize {
        slice.column(0).to_data().buffers().iter().map(|buffer| buffer.len()).sum()
    };
    lines.iter().map(buffers).sum::<usize>() as u64
}
