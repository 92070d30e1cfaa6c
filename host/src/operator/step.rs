//! Operator: one narrow step over one slice: project, call, attach.
//!
//! Takes a slice and a step whose call is bound. Gives the slice after the step and the rows its
//! operator refused. Never lets an answer through whose shape is not the planned one.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::take::take_record_batch;

use crate::error::Domain;
use crate::model::operator::{Applied, AppliedRows, OperatorError, SharedOperator, TaskScope};
use crate::model::rejected::Rejection;
use crate::model::stage::Attach;
use crate::model::text::number_of;

/// A planned step with its operator bound for a batch.
#[derive(Debug, Clone)]
pub struct BoundStep {
    /// How messages name it.
    pub label: String,
    /// The input columns the operator is given, or that are kept where there is no call.
    pub project: Vec<usize>,
    /// What is called, if anything.
    pub call: Option<(SharedOperator, Attach)>,
    /// Whether the operator must be given its partition in one call.
    pub whole_partition: bool,
    /// The rows after the step.
    pub schema: SchemaRef,
}

/// Runs the step. Most give one slice. The rejections name rows of `input`.
///
/// # Errors
/// When the operator's call failed, or it answered with rows that cannot be attached.
pub fn run_step(
    step: &BoundStep,
    scope: &mut TaskScope,
    input: &RecordBatch,
) -> Result<(Vec<RecordBatch>, Vec<Rejection>), OperatorError> {
    let given = project(input, &step.project).map_err(|error| step.internal(&error))?;
    let Some((operator, attach)) = &step.call else {
        return Ok((vec![step.named(given)?], Vec::new()));
    };
    if *attach == Attach::Slices {
        let slices = operator.spread(scope, &given)?;
        let slices = slices.into_iter().map(|slice| step.named(slice)).collect::<Result<_, _>>();
        return Ok((slices?, Vec::new()));
    }
    let want_origin = *attach != Attach::Replace;
    let Applied { rows, origin, rejected } = operator.apply(scope, want_origin, &given)?;
    let rows = match rows {
        AppliedRows::Selection(kept) => keep(input, kept).map_err(|error| step.internal(&error))?,
        AppliedRows::Batch(answer) => match *attach {
            Attach::Replace | Attach::Slices => answer,
            Attach::Keys(count) => step.attach(input, count, &answer, origin)?,
            Attach::Append => step.attach(input, input.num_columns(), &answer, origin)?,
        },
    };
    Ok((vec![step.named(rows)?], rejected))
}

impl BoundStep {
    /// The first `count` columns of the input before the answer's, by origin.
    fn attach(
        &self,
        input: &RecordBatch,
        count: usize,
        answer: &RecordBatch,
        origin: Option<Vec<u32>>,
    ) -> Result<RecordBatch, OperatorError> {
        let carried: Vec<usize> = (0..count).collect();
        let carried = project(input, &carried).map_err(|error| self.internal(&error))?;
        let carried = match origin {
            Some(origin) if !is_identity(&origin, input.num_rows()) => {
                take_record_batch(&carried, &UInt32Array::from(origin))
                    .map_err(|error| self.internal(&error))?
            }
            _ => carried,
        };
        if carried.num_rows() != answer.num_rows() {
            return Err(self.malformed(format!(
                "it gave {} for {} and did not say which came from which",
                number_of(answer.num_rows(), "row", "rows"),
                number_of(carried.num_rows(), "input row", "input rows")
            )));
        }
        let columns = carried.columns().iter().chain(answer.columns()).cloned().collect();
        self.batch(columns, answer.num_rows())
    }

    fn named(&self, rows: RecordBatch) -> Result<RecordBatch, OperatorError> {
        let count = rows.num_rows();
        self.batch(rows.columns().to_vec(), count)
    }

    fn batch(
        &self,
        columns: Vec<arrow_array::ArrayRef>,
        rows: usize,
    ) -> Result<RecordBatch, OperatorError> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|error| self.malformed(error.to_string()))
    }

    fn malformed(&self, message: String) -> OperatorError {
        OperatorError {
            operator: self.label.clone(),
            code: "malformed",
            message,
            row: None,
            domain: Domain::Plugin,
        }
    }

    fn internal(&self, error: &ArrowError) -> OperatorError {
        OperatorError {
            operator: self.label.clone(),
            code: "kind",
            message: error.to_string(),
            row: None,
            domain: Domain::Internal,
        }
    }
}

fn project(rows: &RecordBatch, columns: &[usize]) -> Result<RecordBatch, ArrowError> {
    if columns.len() == rows.num_columns() && columns.iter().enumerate().all(|(at, &c)| at == c) {
        return Ok(rows.clone());
    }
    rows.project(columns)
}

fn keep(rows: &RecordBatch, kept: Vec<u32>) -> Result<RecordBatch, ArrowError> {
    if kept.len() == rows.num_rows() {
        return Ok(rows.clone());
    }
    take_record_batch(rows, &UInt32Array::from(kept))
}

fn is_identity(origin: &[u32], rows: usize) -> bool {
    origin.len() == rows && origin.iter().enumerate().all(|(at, &row)| at == row as usize)
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array, StringArray};

    use super::*;
    use crate::model::column_type::ColumnType;
    use crate::model::operator::{Operator, TaskFacts};
    use crate::model::schema::{Column, StreamSchema};
    use crate::model::time::BatchTime;

    #[derive(Debug)]
    struct Answers(Applied);

    impl Operator for Answers {
        fn label(&self) -> String {
            "answers".to_owned()
        }

        fn apply(
            &self,
            _: &mut TaskScope,
            _: bool,
            _: &RecordBatch,
        ) -> Result<Applied, OperatorError> {
            Ok(self.0.clone())
        }
    }

    fn numbers(name: &str, values: &[i64]) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
        RecordBatch::try_from_iter([(name, column)]).expect("one column")
    }

    fn input() -> RecordBatch {
        let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        RecordBatch::try_from_iter([("k", keys), ("v", values)]).expect("two columns")
    }

    fn run(answer: Applied, attach: Attach) -> Result<RecordBatch, OperatorError> {
        let columns = vec![Column::new("k", ColumnType::Utf8), Column::new("w", ColumnType::Int64)];
        let step = BoundStep {
            label: "map_values answers".to_owned(),
            project: vec![1],
            call: Some((Arc::new(Answers(answer)), attach)),
            whole_partition: false,
            schema: StreamSchema::new(columns).to_arrow(),
        };
        let facts = TaskFacts {
            batch_time: BatchTime(0),
            partition: 0,
            seed: 0,
            input_rows: 2,
            input_bytes: 0,
        };
        run_step(&step, &mut TaskScope::new(facts), &input()).map(|(mut rows, _)| rows.remove(0))
    }

    fn applied(rows: AppliedRows, origin: Option<Vec<u32>>) -> Applied {
        Applied { rows, origin, rejected: Vec::new() }
    }

    #[test]
    fn keys_follow_their_values_by_origin() {
        let answer = applied(AppliedRows::Batch(numbers("_", &[7, 8, 9])), Some(vec![0, 1, 1]));
        let rows = run(answer, Attach::Keys(1)).expect("attaches");
        let keys: Vec<_> = rows.column(0).as_string::<i32>().iter().flatten().collect();
        assert_eq!(keys, ["a", "b", "b"]);
        assert_eq!(rows.column(1).as_primitive::<Int64Type>().values(), &[7, 8, 9]);
    }

    #[test]
    fn rows_without_an_origin_are_refused_where_counts_differ() {
        let answer = applied(AppliedRows::Batch(numbers("_", &[7])), None);
        let error = run(answer, Attach::Keys(1)).expect_err("one row for two");
        assert_eq!((error.code, error.domain), ("malformed", Domain::Plugin));
    }

    #[test]
    fn a_selection_keeps_whole_rows() {
        let rows =
            run(applied(AppliedRows::Selection(vec![1]), None), Attach::Replace).expect("keeps");
        assert_eq!(rows.column(0).as_string::<i32>().value(0), "b");
    }
}
