//! Operator: several built-in folds at once, each of a column of its own, and averages of their
//! sums and counts.
//!
//! Takes value columns and group numbers. Gives one row per group, a column for each fold. Without
//! folds, the groups alone are what comes out.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::fold::{CountRows, fold_error, internal};
use super::verb_answer::rows;
use crate::model::operator::{Applied, Operator, OperatorError, Phase, TaskScope};
use crate::model::verb_call::{Averaged, ColumnFold};

/// Folds of columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate(pub Vec<ColumnFold>);

impl Operator for Aggregate {
    fn label(&self) -> String {
        "aggregate".to_owned()
    }

    fn fold(
        &self,
        scope: &mut TaskScope,
        phase: Phase,
        values: &RecordBatch,
        group_of_row: &[u32],
        groups: u32,
    ) -> Result<RecordBatch, OperatorError> {
        let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
        for (at, fold) in self.0.iter().enumerate() {
            // Results of folds stand in the folds' order, values where planning put them.
            let given = if phase == Phase::Partials { Some(at) } else { fold.column };
            let column = match given {
                Some(given) => {
                    let (column, schema) = (values.column(given), values.schema());
                    let (word, name) = (fold.fold.word(), schema.field(given).name());
                    fold.fold
                        .fold_column(phase, column, group_of_row, groups as usize)
                        .map_err(|why| fold_error(word, name, column, &why))?
                }
                None => {
                    let none =
                        values.project(&[]).map_err(|error| internal(&fold.label, &error))?;
                    let counted = CountRows.fold(scope, phase, &none, group_of_row, groups)?;
                    Arc::clone(counted.column(0))
                }
            };
            fields.push(Field::new(at.to_string(), column.data_type().clone(), true));
            columns.push(column);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(groups as usize));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
            .map_err(|error| internal("aggregate", &error))
    }
}

/// Averages of sums and counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Average(pub Vec<Averaged>);

impl Operator for Average {
    fn label(&self) -> String {
        "avg".to_owned()
    }

    fn apply(
        &self,
        _scope: &mut TaskScope,
        _want_origin: bool,
        input: &RecordBatch,
    ) -> Result<Applied, OperatorError> {
        let made = self.0.iter().map(|averaged| match *averaged {
            Averaged::Kept(column) => Ok(Arc::clone(input.column(column))),
            Averaged::Of { sum, count } => average(input.column(sum), input.column(count)),
        });
        let columns = made.collect::<Result<Vec<_>, _>>();
        columns
            .and_then(|columns| rows(columns, input.num_rows()))
            .map_err(|error| internal("avg", &error))
    }
}

/// The sum of each row by its count; null where nothing was counted.
fn average(sums: &ArrayRef, counts: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let sums: Float64Array = match sums.data_type() {
        DataType::Float64 => sums.as_primitive::<Float64Type>().clone(),
        DataType::Int64 => sums.as_primitive::<Int64Type>().unary(|sum| sum as f64),
        DataType::UInt64 => sums.as_primitive::<UInt64Type>().unary(|sum| sum as f64),
        DataType::Decimal128(_, scale) => {
            let unit = 10_f64.powi(i32::from(*scale));
            sums.as_primitive::<Decimal128Type>().unary(|sum| sum as f64 / unit)
        }
        other => return Err(ArrowError::ComputeError(format!("no average of {other}"))),
    };
    let counts = counts.as_primitive::<Int64Type>();
    let averages = sums.iter().zip(counts.values()).map(|(sum, count)| {
        let sum = sum.filter(|_| *count > 0)?;
        Some(sum / *count as f64)
    });
    Ok(Arc::new(averages.collect::<Float64Array>()))
}

#[cfg(test)]
mod tests {
    use arrow_array::{Decimal128Array, Int64Array, StringArray};

    use super::*;
    use crate::model::operation::BuiltInFold;
    use crate::model::operator::{AppliedRows, TaskFacts};
    use crate::model::time::BatchTime;

    fn scope() -> TaskScope {
        let batch_time = BatchTime(0);
        TaskScope::new(TaskFacts {
            batch_time,
            partition: 0,
            seed: 0,
            input_rows: 0,
            input_bytes: 0,
        })
    }

    fn fold(fold: BuiltInFold, column: Option<usize>) -> ColumnFold {
        ColumnFold { fold, column, label: fold.word().to_owned() }
    }

    fn values(texts: &[&str], numbers: &[Option<i64>]) -> RecordBatch {
        let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let numbers: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
        RecordBatch::try_from_iter([("t", texts), ("n", numbers)]).expect("two columns")
    }

    #[test]
    fn each_column_is_folded_in_its_own_way() {
        let folds = Aggregate(vec![
            fold(BuiltInFold::Sum, Some(1)),
            fold(BuiltInFold::Min, Some(0)),
            fold(BuiltInFold::Count, Some(1)),
            fold(BuiltInFold::Count, None),
        ]);
        let rows = values(&["b", "a", "c"], &[Some(1), None, Some(4)]);
        let run = |phase, rows: &RecordBatch, groups: &[u32]| {
            let made = folds.fold(&mut scope(), phase, rows, groups, 2).expect("it works");
            assert_eq!(made.column(1).as_string::<i32>().value(0), "a");
            [0, 2, 3].map(|at| made.column(at).as_primitive::<Int64Type>().value(0))
        };
        assert_eq!(run(Phase::Values, &rows, &[0, 0, 1]), [1, 1, 2]);
        let partials = folds.fold(&mut scope(), Phase::Values, &rows, &[0, 1, 2], 3);
        assert_eq!(run(Phase::Partials, &partials.expect("it works"), &[0, 0, 1]), [1, 1, 2]);
    }

    #[test]
    fn an_average_of_nothing_is_null() {
        let sums = Decimal128Array::from(vec![Some(250), None]).with_precision_and_scale(38, 2);
        let sums: ArrayRef = Arc::new(sums.expect("38 digits hold them"));
        let counts: ArrayRef = Arc::new(Int64Array::from(vec![2, 0]));
        let input = RecordBatch::try_from_iter([("s", sums), ("c", counts)]).expect("two columns");
        let averages = Average(vec![Averaged::Of { sum: 0, count: 1 }, Averaged::Kept(1)]);
        let applied = averages.apply(&mut scope(), false, &input).expect("both are numbers");
        let AppliedRows::Batch(made) = applied.rows else { panic!("rows were expected") };
        let found = made.column(0).as_primitive::<Float64Type>();
        assert_eq!(found.iter().collect::<Vec<_>>(), [Some(1.25), None]);
    }
}
