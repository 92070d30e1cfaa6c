//! Model: constants of a job as values of a column.
//!
//! Takes a value as a person wrote it, and a column's type. Gives columns of constants. Never bends
//! a value to fit: `1.5` is no integer, `1.005` has a digit too many for `decimal128(9,2)`.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array,
    Int64Array, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use serde_json::Value;

use super::calendar;
use super::column_type::ColumnType;

/// Whole numbers from here on are not told apart by a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A column of these constants, or the first one that it cannot hold.
///
/// # Errors
/// The value that does not fit. No value fits a list.
pub fn constants<'v>(
    data_type: &ColumnType,
    values: &'v [Value],
) -> Result<ArrayRef, Option<&'v Value>> {
    Ok(match data_type {
        ColumnType::Bool => Arc::new(BooleanArray::from(all(values, Value::as_bool)?)),
        ColumnType::Int32 => Arc::new(Int32Array::from(wholes::<i32>(values)?)),
        ColumnType::Int64 => Arc::new(Int64Array::from(wholes::<i64>(values)?)),
        ColumnType::UInt64 => Arc::new(UInt64Array::from(wholes::<u64>(values)?)),
        ColumnType::Float64 => Arc::new(Float64Array::from(all(values, Value::as_f64)?)),
        ColumnType::Utf8 => Arc::new(StringArray::from(all(values, Value::as_str)?)),
        ColumnType::Binary => {
            let bytes = all(values, |value| bytes(value.as_str()?))?;
            Arc::new(BinaryArray::from_iter_values(bytes))
        }
        ColumnType::Date32 => Arc::new(Date32Array::from(all(values, |value| match value {
            Value::String(text) => calendar::day(text),
            days => i32::try_from(whole(days)?).ok(),
        })?)),
        ColumnType::Timestamp => {
            let times = all(values, |value| match value {
                Value::String(text) => calendar::time(text),
                micros => i64::try_from(whole(micros)?).ok(),
            })?;
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))
        }
        ColumnType::Decimal128(precision, scale) => {
            let decimals = all(values, |value| match value {
                Value::String(text) => decimal(text, *precision, *scale),
                Value::Number(number) => decimal(&number.to_string(), *precision, *scale),
                _ => None,
            })?;
            let decimals = Decimal128Array::from(decimals);
            Arc::new(decimals.with_precision_and_scale(*precision, *scale).map_err(|_| None)?)
        }
        ColumnType::List(..) => return Err(values.first()),
    })
}

/// What a column takes as a constant; its type, and more where that does not say it.
pub fn allowed(data_type: &ColumnType) -> String {
    let more = match data_type {
        ColumnType::Binary => "text of two hex digits a byte".to_owned(),
        ColumnType::Date32 => "a day such as \"2000-02-29\", or days since 1970".to_owned(),
        ColumnType::Timestamp => {
            "a time such as \"2000-02-29T12:30:00Z\", or microseconds since 1970".to_owned()
        }
        ColumnType::Decimal128(precision, scale) => {
            let whole = i16::from(*precision) - i16::from(*scale);
            format!("at most {whole} digits before the point and {scale} after it")
        }
        _ => return data_type.to_string(),
    };
    format!("{data_type}, {more}")
}

fn all<'v, T>(
    values: &'v [Value],
    read: impl Fn(&'v Value) -> Option<T>,
) -> Result<Vec<T>, Option<&'v Value>> {
    values.iter().map(|value| read(value).ok_or(Some(value))).collect()
}

fn wholes<T: TryFrom<i128>>(values: &[Value]) -> Result<Vec<T>, Option<&Value>> {
    all(values, |value| T::try_from(whole(value)?).ok())
}

/// A whole number, however it is written.
fn whole(value: &Value) -> Option<i128> {
    let integer = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    let round = || value.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < EXACT);
    integer.or_else(|| round().map(|float| float as i128))
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

/// A number as written, in units of its last digit.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let unsigned = number.strip_prefix('-').unwrap_or(number);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let shift = i64::from(scale) + i64::from(exponent) - i64::try_from(fraction.len()).ok()?;
    let units = match usize::try_from(shift) {
        _ if digits.is_empty() => return Some(0),
        Ok(zeros) if digits.len() + zeros > usize::from(precision) => return None,
        Ok(zeros) => format!("{digits}{}", "0".repeat(zeros)),
        Err(_) => {
            let cut = usize::try_from(shift.unsigned_abs()).ok()?;
            let (kept, finer) = digits.split_at(digits.len().checked_sub(cut)?);
            let fits = kept.len() <= usize::from(precision) && finer.bytes().all(|b| b == b'0');
            fits.then(|| kept.to_owned())?
        }
    };
    let units: i128 = units.parse().ok()?;
    Some(if number.starts_with('-') { -units } else { units })
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Decimal128Type, Int64Type};
    use serde_json::json;

    use super::*;

    fn fits(word: &str, value: Value) -> bool {
        let data_type: ColumnType = word.parse().expect(word);
        let made = constants(&data_type, std::slice::from_ref(&value));
        if let Ok(made) = &made {
            assert_eq!((made.len(), made.data_type()), (1, &data_type.to_arrow()), "{value}");
        }
        made.is_ok()
    }

    #[test]
    fn constants_of_every_type_are_held_as_they_are() {
        for (word, value) in [
            ("bool", json!(true)),
            ("int32", json!(-5)),
            ("int64", json!(5.0)),
            ("uint64", json!(u64::MAX)),
            ("float64", json!(1)),
            ("utf8", json!("text")),
            ("binary", json!("00ff")),
            ("date32", json!("2000-02-29")),
            ("date32", json!(-1)),
            ("timestamp", json!("2000-02-29T12:00:00Z")),
            ("timestamp", json!(7)),
            ("decimal128(9,2)", json!(1.25)),
            ("decimal128(9,2)", json!("-1.250")),
        ] {
            assert!(fits(word, value.clone()), "{word} {value}");
        }
    }

    #[test]
    fn no_constant_is_bent_to_fit() {
        for (word, value) in [
            ("bool", json!(1)),
            ("int32", json!(2_147_483_648_i64)),
            ("int64", json!(1.5)),
            ("int64", json!("1")),
            ("int64", json!(1e17)),
            ("uint64", json!(-1)),
            ("float64", json!("1")),
            ("utf8", json!(1)),
            ("binary", json!("0")),
            ("binary", json!("xy")),
            ("date32", json!("2001-02-29")),
            ("timestamp", json!("noon")),
            ("decimal128(9,2)", json!("1.005")),
            ("decimal128(9,2)", json!(12_345_678)),
            ("decimal128(9,2)", json!("1.")),
            ("list<int64>", json!([1])),
            ("int64", json!(null)),
        ] {
            assert!(!fits(word, value.clone()), "{word} {value}");
        }
    }

    #[test]
    fn decimals_are_exact_however_they_are_written() {
        for (text, expected) in [
            ("1.25", Some(125)),
            ("-0.01", Some(-1)),
            ("1e2", Some(10_000)),
            ("12500e-4", Some(125)),
            ("0e99", Some(0)),
            ("1e-3", None),
            ("1e99", None),
            ("1e-99999999999", None),
            ("9999999.99", Some(999_999_999)),
            ("10000000", None),
        ] {
            assert_eq!(decimal(text, 9, 2), expected, "{text}");
        }
        let longest = [json!("9".repeat(38))];
        let made = constants(&ColumnType::Decimal128(38, 0), &longest);
        let made = made.expect("as many digits as there are");
        assert_eq!(made.as_primitive::<Decimal128Type>().value(0).to_string(), "9".repeat(38));
    }

    #[test]
    fn the_value_that_does_not_fit_is_named() {
        let values = [json!(1), json!("two"), json!(3.5)];
        assert_eq!(constants(&ColumnType::Int64, &values).err(), Some(Some(&json!("two"))));
        let made = constants(&ColumnType::Int64, &values[..1]).expect("it fits");
        assert_eq!(made.as_primitive::<Int64Type>().values(), &[1]);
    }
}
