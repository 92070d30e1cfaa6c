//! Operator: answers of the host's own verbs.
//!
//! Takes columns, or which rows are kept. Gives the answer of a row operator. Never names a column:
//! the step that called does.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, Field, Schema};

use crate::model::operator::{Applied, AppliedRows};

/// New rows of these columns.
///
/// # Errors
/// When the columns are not as long as said.
pub fn rows(columns: Vec<ArrayRef>, rows: usize) -> Result<Applied, ArrowError> {
    let fields: Vec<Field> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| Field::new(at.to_string(), column.data_type().clone(), true))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch =
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?;
    Ok(Applied { rows: AppliedRows::Batch(batch), origin: None, rejected: Vec::new() })
}

/// The rows of the input that `keeps` says yes to.
pub fn kept(rows: usize, mut keeps: impl FnMut(usize) -> bool) -> Applied {
    let kept = (0..rows).filter(|row| keeps(*row)).map(|row| row as u32).collect();
    Applied { rows: AppliedRows::Selection(kept), origin: None, rejected: Vec::new() }
}
