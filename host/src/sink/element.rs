//! Sink: a row as a person reads it.
//!
//! Takes a row of a slice. Gives it as Spark prints it: one column as its value, several as a
//! tuple `(a,b)`. Never lets through a character that could move a terminal's cursor or its text.

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
    UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use crate::model::text::is_plain;

const DAY_US: i64 = 86_400_000_000;

/// Appends one row.
pub fn write_element(to: &mut String, slice: &RecordBatch, row: usize) {
    if let [column] = slice.columns() {
        return write_value(to, column, row);
    }
    to.push('(');
    for (index, column) in slice.columns().iter().enumerate() {
        if index > 0 {
            to.push(',');
        }
        write_value(to, column, row);
    }
    to.push(')');
}

/// Appends one value, `null` where there is none.
pub(super) fn write_value(to: &mut String, column: &dyn Array, row: usize) {
    if column.is_null(row) {
        return to.push_str("null");
    }
    // Writing to a string cannot fail.
    let _ = match column.data_type() {
        DataType::Boolean => write!(to, "{}", column.as_boolean().value(row)),
        DataType::Int32 => write!(to, "{}", column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => write!(to, "{}", column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => write!(to, "{}", column.as_primitive::<UInt64Type>().value(row)),
        DataType::Float64 => write_float(to, column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => {
            write_text(to, column.as_string::<i32>().value(row));
            Ok(())
        }
        DataType::Binary => {
            column.as_binary::<i32>().value(row).iter().try_for_each(|b| write!(to, "{b:02x}"))
        }
        DataType::Date32 => {
            write_date(to, column.as_primitive::<Date32Type>().value(row).into());
            Ok(())
        }
        DataType::Timestamp(..) => {
            write_time(to, column.as_primitive::<TimestampMicrosecondType>().value(row));
            Ok(())
        }
        DataType::Decimal128(..) => {
            let decimals = column.as_primitive::<Decimal128Type>();
            write!(to, "{}", decimals.value_as_string(row))
        }
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            to.push('[');
            for item in 0..items.len() {
                if item > 0 {
                    to.push_str(", ");
                }
                write_value(to, &items, item);
            }
            to.push(']');
            Ok(())
        }
        other => write!(to, "<{other}>"),
    };
}

/// As Scala prints doubles, as far as that differs from Rust's way.
pub(super) fn write_float(to: &mut String, value: f64) -> std::fmt::Result {
    if value.is_infinite() {
        return write!(to, "{}Infinity", if value < 0.0 { "-" } else { "" });
    }
    write!(to, "{value:?}")
}

fn write_text(to: &mut String, text: &str) {
    for character in text.chars() {
        if is_plain(character) {
            to.push(character);
        } else {
            let _ = write!(to, "{}", character.escape_default());
        }
    }
}

/// Appends a day, given in days since the epoch, in the Gregorian calendar without beginning.
pub fn write_date(to: &mut String, days: i64) {
    // Years are counted from March, so that the leap day ends one; 400 of them are an era.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leaps = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    // As ISO 8601 has it: a year of more digits, or before the first, has a sign.
    let _ = match year {
        0..=9999 => write!(to, "{year:04}-{month:02}-{day:02}"),
        _ => write!(to, "{year:+05}-{month:02}-{day:02}"),
    };
}

/// Appends an instant in UTC, given in microseconds since the epoch.
pub fn write_time(to: &mut String, us: i64) {
    write_date(to, us.div_euclid(DAY_US));
    let us = us.rem_euclid(DAY_US);
    let seconds = us / 1_000_000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = write!(to, "T{hour:02}:{minute:02}:{second:02}");
    let _ = match us % 1_000_000 {
        0 => Ok(()),
        fraction if fraction % 1000 == 0 => write!(to, ".{:03}", fraction / 1000),
        fraction => write!(to, ".{fraction:06}"),
    };
    to.push('Z');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{Int64Builder, ListBuilder};
    use arrow_array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array,
        Int64Array, StringArray, TimestampMicrosecondArray,
    };

    use super::*;

    fn check(columns: Vec<ArrayRef>, expected: &[&str]) {
        let named = columns.into_iter().enumerate().map(|(index, c)| (index.to_string(), c));
        let slice = RecordBatch::try_from_iter(named).expect("columns of equal length");
        let rows = (0..slice.num_rows()).map(|row| {
            let mut text = String::new();
            write_element(&mut text, &slice, row);
            text
        });
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn one_column_is_its_value_and_more_are_a_tuple() {
        let words: ArrayRef = Arc::new(StringArray::from(vec![Some("a,b"), None]));
        let counts: ArrayRef = Arc::new(Int64Array::from(vec![2, -3]));
        check(vec![Arc::clone(&words)], &["a,b", "null"]);
        check(vec![words, counts], &["(a,b,2)", "(null,-3)"]);
    }

    #[test]
    fn text_cannot_move_the_cursor() {
        let text = "a\u{1b}[2Jb\r\nc\u{9b}\u{202e}\u{feff}\tüß\\";
        let shown = "a\\u{1b}[2Jb\\r\\nc\\u{9b}\\u{202e}\\u{feff}\\tüß\\";
        check(vec![Arc::new(StringArray::from(vec![text]))], &[shown]);
    }

    #[test]
    fn numbers_and_times_are_plain() {
        let floats = vec![1.0, -0.5, f64::NAN, f64::NEG_INFINITY, 1e300];
        let floats = Arc::new(Float64Array::from(floats));
        check(vec![floats], &["1.0", "-0.5", "NaN", "-Infinity", "1e300"]);
        check(vec![Arc::new(BooleanArray::from(vec![true]))], &["true"]);
        check(vec![Arc::new(BinaryArray::from(vec![&b"\x00\xfe"[..]]))], &["00fe"]);
        let days = Date32Array::from(vec![0, -1, 11_016, 19_782, -719_529, i32::MAX]);
        let expected = [
            "1970-01-01",
            "1969-12-31",
            "2000-02-29",
            "2024-02-29",
            "-0001-12-31",
            "+5881580-07-11",
        ];
        check(vec![Arc::new(days)], &expected);
        let times = vec![1_357_008_430_000_000, 1, -1_000];
        let times = Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"));
        let expected =
            ["2013-01-01T02:47:10Z", "1970-01-01T00:00:00.000001Z", "1969-12-31T23:59:59.999Z"];
        check(vec![times], &expected);
        let decimals = Decimal128Array::from(vec![12_345, -5]).with_precision_and_scale(9, 2);
        check(vec![Arc::new(decimals.expect("it fits"))], &["123.45", "-0.05"]);
    }

    #[test]
    fn lists_are_bracketed() {
        let mut lists = ListBuilder::new(Int64Builder::new());
        lists.append_value([Some(1), None, Some(3)]);
        lists.append_value([]);
        check(vec![Arc::new(lists.finish())], &["[1, null, 3]", "[]"]);
    }
}
