//! Driver: a key of a stateful step as a person writes it.
//!
//! Takes the key columns and a text. Gives the row of the key, with every digit of the text. Never
//! makes a double of a number: it would stand for the key beside it.

use arrow_array::RecordBatch;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::ingest::decoder::Decoded;
use crate::ingest::json_columns::JsonColumns;
use crate::limits::LINE_BYTES_MAX;
use crate::model::column_type::ColumnType;
use crate::model::policy::OnBadRow;
use crate::model::schema::StreamSchema;
use crate::model::text::{escape, number_of};

/// Bytes of a text that is no key that are shown.
const KEY_SHOWN_MAX: usize = 80;

/// Reads a key: the value of the one key column, which is text without quotes where JSON would have
/// quotes, or a JSON array of the values of all.
///
/// # Errors
/// Says what was found that is no such key.
pub(super) fn read_key(schema: &StreamSchema, key: &str) -> Result<RecordBatch, String> {
    let values: Vec<String> = match schema.columns.as_slice() {
        [column] => vec![value_of(&column.data_type, key)?],
        columns => {
            let values: Vec<Box<RawValue>> =
                serde_json::from_str(key).map_err(|error| error.to_string())?;
            if values.len() != columns.len() {
                return Err(format!("found {}", number_of(values.len(), "value", "values")));
            }
            values.iter().map(|value| one_line(value.get())).collect()
        }
    };
    let names = schema.columns.iter().map(|column| Value::from(column.name.as_str()));
    let fields: Vec<String> =
        names.zip(&values).map(|(name, value)| format!("{name}:{value}")).collect();
    let line = format!("{{{}}}\n", fields.join(","));
    let mut columns = JsonColumns::new(schema.clone(), LINE_BYTES_MAX);
    let mut decoded = Decoded::of_all(&mut columns, line.as_bytes(), &OnBadRow::Skip);
    match (decoded.bad.first, decoded.slices.pop()) {
        (Some(why), _) => Err(why),
        (None, Some(row)) => Ok(row),
        (None, None) => Err("found nothing".to_owned()),
    }
}

/// The one value of a key as JSON.
fn value_of(data_type: &ColumnType, key: &str) -> Result<String, String> {
    let text = || Value::from(key).to_string();
    let json = || serde_json::from_str::<&RawValue>(key).map(|value| one_line(value.get()));
    let no_json = || format!("found `{}`, which is no value of JSON", escape(key, KEY_SHOWN_MAX));
    match data_type {
        // Any text is one, also one that looks like a number or a null.
        ColumnType::Utf8 => Ok(text()),
        // Digits may be two of them a byte.
        ColumnType::Binary => Ok(if key == "null" { key.to_owned() } else { text() }),
        // No day and no time is JSON as it stands: what is, is a number or a null.
        ColumnType::Date32 | ColumnType::Timestamp => Ok(json().unwrap_or_else(|_| text())),
        // JSON has no word for it, and no other is agreed on.
        ColumnType::Float64 if json().is_err() && is_not_finite(key) => Err(format!(
            "found `{}`: a key that is no finite number cannot be asked for, and is among all of \
             the step",
            escape(key, KEY_SHOWN_MAX)
        )),
        _ => json().map_err(|_| no_json()),
    }
}

fn is_not_finite(key: &str) -> bool {
    key.parse().is_ok_and(|number: f64| !number.is_finite())
}

/// JSON without breaks of lines, which stand only where blanks may.
fn one_line(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

/// Says why a text is no key of a step, and what one is.
pub(super) fn bad_key(step: &str, schema: &StreamSchema, why: &str) -> String {
    let form = match schema.columns.as_slice() {
        [_] => "one value of it",
        _ => "a JSON array of one value of each",
    };
    format!("the keys of step `{step}` are `{schema}`, expected {form}: {why}")
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{
        Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
    };

    use super::*;
    use crate::model::schema::Column;

    fn of(data_type: ColumnType) -> StreamSchema {
        StreamSchema::new(vec![Column::new("k", data_type).nullable()])
    }

    fn read(data_type: ColumnType, key: &str) -> RecordBatch {
        read_key(&of(data_type), key).unwrap_or_else(|why| panic!("{key}: {why}"))
    }

    #[test]
    fn a_key_is_typed_by_its_column() {
        let text = StreamSchema::new(vec![Column::new("word", ColumnType::Utf8)]);
        for key in ["tide", "7", "1e400", "007", "\"quoted\"", "null", "", "a\nb"] {
            let row = read_key(&text, key).expect("any text is a key");
            assert_eq!(row.column(0).as_string::<i32>().value(0), key);
        }
        let number = StreamSchema::new(vec![Column::new("n", ColumnType::Int64)]);
        let row = read_key(&number, "7").expect("it is a number");
        assert_eq!(row.column(0).as_primitive::<Int64Type>().value(0), 7);
        for key in ["seven", "7.5", "\"7\"", "null", "", "7 7", "[7]", "{\"n\":\n7}"] {
            assert!(read_key(&number, key).is_err(), "{key}");
        }
    }

    /// What was lost: the last digits of a key, so that the state of the key beside it was shown.
    #[test]
    fn a_key_has_all_its_digits() {
        let most = "9".repeat(38);
        for (key, units) in [(&*most, 10_i128.pow(38) - 1), (&most[..37], 10_i128.pow(37) - 1)] {
            let row = read(ColumnType::Decimal128(38, 0), key);
            assert_eq!(row.column(0).as_primitive::<Decimal128Type>().value(0), units);
        }
        let (one, two) = ("123456789012345678901234567890123456.78", "-0.01");
        for (key, units) in [(one, 12_345_678_901_234_567_890_123_456_789_012_345_678), (two, -1)] {
            let row = read(ColumnType::Decimal128(38, 2), key);
            assert_eq!(row.column(0).as_primitive::<Decimal128Type>().value(0), units);
        }
        for n in [9_007_199_254_740_993, i64::MAX, i64::MIN] {
            let row = read(ColumnType::Int64, &n.to_string());
            assert_eq!(row.column(0).as_primitive::<Int64Type>().value(0), n);
        }
        let row = read(ColumnType::UInt64, "18446744073709551615");
        assert_eq!(row.column(0).as_primitive::<UInt64Type>().value(0), u64::MAX);
        let row = read(ColumnType::Float64, "0.30000000000000004");
        assert_eq!(row.column(0).as_primitive::<Float64Type>().value(0), 0.1 + 0.2);
        for (data_type, key) in [
            (ColumnType::Decimal128(38, 2), "0.001"),
            (ColumnType::Int64, "9223372036854775808"),
            (ColumnType::Int64, "9007199254740993.0"),
            (ColumnType::Float64, "1e400"),
        ] {
            let why = read_key(&of(data_type), key).expect_err(key);
            assert!(why.contains(&format!("column `k` is `{key}`")), "{why}");
        }
    }

    /// The story: `NaN` was told to be an "expected value at line 1 column 1".
    #[test]
    fn a_key_that_is_no_finite_number_is_told_as_such() {
        for key in ["NaN", "nan", "inf", "-Infinity"] {
            let why = read_key(&of(ColumnType::Float64), key).expect_err(key);
            let words = format!("found `{key}`: a key that is no finite number cannot be asked");
            assert!(why.contains(&words), "{why}");
        }
        let why = read_key(&of(ColumnType::Int64), "seven").expect_err("it is none");
        assert!(why.contains("found `seven`, which is no value of JSON"), "{why}");
    }

    #[test]
    fn times_and_days_are_texts_without_quotes_or_numbers() {
        for key in ["2013-01-01T02:47:10Z", "\"2013-01-01T02:47:10Z\"", "1357008430000000"] {
            let row = read(ColumnType::Timestamp, key);
            let times = row.column(0).as_primitive::<TimestampMicrosecondType>();
            assert_eq!(times.value(0), 1_357_008_430_000_000, "{key}");
        }
        for key in ["2000-02-29", "11016"] {
            let row = read(ColumnType::Date32, key);
            assert_eq!(row.column(0).as_primitive::<Date32Type>().value(0), 11_016, "{key}");
        }
        let row = read(ColumnType::Binary, "12");
        assert_eq!(row.column(0).as_binary::<i32>().value(0), [0x12]);
    }

    #[test]
    fn null_is_the_null_of_all_but_texts() {
        for data_type in [
            ColumnType::Int64,
            ColumnType::Decimal128(9, 2),
            ColumnType::Timestamp,
            ColumnType::Date32,
            ColumnType::Binary,
            ColumnType::Bool,
        ] {
            assert!(read(data_type.clone(), "null").column(0).is_null(0), "{data_type}");
        }
    }

    /// What was lost: decimals in composite keys, which were refused as numbers of a double.
    #[test]
    fn a_key_of_several_columns_is_an_array() {
        let columns = vec![
            Column::new("word", ColumnType::Utf8),
            Column::new("n", ColumnType::Int64).nullable(),
            Column::new("amt", ColumnType::Decimal128(38, 2)).nullable(),
        ];
        let schema = StreamSchema::new(columns);
        let row = read_key(&schema, "[\"a\",\nnull, null]").expect("one value of each");
        assert!(row.column(1).is_null(0) && row.column(2).is_null(0));
        let key = "[ \"7\" , 9007199254740993,\t123456789012345678901234567890123456.78]";
        let row = read_key(&schema, key).expect("one value of each");
        assert_eq!(row.column(0).as_string::<i32>().value(0), "7");
        assert_eq!(row.column(1).as_primitive::<Int64Type>().value(0), 9_007_199_254_740_993);
        let amount = row.column(2).as_primitive::<Decimal128Type>().value(0);
        assert_eq!(amount, 12_345_678_901_234_567_890_123_456_789_012_345_678);
        assert!(read_key(&schema, "[\"a\"]").expect_err("two are missing").contains("1 value"));
        assert!(read_key(&schema, "a").is_err());
        assert!(read_key(&schema, "[7, 7, 7]").is_err());
        let words = bad_key("totals", &schema, "found 1 value");
        assert!(words.contains("`word: utf8, n: int64?, amt: decimal128(38,2)?`"), "{words}");
    }
}
