//! Operator: sums by group.
//!
//! Takes one column of numbers. Gives int64 for integers with a sign, uint64, float64, or a decimal
//! of 38 digits. Never wraps around: a sum that does not fit in the end is an error.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Decimal256Type, Float64Type, Int32Type, Int64Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, Decimal128Array, PrimitiveArray};
use arrow_buffer::{NullBuffer, ScalarBuffer, i256};
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
        DataType::Int32 => Arc::new(rows.whole_sum::<Int32Type, Int64Type>(
            |sum, value| sum.checked_add(i64::from(value)),
            |value| i256::from(i64::from(value)),
            |sum| sum.to_i128()?.try_into().ok(),
        )?),
        DataType::Int64 => Arc::new(rows.whole_sum::<Int64Type, Int64Type>(
            |sum, value| sum.checked_add(value),
            i256::from,
            |sum| sum.to_i128()?.try_into().ok(),
        )?),
        DataType::UInt64 => Arc::new(rows.whole_sum::<UInt64Type, UInt64Type>(
            |sum, value| sum.checked_add(value),
            |value| i256::from_i128(i128::from(value)),
            |sum| sum.to_i128()?.try_into().ok(),
        )?),
        DataType::Float64 => {
            Arc::new(rows.sum::<Float64Type, Float64Type>(0.0, |sum, value| Some(sum + value))?)
        }
        DataType::Decimal128(_, scale) => {
            let sums: Decimal128Array = rows.whole_sum::<Decimal128Type, Decimal128Type>(
                |sum, value| sum.checked_add(value),
                i256::from_i128,
                i256::to_i128,
            )?;
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
    /// A sum of whole numbers: as wide as the result, which is fast, and where that overflows once
    /// more as wide as it takes.
    fn whole_sum<In: ArrowPrimitiveType, Out: ArrowPrimitiveType>(
        &self,
        add: impl Fn(Out::Native, In::Native) -> Option<Out::Native>,
        widen: impl Fn(In::Native) -> i256,
        narrow: impl Fn(i256) -> Option<Out::Native>,
    ) -> Result<PrimitiveArray<Out>, FoldFailure> {
        if let Ok(sums) = self.sum::<In, Out>(Out::Native::default(), add) {
            return Ok(sums);
        }
        let wide =
            self.sum::<In, Decimal256Type>(i256::ZERO, |sum, value| sum.checked_add(widen(value)))?;
        let narrowed = wide.values().iter().map(|sum| narrow(*sum).ok_or(FoldFailure::Overflow));
        let sums: Vec<Out::Native> = narrowed.collect::<Result<_, _>>()?;
        Ok(PrimitiveArray::new(ScalarBuffer::from(sums), wide.nulls().cloned()))
    }

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

#[cfg(test)]
mod tests {
    use arrow_array::{Int32Array, Int64Array, UInt64Array};

    use super::*;

    /// What was lost: a batch whose sum fits, since it did not after some of the rows.
    #[test]
    fn a_sum_that_fits_in_the_end_may_be_larger_on_the_way() {
        let ints: ArrayRef =
            Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(1), None, Some(-2), Some(7)]));
        let sums = sum_by_group(&ints, &[0, 0, 1, 0, 2], 3).expect("each fits");
        let expected = Int64Array::from(vec![Some(i64::MAX - 1), None, Some(7)]);
        assert_eq!(sums.as_primitive::<Int64Type>(), &expected);
        let most = 10_i128.pow(38) - 1;
        let decimals = Decimal128Array::from(vec![most, most, -most]);
        let decimals = decimals.with_precision_and_scale(38, 0).expect("they fit");
        let sums = sum_by_group(&(Arc::new(decimals) as ArrayRef), &[0; 3], 1).expect("it fits");
        assert_eq!(sums.as_primitive::<Decimal128Type>().value(0), most);
    }

    #[test]
    fn a_sum_that_does_not_fit_in_the_end_is_an_error() {
        let ints: ArrayRef = Arc::new(Int64Array::from(vec![i64::MIN, -1, 0]));
        assert_eq!(sum_by_group(&ints, &[0; 3], 1), Err(FoldFailure::Overflow));
        let unsigned: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX, 1]));
        assert_eq!(sum_by_group(&unsigned, &[0; 2], 1), Err(FoldFailure::Overflow));
        let small: ArrayRef = Arc::new(Int32Array::from(vec![i32::MAX, 1]));
        let sums = sum_by_group(&small, &[0; 2], 1).expect("it fits");
        assert_eq!(sums.as_primitive::<Int64Type>().value(0), 1 << 31);
    }
}
