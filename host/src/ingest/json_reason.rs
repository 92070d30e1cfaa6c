//! Ingest: why a line does not fit a schema, in words of the job file.
//!
//! Takes a line that was refused, and the decoder's words. Gives one thing that is wrong with it:
//! the column, what was found in it, and what is allowed. Never decides whether it is refused.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::bad_row::shown;
use super::json_strict::refused_value;
use crate::model::column_type::ColumnType;
use crate::model::schema::StreamSchema;

/// Names of an object, and whether their value is null. It takes any JSON: numbers that no double
/// holds, and lists nested however deep, are no value of `serde_json`'s.
type Names = BTreeMap<String, Option<IgnoredAny>>;

/// What is wrong with a line that the decoder refused with these words.
pub fn why_bad(line: &[u8], schema: &StreamSchema, refusal: &str) -> String {
    if simdutf8::basic::from_utf8(line).is_err() {
        return "a line is not valid UTF-8".to_owned();
    }
    let whole = serde_json::from_slice::<Value>(line);
    match (serde_json::from_slice::<Names>(line), whole) {
        (Ok(names), whole) => lacking(&names, schema)
            .or_else(|| unfit(schema, refusal))
            .unwrap_or_else(|| match whole {
                Ok(_) => format!("a line does not fit the schema: {refusal}"),
                Err(error) => format!("a line is not JSON: {error}"),
            }),
        (Err(_), Ok(other)) => {
            format!("a line is a JSON {}, expected an object", kind(&other))
        }
        (Err(_), Err(error)) => format!("a line is not JSON: {error}"),
    }
}

/// The first column that a row must have and this one has not.
fn lacking(names: &Names, schema: &StreamSchema) -> Option<String> {
    schema.columns.iter().filter(|column| !column.nullable).find_map(|column| {
        let found = match names.get(&column.name) {
            None => "missing",
            Some(None) => "null",
            Some(Some(_)) => return None,
        };
        let (name, allowed) = (&column.name, allowed(&column.data_type));
        Some(format!("column `{name}` is {found}, expected {allowed}"))
    })
}

/// The column whose value was refused.
fn unfit(schema: &StreamSchema, refusal: &str) -> Option<String> {
    schema.columns.iter().find_map(|column| {
        let value = shown(refused_value(refusal, &column.name)?.as_bytes());
        let (name, allowed) = (&column.name, allowed(&column.data_type));
        Some(format!("column `{name}` is `{value}`, expected {allowed}"))
    })
}

/// What a column takes; its type, and more where that does not say it.
pub(super) fn allowed(data_type: &ColumnType) -> String {
    let more = match data_type {
        ColumnType::Float64 => "a number of at most 1.8e308".to_owned(),
        ColumnType::Binary => "text of two hex digits a byte".to_owned(),
        ColumnType::Date32 => "a day such as \"2000-02-29\", or days since 1970".to_owned(),
        ColumnType::Timestamp => "a time such as \"2000-02-29T12:30:00.123456Z\", or microseconds \
                                  since 1970"
            .to_owned(),
        ColumnType::Decimal128(precision, scale) => {
            let whole = i16::from(*precision) - i16::from(*scale);
            format!("at most {whole} digits before the point and {scale} after it")
        }
        _ => return data_type.to_string(),
    };
    format!("{data_type}, {more}")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
