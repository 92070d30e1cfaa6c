//! Exec: folding and grouping of rows by key, before a shuffle and after it.
//!
//! Takes slices. Gives one row per key, in first-seen order. Never calls an operator for no rows.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Int64Array, ListArray, RecordBatch, RecordBatchOptions, UInt32Array,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take;

use super::stage::BoundFold;
use super::task_error::TaskError;
use crate::model::operator::{Phase, TaskScope};
use crate::operator::fold_failure::OVERFLOW;
use crate::operator::group::{self, Groups, group_rows};

impl BoundFold {
    /// Folds one slice by its key columns.
    ///
    /// # Errors
    /// When the operator failed or its answer does not fit.
    pub fn run(
        &self,
        scope: &mut TaskScope,
        phase: Phase,
        slice: &RecordBatch,
    ) -> Result<RecordBatch, TaskError> {
        let rows = slice.num_rows();
        let groups = group_rows(&slice.columns()[..self.keys], rows)?;
        let values: Vec<usize> = match phase {
            Phase::Values => (self.keys..slice.num_columns()).collect(),
            Phase::Partials => (self.keys..self.schema.fields().len()).collect(),
        };
        let values = slice.project(&values)?;
        let folded =
            self.operator.fold(scope, phase, &values, &groups.group_of_row, groups.count())?;
        let mut columns = take_keys(slice, self.keys, &groups)?;
        columns.extend(folded.columns().iter().cloned());
        Ok(batch(&self.schema, columns, groups.first_rows.len())?)
    }

    /// Folds one slice before a shuffle. Where a sum does not fit, what comes from elsewhere may
    /// still make it fit: then every row is a partial result by itself.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn combine(
        &self,
        scope: &mut TaskScope,
        slice: &RecordBatch,
    ) -> Result<RecordBatch, TaskError> {
        match self.run(scope, Phase::Values, slice) {
            Err(TaskError::Operator(error)) if error.code == OVERFLOW => self.apart(scope, slice),
            folded => folded,
        }
    }

    /// Each row as a partial result.
    fn apart(&self, scope: &mut TaskScope, slice: &RecordBatch) -> Result<RecordBatch, TaskError> {
        let rows = slice.num_rows();
        let each: Vec<u32> = (0..rows as u32).collect();
        let values = slice.project(&(self.keys..slice.num_columns()).collect::<Vec<_>>())?;
        let folded = self.operator.fold(scope, Phase::Values, &values, &each, rows as u32)?;
        let mut columns = slice.columns()[..self.keys].to_vec();
        columns.extend(folded.columns().iter().cloned());
        Ok(batch(&self.schema, columns, rows)?)
    }

    /// Folds partial results before a shuffle, or leaves them as they are where a sum does not fit
    /// yet.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn combine_slices(
        &self,
        scope: &mut TaskScope,
        slices: Vec<RecordBatch>,
    ) -> Result<Vec<RecordBatch>, TaskError> {
        match self.merge_slices(scope, &slices) {
            Err(TaskError::Operator(error)) if error.code == OVERFLOW => Ok(slices),
            folded => Ok(folded?.into_iter().collect()),
        }
    }

    /// Folds partial results of several slices to one slice.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn merge_slices(
        &self,
        scope: &mut TaskScope,
        slices: &[RecordBatch],
    ) -> Result<Option<RecordBatch>, TaskError> {
        match slices {
            [] => Ok(None),
            slices => {
                let joined = concat_batches(&self.schema, slices)?;
                Ok(Some(self.run(scope, Phase::Partials, &joined)?))
            }
        }
    }

    /// The one row that stands for no rows at all, where the fold has one: zeros in each column of
    /// the schema.
    ///
    /// # Errors
    /// When the planned row is not one of counts, which planning excludes.
    pub fn empty_row(&self, schema: &SchemaRef) -> Result<Option<RecordBatch>, TaskError> {
        if !self.zero_when_empty {
            return Ok(None);
        }
        let zeros: Vec<ArrayRef> = schema
            .fields()
            .iter()
            .map(|_| Arc::new(Int64Array::from(vec![0])) as ArrayRef)
            .collect();
        Ok(Some(batch(schema, zeros, 1)?))
    }
}

/// Gathers each value column of the rows into one list per key.
///
/// # Errors
/// When the lists do not fit the planned schema, or hold more than 2^31 values.
pub fn group_values(
    schema: &SchemaRef,
    keys: usize,
    rows: &RecordBatch,
) -> Result<RecordBatch, TaskError> {
    let groups = group_rows(&rows.columns()[..keys], rows.num_rows())?;
    let (order, offsets) = rows_by_group(&groups.group_of_row, groups.first_rows.len())?;
    let mut columns = take_keys(rows, keys, &groups)?;
    for (column, field) in rows.columns()[keys..].iter().zip(&schema.fields()[keys..]) {
        let DataType::List(item) = field.data_type() else {
            let message = format!("column `{}` is planned as {}", field.name(), field.data_type());
            return Err(ArrowError::SchemaError(message).into());
        };
        let values = take(column, &order, None)?;
        let list = ListArray::try_new(Arc::clone(item), offsets.clone(), values, None)?;
        columns.push(Arc::new(list));
    }
    Ok(batch(schema, columns, groups.first_rows.len())?)
}

/// As [`group::rows_by_group`], as columns of lists have it.
///
/// # Errors
/// When there are more rows than offsets can count.
pub fn rows_by_group(
    group_of_row: &[u32],
    groups: usize,
) -> Result<(UInt32Array, OffsetBuffer<i32>), TaskError> {
    if i32::try_from(group_of_row.len()).is_err() {
        return Err(TaskError::TooManyValues { found: group_of_row.len() });
    }
    let (order, starts) = group::rows_by_group(group_of_row, groups);
    // None is past the number of rows.
    let starts: ScalarBuffer<i32> = starts.into_iter().map(|start| start as i32).collect();
    Ok((UInt32Array::from(order), OffsetBuffer::new(starts)))
}

fn take_keys(
    rows: &RecordBatch,
    keys: usize,
    groups: &Groups,
) -> Result<Vec<ArrayRef>, ArrowError> {
    let first_rows = UInt32Array::from(groups.first_rows.clone());
    rows.columns()[..keys].iter().map(|key| take(key, &first_rows, None)).collect()
}

fn batch(
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    debug_assert!(columns.iter().all(|column| column.len() == rows));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}
