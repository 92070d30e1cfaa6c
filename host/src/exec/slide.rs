//! Exec: a window made of the one before: what has left is taken out, what has come is folded in.
//!
//! Takes the result of the window before, and partial results that left and came. Gives the result
//! of this window, with the number of batches in which each key occurs. Never reads the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use arrow_select::interleave::interleave;

use super::stage::BoundSlide;
use super::task_error::TaskError;
use crate::model::operator::{Phase, TaskScope};
use crate::operator::group::group_rows;

impl BoundSlide {
    /// The result of a window: `[before, left, come]`, the first with counts, the others without.
    ///
    /// # Errors
    /// When an operator failed or its answer does not fit.
    pub fn run(
        &self,
        scope: &mut TaskScope,
        input: Vec<Vec<RecordBatch>>,
    ) -> Result<Option<RecordBatch>, TaskError> {
        let Ok([before, left, come]) = <[Vec<RecordBatch>; 3]>::try_from(input) else {
            let message = "a sliding window reads three runs".to_owned();
            return Err(ArrowError::ComputeError(message).into());
        };
        let before = concat_batches(&self.schema, &before)?;
        let before = match self.folded(scope, &left)? {
            Some(left) => self.without(scope, before, &left)?,
            None => before,
        };
        let come = concat_batches(&self.fold.schema, &come)?;
        if before.num_rows() + come.num_rows() == 0 {
            let first = scope.facts.partition == 0;
            return if first { self.fold.empty_row(&self.schema) } else { Ok(None) };
        }
        self.with(scope, &before, &come).map(Some)
    }

    /// Partial results of several batches by key, with the number of batches of each.
    fn folded(
        &self,
        scope: &mut TaskScope,
        partials: &[RecordBatch],
    ) -> Result<Option<RecordBatch>, TaskError> {
        let partials = concat_batches(&self.fold.schema, partials)?;
        if partials.num_rows() == 0 {
            return Ok(None);
        }
        let none = RecordBatch::new_empty(Arc::clone(&self.schema));
        self.with(scope, &none, &partials).map(Some)
    }

    /// The window before without what has left it.
    fn without(
        &self,
        scope: &mut TaskScope,
        before: RecordBatch,
        left: &RecordBatch,
    ) -> Result<RecordBatch, TaskError> {
        let keys = self.fold.keys;
        let both = concat_batches(&self.schema, [&before, left])?;
        let groups = group_rows(&both.columns()[..keys], both.num_rows())?;
        let known = u32::try_from(before.num_rows()).unwrap_or(u32::MAX);
        // Each key stands once in each of the two, so a row of `before` is a group's first.
        let leaving = &groups.group_of_row[before.num_rows()..];
        if let Some(stranger) = leaving.iter().find(|group| **group >= known) {
            let message = format!("key {stranger} left a window in which it never was");
            return Err(ArrowError::ComputeError(message).into());
        }
        let values: Vec<usize> = (keys..self.fold.schema.fields().len()).collect();
        let rows = UInt32Array::from(leaving.to_vec());
        let minuend = arrow_select::take::take_record_batch(&before.project(&values)?, &rows)?;
        let remaining = self.inverse.merge(scope, &minuend, &left.project(&values)?)?;

        let place_of: BTreeMap<u32, usize> = leaving.iter().copied().zip(0..).collect();
        let from: Vec<(usize, usize)> = (0..known)
            .map(|row| place_of.get(&row).map_or((0, row as usize), |place| (1, *place)))
            .collect();
        let mut columns: Vec<ArrayRef> = before.columns()[..keys].to_vec();
        for (kept, changed) in before.columns()[keys..].iter().zip(remaining.columns()) {
            columns.push(interleave(&[kept, changed], &from)?);
        }
        let (counts, gone) = (counts(&before), counts(left));
        let counts = counts.values().iter().enumerate().map(|(row, count)| {
            let place = place_of.get(&(row as u32));
            count - place.map_or(0, |place| gone.value(*place))
        });
        let counts: Int64Array = counts.collect();
        let alive = self.forget_gone.then(|| counts.iter().map(|count| count > Some(0)));
        let alive: Option<BooleanArray> = alive.map(|alive| alive.map(Some).collect());
        columns.push(Arc::new(counts));
        let remaining = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(match alive {
            Some(alive) => filter_record_batch(&remaining, &alive)?,
            None => remaining,
        })
    }

    /// Folds partial results into a window.
    fn with(
        &self,
        scope: &mut TaskScope,
        before: &RecordBatch,
        come: &RecordBatch,
    ) -> Result<RecordBatch, TaskError> {
        let partials: Vec<usize> = (0..self.fold.schema.fields().len()).collect();
        let both = concat_batches(&self.fold.schema, [&before.project(&partials)?, come])?;
        let folded = self.fold.run(scope, Phase::Partials, &both)?;
        let groups = group_rows(&both.columns()[..self.fold.keys], both.num_rows())?;
        let mut counted = vec![0_i64; groups.first_rows.len()];
        let once = std::iter::repeat_n(1, come.num_rows());
        let times = counts(before).values().iter().copied().chain(once);
        for (group, times) in groups.group_of_row.iter().zip(times) {
            counted[*group as usize] += times;
        }
        let mut columns = folded.columns().to_vec();
        columns.push(Arc::new(Int64Array::from(counted)));
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// In how many batches of its window each key occurs: the last column.
fn counts(window: &RecordBatch) -> &Int64Array {
    window.columns()[window.num_columns() - 1].as_primitive::<Int64Type>()
}
