//! Operator: the least and the greatest by group.
//!
//! Takes one column of any type but lists. Gives one of the same type. NaN is greater than every
//! number, and -0.0 equals 0.0, of which the first seen stays.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_schema::DataType;
use arrow_select::take::take;

use super::fold_failure::FoldFailure;

/// Which end of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extreme {
    /// The least value.
    Least,
    /// The greatest value.
    Greatest,
}

impl Extreme {
    fn prefers(self, order: Ordering) -> bool {
        match self {
            Self::Least => order == Ordering::Less,
            Self::Greatest => order == Ordering::Greater,
        }
    }
}

/// The least or greatest value of each group; null where a group has none.
///
/// # Errors
/// When the column is a list.
pub fn extreme_by_group(
    extreme: Extreme,
    column: &ArrayRef,
    group_of_row: &[u32],
    groups: usize,
) -> Result<ArrayRef, FoldFailure> {
    let best = match column.data_type() {
        DataType::Int32 => primitive::<Int32Type>(extreme, column, group_of_row, groups),
        DataType::Int64 => primitive::<Int64Type>(extreme, column, group_of_row, groups),
        DataType::UInt64 => primitive::<UInt64Type>(extreme, column, group_of_row, groups),
        DataType::Date32 => primitive::<Date32Type>(extreme, column, group_of_row, groups),
        DataType::Timestamp(_, _) => {
            primitive::<TimestampMicrosecondType>(extreme, column, group_of_row, groups)
        }
        DataType::Decimal128(_, _) => {
            primitive::<Decimal128Type>(extreme, column, group_of_row, groups)
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            best_rows(extreme, column, group_of_row, groups, |left, right| {
                float_order(values.value(left), values.value(right))
            })
        }
        DataType::Boolean => {
            let values = column.as_boolean();
            best_rows(extreme, column, group_of_row, groups, |left, right| {
                values.value(left).cmp(&values.value(right))
            })
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            best_rows(extreme, column, group_of_row, groups, |left, right| {
                values.value(left).cmp(values.value(right))
            })
        }
        DataType::Binary => {
            let values = column.as_binary::<i32>();
            best_rows(extreme, column, group_of_row, groups, |left, right| {
                values.value(left).cmp(values.value(right))
            })
        }
        _ => return Err(FoldFailure::Unsupported),
    };
    take(column, &UInt32Array::from(best), None).map_err(|_| FoldFailure::Unsupported)
}

fn primitive<T: ArrowPrimitiveType>(
    extreme: Extreme,
    column: &ArrayRef,
    group_of_row: &[u32],
    groups: usize,
) -> Vec<Option<u32>>
where
    T::Native: Ord,
{
    let values = column.as_primitive::<T>();
    best_rows(extreme, column, group_of_row, groups, |left, right| {
        values.value(left).cmp(&values.value(right))
    })
}

fn best_rows(
    extreme: Extreme,
    column: &ArrayRef,
    group_of_row: &[u32],
    groups: usize,
    order: impl Fn(usize, usize) -> Ordering,
) -> Vec<Option<u32>> {
    let mut best: Vec<Option<u32>> = vec![None; groups];
    for (row, &group) in group_of_row.iter().enumerate() {
        if column.is_null(row) {
            continue;
        }
        let best = &mut best[group as usize];
        if best.is_none_or(|found| extreme.prefers(order(row, found as usize))) {
            *best = Some(row as u32);
        }
    }
    best
}

fn float_order(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float64Array, Int64Array, StringArray};

    use super::*;
    use crate::operator::fold_sum::sum_by_group;

    #[test]
    fn nulls_are_ignored_and_nan_is_the_greatest() {
        let values: ArrayRef =
            Arc::new(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN), None, Some(-2.0)]));
        let groups = [0, 0, 0, 1, 0];
        let least = extreme_by_group(Extreme::Least, &values, &groups, 2).expect("floats");
        let greatest = extreme_by_group(Extreme::Greatest, &values, &groups, 2).expect("floats");
        assert_eq!(least.as_primitive::<Float64Type>().value(0), -2.0);
        assert!(greatest.as_primitive::<Float64Type>().value(0).is_nan());
        assert!(least.is_null(1) && greatest.is_null(1));
    }

    #[test]
    fn texts_compare_by_their_bytes() {
        let words: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "Z"]));
        let least = extreme_by_group(Extreme::Least, &words, &[0, 0, 0], 1).expect("texts");
        assert_eq!(least.as_string::<i32>().value(0), "Z");
    }

    #[test]
    fn an_integer_sum_that_overflows_is_an_error() {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, 1]));
        assert_eq!(sum_by_group(&values, &[0, 0], 1), Err(FoldFailure::Overflow));
        let sums = sum_by_group(&values, &[0, 1], 2).expect("each fits");
        assert_eq!(sums.as_primitive::<Int64Type>().values(), &[i64::MAX, 1]);
    }
}
