//! Exec: what is kept for each key: looked up, handed to the operator, changed.
//!
//! Takes the rows of one partition and its state. Gives rows and what the task changed. Never
//! changes the state itself: the driver does, when the batch has succeeded.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use arrow_select::interleave::interleave;
use arrow_select::take::{take, take_record_batch};

use super::attempt::cut;
use super::fed_back::{FedRow, StepPlace, fed_into_state};
use super::gather::rows_by_group;
use super::refused::Refused;
use super::stage::BoundState;
use super::task_error::TaskError;
use crate::limits::SLICE_ROWS_MAX;
use crate::model::operator::TaskScope;
use crate::model::stage::StateMode;
use crate::model::stateful::{StateChange, StatefulAnswer, StatefulCall};
use crate::model::time::BatchTime;
use crate::operator::canonical::canonical_keys;
use crate::operator::group::group_rows;
use crate::state::codec::RowCodec;
use crate::state::delta::{Changed, StateDelta};
use crate::state::store::{OpenPartition, StateStore};

/// The state of one partition within a task.
struct Work<'a> {
    bound: &'a BoundState,
    table: OpenPartition<'a>,
    keys: RowCodec,
    states: RowCodec,
    delta: StateDelta,
}

/// Keys of one call with what is known of them.
struct Keys {
    /// As they came.
    rows: RecordBatch,
    /// In the form that the state knows.
    encoded: Vec<Box<[u8]>>,
    has_state: Vec<bool>,
    states: RecordBatch,
}

impl BoundState {
    /// Runs the step over the rows of a partition, and over rows that are fed back to it.
    ///
    /// # Errors
    /// When the operator failed or its answer does not fit.
    pub fn run(
        &self,
        scope: &mut TaskScope,
        (input, fed): (&[RecordBatch], &[FedRow]),
        refused: &mut Refused,
    ) -> Result<(Vec<RecordBatch>, StateDelta), TaskError> {
        let partition = scope.facts.partition as usize;
        let mut work = Work {
            bound: self,
            table: self.store.open(partition, scope.facts.batch_time),
            keys: self.store.key_codec()?,
            states: self.store.state_codec()?,
            delta: StateDelta::default(),
        };
        let rows = match self.mode {
            StateMode::Map { timeout } => {
                refused.at(StepPlace::State);
                let mut rows = work.map(scope, input, refused)?;
                for row in fed_into_state(fed) {
                    if !refused.feed(row)? {
                        continue;
                    }
                    rows.extend(work.map(scope, std::slice::from_ref(&row.row), refused)?);
                }
                refused.fed();
                if let Some(timeout) = timeout {
                    rows.extend(work.time_out(scope, timeout)?);
                }
                rows
            }
            StateMode::Update { changed_only } => {
                let mut rows = work.update_touched(scope, input)?;
                if !changed_only {
                    rows.extend(work.update_others(scope)?);
                }
                rows
            }
        };
        Ok((rows, work.delta))
    }
}

impl Work<'_> {
    /// Slice by slice, the operator being called for each value in the order they came.
    fn map(
        &mut self,
        scope: &mut TaskScope,
        input: &[RecordBatch],
        refused: &mut Refused,
    ) -> Result<Vec<RecordBatch>, TaskError> {
        let mut rows = Vec::new();
        for slice in input.iter().filter(|slice| slice.num_rows() > 0) {
            let digest = self.bound.operator.digest();
            let (keys, answer) = refused.call(digest, scope, slice, &mut |scope, slice| {
                let (keys, mut answer) = self.call_slice(scope, slice)?;
                let rejected = std::mem::take(&mut answer.rejected);
                Ok(((keys, answer), rejected))
            })?;
            self.note(&keys, &answer, true)?;
            rows.extend(cut(self.named(&answer.rows)?));
        }
        Ok(rows)
    }

    /// Calls for each row of a slice; changes nothing yet.
    fn call_slice(
        &self,
        scope: &mut TaskScope,
        slice: &RecordBatch,
    ) -> Result<(Keys, StatefulAnswer), TaskError> {
        let columns = &slice.columns()[..self.bound.keys];
        let groups = group_rows(columns, slice.num_rows())?;
        let firsts = UInt32Array::from(groups.first_rows.clone());
        let keys = self.look_up(self.key_rows(columns, &firsts)?)?;
        let values = self.values(slice)?;
        let call = (&values, groups.group_of_row.as_slice(), false);
        let answer = self.call(scope, &keys, call)?;
        Ok((keys, answer))
    }

    /// Keys for which nothing came for too long, now or ever since.
    fn time_out(
        &mut self,
        scope: &mut TaskScope,
        timeout: std::time::Duration,
    ) -> Result<Vec<RecordBatch>, TaskError> {
        let before = scope.facts.batch_time.before(timeout);
        let late = self.table.silent_since(before).filter(|(key, _)| self.delta.get(key).is_none());
        let late: Vec<Box<[u8]>> = late.map(|(key, _)| key.into()).collect();
        let mut rows = Vec::new();
        for late in late.chunks(SLICE_ROWS_MAX) {
            let keys = self.keys.decode(late.iter().map(|key| &**key))?;
            let keys = self.look_up(keys)?;
            let none = RecordBatch::new_empty(Arc::clone(&self.bound.values));
            let answer = self.call(scope, &keys, (&none, &[], true))?;
            keys.encoded.iter().for_each(|key| self.delta.set(key, Changed::Removed));
            rows.extend(cut(self.named(&answer.rows)?));
        }
        Ok(rows)
    }

    /// Keys for which something came, each with all that came for it.
    fn update_touched(
        &mut self,
        scope: &mut TaskScope,
        input: &[RecordBatch],
    ) -> Result<Vec<RecordBatch>, TaskError> {
        let Some(first) = input.first() else { return Ok(Vec::new()) };
        let all = concat_batches(&first.schema(), input)?;
        let columns = &all.columns()[..self.bound.keys];
        let groups = group_rows(columns, all.num_rows())?;
        let (order, starts) = rows_by_group(&groups.group_of_row, groups.first_rows.len())?;
        let mut rows = Vec::new();
        let mut from = 0;
        while from < groups.first_rows.len() {
            // As many keys as fit a slice with their values, but one at least.
            let limit = starts[from] as usize + SLICE_ROWS_MAX;
            let fit = starts[from + 1..].partition_point(|end| *end as usize <= limit);
            let to = (from + fit.clamp(1, SLICE_ROWS_MAX)).min(groups.first_rows.len());
            let (begin, end) = (starts[from] as usize, starts[to] as usize);
            let firsts = UInt32Array::from(groups.first_rows[from..to].to_vec());
            let keys = self.look_up(self.key_rows(columns, &firsts)?)?;
            // In the order in which they came, so that the operator sees a slice as it was.
            let mut rows_of_keys = order.values()[begin..end].to_vec();
            rows_of_keys.sort_unstable();
            let key_of_row: Vec<u32> = rows_of_keys
                .iter()
                .map(|row| groups.group_of_row[*row as usize] - from as u32)
                .collect();
            let slice = take_record_batch(&all, &UInt32Array::from(rows_of_keys))?;
            let values = self.values(&slice)?;
            rows.extend(self.update(scope, &keys, (&values, &key_of_row))?);
            from = to;
        }
        Ok(rows)
    }

    /// All other keys that have a state.
    fn update_others(&mut self, scope: &mut TaskScope) -> Result<Vec<RecordBatch>, TaskError> {
        let others = self.table.iter().filter(|(key, _)| self.delta.get(key).is_none());
        let others: Vec<Box<[u8]>> = others.map(|(key, _)| key.into()).collect();
        let none = RecordBatch::new_empty(Arc::clone(&self.bound.values));
        let mut rows = Vec::new();
        for others in others.chunks(SLICE_ROWS_MAX) {
            let keys = self.keys.decode(others.iter().map(|key| &**key))?;
            let keys = self.look_up(keys)?;
            rows.extend(self.update(scope, &keys, (&none, &[]))?);
        }
        Ok(rows)
    }

    /// One call of an update, and the keys it leaves with their states.
    fn update(
        &mut self,
        scope: &mut TaskScope,
        keys: &Keys,
        (values, key_of_row): (&RecordBatch, &[u32]),
    ) -> Result<Vec<RecordBatch>, TaskError> {
        let answer = self.call(scope, keys, (values, key_of_row, false))?;
        self.note(keys, &answer, false)?;
        Ok(cut(self.show(keys, &answer)?))
    }

    fn call(
        &self,
        scope: &mut TaskScope,
        keys: &Keys,
        (values, key_of_row, timing_out): (&RecordBatch, &[u32], bool),
    ) -> Result<StatefulAnswer, TaskError> {
        let call = StatefulCall {
            keys: &keys.rows.project(&self.bound.shown)?,
            values,
            key_of_row,
            has_state: &keys.has_state,
            states: &keys.states,
            timing_out,
        };
        Ok(self.bound.operator.update(scope, call)?)
    }

    fn key_rows(
        &self,
        columns: &[ArrayRef],
        rows: &UInt32Array,
    ) -> Result<RecordBatch, ArrowError> {
        let keys = columns.iter().map(|key| take(key, rows, None)).collect::<Result<_, _>>()?;
        with_rows(&self.bound.key_schema, keys, rows.len())
    }

    /// What the operator gives, under the names that the step has for it.
    fn named(&self, made: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        with_rows(&self.bound.shows, made.columns().to_vec(), made.num_rows())
    }

    /// The value columns of rows.
    fn values(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let values = rows.columns()[self.bound.keys..].to_vec();
        with_rows(&self.bound.values, values, rows.num_rows())
    }

    /// The states of keys as this task has left them.
    fn look_up(&self, rows: RecordBatch) -> Result<Keys, TaskError> {
        let encoded = self.keys.encode(&canonical_keys(rows.columns()))?;
        let encoded: Vec<Box<[u8]>> =
            (0..rows.num_rows()).map(|row| encoded.row(row).into()).collect();
        let states: Vec<Option<&[u8]>> = encoded.iter().map(|key| self.state_of(key)).collect();
        let has_state = states.iter().map(Option::is_some).collect();
        let states: Vec<&[u8]> = states.into_iter().flatten().collect();
        let states = self.states.decode(states.into_iter())?;
        Ok(Keys { rows, encoded, has_state, states })
    }

    fn state_of(&self, key: &[u8]) -> Option<&[u8]> {
        match self.delta.get(key) {
            Some(Changed::Put(state)) => Some(state),
            Some(Changed::Removed) => None,
            Some(Changed::Touched) | None => self.table.get(key),
        }
    }

    /// Notes what an answer changes. `came`: something came for all of the keys, so that they are
    /// not silent even if their state stays as it is.
    fn note(&mut self, keys: &Keys, answer: &StatefulAnswer, came: bool) -> Result<(), TaskError> {
        let states = self.states.encode(answer.states.columns())?;
        let mut updated = 0..;
        for ((key, change), had) in keys.encoded.iter().zip(&answer.changes).zip(&keys.has_state) {
            match change {
                StateChange::Update => {
                    let row = updated.next().unwrap_or_default();
                    self.delta.set(key, Changed::Put(states.row(row).into()));
                }
                StateChange::Remove => self.delta.set(key, Changed::Removed),
                // What was put in this task stays put.
                StateChange::Keep if came && *had && self.delta.get(key).is_none() => {
                    self.delta.set(key, Changed::Touched);
                }
                StateChange::Keep => {}
            }
        }
        Ok(())
    }

    /// The keys that have a state after the call, with it.
    fn show(&self, keys: &Keys, answer: &StatefulAnswer) -> Result<RecordBatch, TaskError> {
        let (mut before, mut after) = (0..keys.states.num_rows(), 0..answer.states.num_rows());
        let mut from = Vec::with_capacity(keys.encoded.len());
        let mut alive = Vec::with_capacity(keys.encoded.len());
        for (change, had) in answer.changes.iter().zip(&keys.has_state) {
            let old = if *had { before.next() } else { None };
            let place = match change {
                StateChange::Update => after.next().map(|row| (1, row)),
                StateChange::Keep => old.map(|row| (0, row)),
                StateChange::Remove => None,
            };
            alive.push(place.is_some());
            from.extend(place);
        }
        let alive_keys = filter_record_batch(&keys.rows, &BooleanArray::from(alive))?;
        let mut columns = alive_keys.columns().to_vec();
        for (old, new) in keys.states.columns().iter().zip(answer.states.columns()) {
            columns.push(interleave(&[old, new], &from)?);
        }
        Ok(with_rows(&self.bound.schema, columns, from.len())?)
    }
}

/// All keys of a partition with their states, as a task of this batch left them.
///
/// # Errors
/// When what is kept does not decode: a bug of the host.
pub fn snapshot(
    store: &StateStore,
    delta: Option<&StateDelta>,
    schema: &SchemaRef,
    (partition, time): (usize, BatchTime),
) -> Result<Vec<RecordBatch>, TaskError> {
    let table = store.open(partition, time);
    let (keys, states) = (store.key_codec()?, store.state_codec()?);
    let changed = |key: &[u8]| delta.and_then(|delta| delta.get(key));
    let kept = table.iter().filter_map(|(key, state)| match changed(key) {
        Some(Changed::Put(state)) => Some((key, &**state)),
        Some(Changed::Removed) => None,
        Some(Changed::Touched) | None => Some((key, state)),
    });
    let new = delta.iter().flat_map(|delta| delta.entries()).filter_map(|(key, changed)| {
        let Changed::Put(state) = changed else { return None };
        table.get(key).is_none().then_some((key, &**state))
    });
    let all: Vec<(&[u8], &[u8])> = kept.chain(new).collect();
    let slices = all.chunks(SLICE_ROWS_MAX).map(|all| {
        let mut columns = keys.decode(all.iter().map(|(key, _)| *key))?.columns().to_vec();
        columns.extend_from_slice(states.decode(all.iter().map(|(_, state)| *state))?.columns());
        Ok(cut(with_rows(schema, columns, all.len())?))
    });
    Ok(slices.collect::<Result<Vec<_>, TaskError>>()?.concat())
}

fn with_rows(
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}
