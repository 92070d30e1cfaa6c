//! Operator: sums by group.
//!
//! Takes one column of numbers. Gives int64 for integers with a sign, uint64, float64, or a decimal
//! of 38 digits. Never wraps around: an overflow is an error.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float64Type, Int32Type, Int64Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, Decimal128Array, PrimitiveArray};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::DataType;

use super::fold_failure::FoldFailure;

/// Digits of a summed decimal: as many as its 128 bits hold.
const DECIMAL_DIGITS: u8 = 38;

/// The sum of each group's values. Floats are added in row order, so a replay gives the same bits.
///
/// # Errors
/// When a sum overflows or the column holds no numbers.
pub fn sum_by_group(
    column: &ArrayRef,
    group_of_row: &[u32],
    groups: usize,
) -> Result<ArrayRef, FoldFailure> {
    let rows = Rows { column, group_of_row, groups };
    Ok(match column.data_type() {
        DataType::Int32 => Arc::new(
            rows.sum::<Int32Type, Int64Type>(0, |sum, value| sum.checked_add(i64::from(value)))?,
        ),
        DataType::Int64 => {
            Arc::new(rows.sum::<Int64Type, Int64Type>(0, |sum, value| sum.checked_add(value))?)
        }
        DataType::UInt64 => {
            Arc::new(rows.sum::<UInt64Type, UInt64Type>(0, |sum, value| sum.checked_add(value))?)
        }
        DataType::Float64 => {
            Arc::new(rows.sum::<Float64Type, Float64Type>(0.0, |sum, value| Some(sum + value))?)
        }
        DataType::Decimal128(_, scale) => {
            let sums: Decimal128Array =
                rows.sum::<Decimal128Type, Decimal128Type>(0, |sum, value| sum.checked_add(value))?;
            let sums = sums
                .with_precision_and_scale(DECIMAL_DIGITS, *scale)
                .map_err(|_| FoldFailure::Unsupported)?;
            sums.validate_decimal_precision(DECIMAL_DIGITS).map_err(|_| FoldFailure::Overflow)?;
            Arc::new(sums)
        }
        _ => return Err(FoldFailure::Unsupported),
    })
}

struct Rows<'a> {
    column: &'a ArrayRef,
    group_of_row: &'a [u32],
    groups: usize,
}

impl Rows<'_> {
    fn sum<In: ArrowPrimitiveType, Out: ArrowPrimitiveType>(
        &self,
        zero: Out::Native,
        add: impl Fn(Out::Native, In::Native) -> Option<Out::Native>,
    ) -> Result<PrimitiveArray<Out>, FoldFailure> {
        let values = self.column.as_primitive::<In>();
        let mut sums = vec![zero; self.groups];
        let Some(nulls) = values.nulls() else {
            for (&group, &value) in self.group_of_row.iter().zip(values.values()) {
                let sum = &mut sums[group as usize];
                *sum = add(*sum, value).ok_or(FoldFailure::Overflow)?;
            }
            return Ok(PrimitiveArray::new(ScalarBuffer::from(sums), None));
        };
        let mut seen = vec![false; self.groups];
        for (row, &group) in self.group_of_row.iter().enumerate() {
            if nulls.is_valid(row) {
                let sum = &mut sums[group as usize];
                *sum = add(*sum, values.value(row)).ok_or(FoldFailure::Overflow)?;
                seen[group as usize] = true;
            }
        }
        Ok(PrimitiveArray::new(ScalarBuffer::from(sums), Some(NullBuffer::from(seen))))
    }
}
