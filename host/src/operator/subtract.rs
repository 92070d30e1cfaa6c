//! Operator: what has left a window is taken out of its sums and counts.
//!
//! Takes two rows of sums each. Gives the differences. Never takes floats: what was rounded cannot
//! be taken out again.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Decimal128Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch};
use arrow_schema::{ArrowError, DataType};

use crate::error::Domain;
use crate::model::operator::{Operator, OperatorError, TaskScope};

/// The inverse of adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtract;

impl Operator for Subtract {
    fn label(&self) -> String {
        "subtract".to_owned()
    }

    fn merge(
        &self,
        _scope: &mut TaskScope,
        left: &RecordBatch,
        right: &RecordBatch,
    ) -> Result<RecordBatch, OperatorError> {
        let pairs = left.columns().iter().zip(right.columns());
        let columns = pairs.map(|(left, right)| difference(left, right)).collect::<Result<_, _>>();
        let made = columns.and_then(|columns| RecordBatch::try_new(left.schema(), columns));
        made.map_err(|error| OperatorError {
            operator: self.label(),
            code: "internal",
            message: error.to_string(),
            row: None,
            domain: Domain::Internal,
        })
    }
}

fn difference(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match left.data_type() {
        DataType::Int64 => {
            Arc::new(of_values::<Int64Type>(left, right, |left, right| left.checked_sub(right))?)
        }
        DataType::UInt64 => {
            Arc::new(of_values::<UInt64Type>(left, right, |left, right| left.checked_sub(right))?)
        }
        DataType::Decimal128(digits, scale) => {
            let difference =
                of_values::<Decimal128Type>(left, right, |left, right| left.checked_sub(right))?;
            Arc::new(difference.with_precision_and_scale(*digits, *scale)?)
        }
        other => return Err(ArrowError::ComputeError(format!("no exact difference of {other}"))),
    })
}

fn of_values<T: ArrowPrimitiveType>(
    left: &ArrayRef,
    right: &ArrayRef,
    subtract: impl Fn(T::Native, T::Native) -> Option<T::Native>,
) -> Result<PrimitiveArray<T>, ArrowError> {
    let (left, right) = (left.as_primitive::<T>(), right.as_primitive::<T>());
    let pairs = left.values().iter().zip(right.values());
    let differences = pairs.map(|(left, right)| {
        let overflow = || ArrowError::ComputeError("a difference overflows".to_owned());
        subtract(*left, *right).ok_or_else(overflow)
    });
    let differences = differences.collect::<Result<Vec<_>, _>>()?;
    Ok(PrimitiveArray::new(differences.into(), left.nulls().cloned()))
}

#[cfg(test)]
mod tests {
    use arrow_array::{Decimal128Array, Int64Array};

    use super::*;
    use crate::model::operator::TaskFacts;
    use crate::model::time::BatchTime;

    #[test]
    fn rows_are_taken_out_of_rows_column_by_column() {
        let rows = |counts: Vec<i64>, sums: Vec<i128>| {
            let sums = Decimal128Array::from(sums).with_precision_and_scale(38, 2);
            let sums: ArrayRef = Arc::new(sums.expect("38 digits hold them"));
            let counts: ArrayRef = Arc::new(Int64Array::from(counts));
            RecordBatch::try_from_iter([("count", counts), ("sum", sums)]).expect("two columns")
        };
        let facts = TaskFacts {
            batch_time: BatchTime(0),
            partition: 0,
            seed: 0,
            input_rows: 0,
            input_bytes: 0,
        };
        let (left, right) = (rows(vec![3, 5], vec![100, -7]), rows(vec![1, 5], vec![40, 3]));
        let made = Subtract.merge(&mut TaskScope::new(facts), &left, &right);
        assert_eq!(made.expect("both are numbers"), rows(vec![2, 0], vec![60, -10]));
    }
}
