//! Operator: the folds the host brings, behind the same trait as a guest's.
//!
//! Takes value columns and group numbers. Gives one row per group. Nulls are ignored, and a group
//! of nulls alone folds to null (`count`: to 0).

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};

use super::fold_extreme::{Extreme, extreme_by_group};
use super::fold_failure::{FoldFailure, OVERFLOW};
use super::fold_sum::sum_by_group;
use crate::error::Domain;
use crate::model::operation::BuiltInFold;
use crate::model::operator::{Operator, OperatorError, Phase, TaskScope};

impl Operator for BuiltInFold {
    fn label(&self) -> String {
        self.word().to_owned()
    }

    fn fold(
        &self,
        _scope: &mut TaskScope,
        phase: Phase,
        values: &RecordBatch,
        group_of_row: &[u32],
        groups: u32,
    ) -> Result<RecordBatch, OperatorError> {
        let groups = groups as usize;
        let schema = values.schema();
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (field, column) in schema.fields().iter().zip(values.columns()) {
            let folded = self
                .fold_column(phase, column, group_of_row, groups)
                .map_err(|why| fold_error(self.word(), field.name(), column, &why))?;
            let nullable = field.is_nullable() && *self != Self::Count;
            fields.push(Field::new(field.name(), folded.data_type().clone(), nullable));
            columns.push(folded);
        }
        batch_of(fields, columns, groups).map_err(|error| internal(self.word(), &error))
    }

    fn merge(
        &self,
        scope: &mut TaskScope,
        left: &RecordBatch,
        right: &RecordBatch,
    ) -> Result<RecordBatch, OperatorError> {
        let both = arrow_select::concat::concat_batches(&left.schema(), [left, right])
            .map_err(|error| internal(self.word(), &error))?;
        let rows = left.num_rows() as u32;
        let groups: Vec<u32> = (0..rows).chain(0..rows).collect();
        self.fold(scope, Phase::Partials, &both, &groups, rows)
    }
}

impl BuiltInFold {
    pub(super) fn fold_column(
        self,
        phase: Phase,
        column: &ArrayRef,
        group_of_row: &[u32],
        groups: usize,
    ) -> Result<ArrayRef, FoldFailure> {
        match (self, phase) {
            (Self::Sum, _) => sum_by_group(column, group_of_row, groups),
            (Self::Count, Phase::Values) => Ok(count_values(column, group_of_row, groups)),
            (Self::Count, Phase::Partials) => sum_by_group(column, group_of_row, groups),
            (Self::Min, _) => extreme_by_group(Extreme::Least, column, group_of_row, groups),
            (Self::Max, _) => extreme_by_group(Extreme::Greatest, column, group_of_row, groups),
        }
    }
}

/// Counts the rows of groups: a fold of no value columns to one, `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountRows;

impl Operator for CountRows {
    fn label(&self) -> String {
        "count".to_owned()
    }

    fn fold(
        &self,
        _scope: &mut TaskScope,
        phase: Phase,
        values: &RecordBatch,
        group_of_row: &[u32],
        groups: u32,
    ) -> Result<RecordBatch, OperatorError> {
        let mut counts = vec![0_i64; groups as usize];
        match phase {
            Phase::Values => group_of_row.iter().for_each(|&group| counts[group as usize] += 1),
            Phase::Partials => {
                let partials = values.column(0).as_primitive::<Int64Type>();
                for (&group, &partial) in group_of_row.iter().zip(partials.values()) {
                    counts[group as usize] += partial;
                }
            }
        }
        let column: ArrayRef = Arc::new(Int64Array::from(counts));
        let field = Field::new("count", column.data_type().clone(), false);
        batch_of(vec![field], vec![column], groups as usize)
            .map_err(|error| internal("count", &error))
    }
}

fn count_values(column: &ArrayRef, group_of_row: &[u32], groups: usize) -> ArrayRef {
    let mut counts = vec![0_i64; groups];
    for (row, &group) in group_of_row.iter().enumerate() {
        counts[group as usize] += i64::from(column.is_valid(row));
    }
    Arc::new(Int64Array::from(counts))
}

fn batch_of(
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

pub(super) fn fold_error(
    word: &str,
    name: &str,
    column: &ArrayRef,
    why: &FoldFailure,
) -> OperatorError {
    let data_type = column.data_type();
    let (code, domain, message) = match why {
        FoldFailure::Overflow => (
            OVERFLOW,
            Domain::User,
            format!("the {word} of column `{name}` does not fit {data_type}"),
        ),
        FoldFailure::Unsupported => (
            "kind",
            Domain::Internal,
            format!("column `{name}` is {data_type}, which has no {word}"),
        ),
    };
    OperatorError { operator: word.to_owned(), code, message, row: None, domain }
}

pub(super) fn internal(word: &str, error: &arrow_schema::ArrowError) -> OperatorError {
    OperatorError {
        operator: word.to_owned(),
        code: "kind",
        message: error.to_string(),
        row: None,
        domain: Domain::Internal,
    }
}
