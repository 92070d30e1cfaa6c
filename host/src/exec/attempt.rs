//! Exec: one attempt of a task: read, gather, steps, combine, write.
//!
//! Takes a bound stage and the slices of one partition. Gives the partition of a dataset or what a
//! shuffle is to carry. Never keeps anything for the next attempt.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;

use super::accumulator::Additions;
use super::fed_back::{FedRow, StepPlace, fed_into};
use super::gather::group_values;
use super::refused::{Refused, TaskPlace};
use super::stage::{BoundFold, BoundGather, BoundOutput, BoundStage};
use super::tap::{Shown, TapPlace, TapWish, Tapped};
use super::task_error::TaskError;
use crate::limits::{SLICE_BYTES_MAX, SLICE_ROWS_MAX};
use crate::model::counted::Counted;
use crate::model::operator::TaskScope;
use crate::model::stage::Partitioner;
use crate::operator::partition::{partition_in_turn, partition_of_rows, scatter};
use crate::operator::step::{BoundStep, run_step};
use crate::shuffle::map_output::MapOutput;
use crate::state::delta::StateDelta;

/// What a task made.
#[derive(Debug)]
pub enum TaskOutput {
    /// A partition of the stage's dataset.
    Dataset(Vec<RecordBatch>),
    /// All partitions of it, which its one task made.
    Apart(Vec<Vec<RecordBatch>>),
    /// What the stage's shuffle carries, by reduce partition.
    MapOutput(MapOutput),
}

/// What an attempt made, and the rows that were refused on the way.
#[derive(Debug)]
pub struct Attempted {
    /// The output.
    pub output: TaskOutput,
    /// Rows that operators refused.
    pub refused: Refused,
    /// Rows of the output.
    pub rows_out: u64,
    /// What became of the state of its partition, where it keeps one.
    pub state: Option<StateDelta>,
    /// What its operators counted.
    pub counted: Counted,
    /// What functions of the program added.
    pub added: Additions,
    /// What those see who look at its rows.
    pub shown: Vec<Shown>,
}

/// What a task is given beside its input.
#[derive(Debug, Default)]
pub struct Beside<'a> {
    /// Rows that are fed back to it.
    pub fed: &'a [FedRow],
    /// Who looks at its rows.
    pub taps: Arc<[TapWish]>,
}

/// What happens to rows beside their becoming others.
struct Aside {
    refused: Refused,
    tapped: Tapped,
}

impl Attempted {
    /// An attempt that made this, and counted nothing yet.
    fn new(output: TaskOutput, refused: Refused, rows_out: u64) -> Self {
        let (state, counted, added) = (None, Counted::default(), Additions::default());
        Self { output, refused, rows_out, state, counted, added, shown: Vec::new() }
    }
}

/// Runs the stage over what one partition reads, and over rows that are fed back to it.
///
/// # Errors
/// The first failure; nothing of the attempt remains.
pub fn attempt(
    stage: &BoundStage,
    scope: &mut TaskScope,
    input: Vec<Vec<RecordBatch>>,
    Beside { fed, taps }: Beside<'_>,
) -> Result<Attempted, TaskError> {
    if let BoundOutput::Apart = stage.output {
        let rows_out = input.iter().flatten().map(|slice| slice.num_rows() as u64).sum();
        return Ok(Attempted::new(TaskOutput::Apart(input), Refused::default(), rows_out));
    }
    let mut aside = Aside { refused: refused_of(stage, scope), tapped: Tapped::of(taps) };
    let (mut slices, state) = match &stage.gather {
        BoundGather::State(bound) => {
            let (rows, delta) = bound.run(scope, (&input.concat(), fed), &mut aside.refused)?;
            (rows, Some(delta))
        }
        _ => (gather(stage, scope, input)?, None),
    };
    aside.tapped.see_all(TapPlace::Gathered, &slices)?;
    let mut writer = Writer::new(stage);
    // The number of the first of the steps that are left.
    let (mut steps, mut first) = (stage.steps.as_slice(), 0);
    while let Some(whole_at) = steps.iter().position(|step| step.whole_partition) {
        let (before, after) = steps.split_at(whole_at);
        let mut ready = Vec::with_capacity(slices.len());
        for slice in slices {
            ready.extend(run_steps((before, first), scope, slice, &mut aside)?);
        }
        for (index, row) in fed_into(fed, first, whole_at) {
            if !aside.refused.feed(row)? {
                continue;
            }
            let steps = (&before[index..], first + index);
            ready.extend(run_steps(steps, scope, row.row.clone(), &mut aside)?);
        }
        aside.refused.fed();
        let schema = before.last().map_or(&stage.input_schema, |step| &step.schema);
        let whole = join(schema, ready)?;
        let whole = run_steps((&after[..1], first + whole_at), scope, whole, &mut aside)?;
        slices = whole.into_iter().flat_map(cut).collect();
        (steps, first) = (&after[1..], first + whole_at + 1);
    }
    for slice in slices {
        for slice in run_steps((steps, first), scope, slice, &mut aside)? {
            writer.write(scope, slice, &mut aside)?;
        }
    }
    for (index, row) in fed_into(fed, first, steps.len()) {
        if !aside.refused.feed(row)? {
            continue;
        }
        let steps = (&steps[index..], first + index);
        for slice in run_steps(steps, scope, row.row.clone(), &mut aside)? {
            writer.write(scope, slice, &mut aside)?;
        }
    }
    aside.refused.fed();
    let (output, rows_out) = writer.finish(scope)?;
    let (counted, shown) = (std::mem::take(&mut scope.counted), aside.tapped.into_shown());
    Ok(Attempted { state, counted, shown, ..Attempted::new(output, aside.refused, rows_out) })
}

fn refused_of(stage: &BoundStage, scope: &TaskScope) -> Refused {
    let place = TaskPlace {
        time: scope.facts.batch_time,
        stage: stage.id,
        stream: stage.stream.clone(),
        partition: scope.facts.partition,
    };
    Refused::of_task(place, stage.bad_rows.keep, stage.bad_rows.poison_max)
}

fn gather(
    stage: &BoundStage,
    scope: &mut TaskScope,
    mut input: Vec<Vec<RecordBatch>>,
) -> Result<Vec<RecordBatch>, TaskError> {
    match &stage.gather {
        BoundGather::Slide(slide) => {
            return Ok(slide.run(scope, input)?.map(cut).unwrap_or_default());
        }
        BoundGather::Join(join) => return join.run(&input),
        _ => {}
    }
    let input = if input.len() == 1 { input.remove(0) } else { input.concat() };
    match &stage.gather {
        BoundGather::Append
        | BoundGather::Slide(_)
        | BoundGather::Join(_)
        | BoundGather::State(_) => Ok(input),
        BoundGather::Fold(fold) => Ok(match fold.merge_slices(scope, &input)? {
            Some(folded) => cut(folded),
            None if scope.facts.partition == 0 => {
                fold.empty_row(&fold.schema)?.into_iter().collect()
            }
            None => Vec::new(),
        }),
        BoundGather::Group { keys } => match input.first() {
            None => Ok(input),
            Some(first) => {
                let rows = concat_batches(&first.schema(), &input)?;
                Ok(cut(group_values(&stage.input_schema, *keys, &rows)?))
            }
        },
    }
}

/// Runs steps, of which the first has that number.
fn run_steps(
    (steps, first): (&[BoundStep], usize),
    scope: &mut TaskScope,
    slice: RecordBatch,
    Aside { refused, tapped }: &mut Aside,
) -> Result<Vec<RecordBatch>, TaskError> {
    let mut slices = vec![slice];
    for (number, step) in (first..).zip(steps) {
        refused.at(StepPlace::Step(number));
        let digest = step.call.as_ref().and_then(|(operator, _)| operator.digest());
        let mut made = Vec::with_capacity(slices.len());
        for slice in slices {
            if slice.num_rows() == 0 && !step.whole_partition {
                made.push(RecordBatch::new_empty(SchemaRef::clone(&step.schema)));
                continue;
            }
            made.extend(refused.call(digest, scope, &slice, &mut |scope, slice| {
                Ok(run_step(step, scope, slice)?)
            })?);
        }
        tapped.see_all(TapPlace::After(number), &made)?;
        slices = made;
    }
    Ok(slices)
}

fn join(schema: &SchemaRef, mut slices: Vec<RecordBatch>) -> Result<RecordBatch, ArrowError> {
    match slices.len() {
        0 => Ok(RecordBatch::new_empty(SchemaRef::clone(schema))),
        1 => Ok(slices.remove(0)),
        _ => concat_batches(schema, &slices),
    }
}

/// Cuts rows into slices by the rule blocks are cut by, so that a replay makes the same calls.
pub fn cut(rows: RecordBatch) -> Vec<RecordBatch> {
    let count = rows.num_rows();
    if count == 0 {
        return Vec::new();
    }
    let row_bytes = rows.get_array_memory_size().div_ceil(count).max(1);
    let rows_max = (SLICE_BYTES_MAX / row_bytes).clamp(1, SLICE_ROWS_MAX);
    if count <= rows_max {
        return vec![rows];
    }
    (0..count).step_by(rows_max).map(|at| rows.slice(at, rows_max.min(count - at))).collect()
}

/// Takes slices after the last step and makes the task's output of them.
struct Writer<'a> {
    stage: &'a BoundStage,
    slices: Vec<RecordBatch>,
    rows: u64,
}

impl<'a> Writer<'a> {
    fn new(stage: &'a BoundStage) -> Self {
        Self { stage, slices: Vec::new(), rows: 0 }
    }

    fn write(
        &mut self,
        scope: &mut TaskScope,
        slice: RecordBatch,
        Aside { refused, .. }: &mut Aside,
    ) -> Result<(), TaskError> {
        if slice.num_rows() == 0 {
            return Ok(());
        }
        self.rows += slice.num_rows() as u64;
        refused.at(StepPlace::Step(self.stage.steps.len()));
        self.slices.push(match self.combine() {
            Some(fold) => {
                let (digest, keys) = (fold.operator.digest(), fold.keys);
                refused.call_fold(digest, scope, (&slice, keys), &mut |scope, slice| {
                    Ok((fold.combine(scope, slice)?, Vec::new()))
                })?
            }
            None => slice,
        });
        Ok(())
    }

    fn combine(&self) -> Option<&'a BoundFold> {
        match &self.stage.output {
            BoundOutput::Shuffle { combine, .. } => combine.as_ref(),
            BoundOutput::Dataset | BoundOutput::Apart => None,
        }
    }

    fn finish(mut self, scope: &mut TaskScope) -> Result<(TaskOutput, u64), TaskError> {
        let BoundOutput::Shuffle { by, partitions, .. } = &self.stage.output else {
            return Ok((TaskOutput::Dataset(self.slices), self.rows));
        };
        if let (Some(fold), true) = (self.combine(), self.slices.len() > 1) {
            self.slices = fold.combine_slices(scope, self.slices)?;
        }
        let mut written: MapOutput = vec![Vec::new(); *partitions];
        let mut turn = scope.facts.seed;
        for slice in &self.slices {
            let rows = slice.num_rows();
            let partition_of_row = match by {
                Partitioner::Hash { keys } => partition_of_rows(
                    &slice.columns()[..*keys],
                    rows,
                    *partitions,
                    self.stage.hash_seed,
                )?,
                Partitioner::RoundRobin => {
                    let start = turn;
                    turn = turn.wrapping_add(rows as u64);
                    partition_in_turn(rows, *partitions, start)
                }
            };
            for (part, target) in
                scatter(slice, &partition_of_row, *partitions)?.into_iter().zip(&mut written)
            {
                if part.num_rows() > 0 {
                    target.push(part);
                }
            }
        }
        Ok((TaskOutput::MapOutput(written), self.rows))
    }
}
