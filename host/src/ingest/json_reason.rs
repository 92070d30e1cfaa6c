//! Ingest: why a line does not fit a schema, in words of the job file.
//!
//! Takes a line that was refused, and the decoder's words. Gives the first thing wrong with it.
//! Never decides whether it is refused.

use serde_json::{Map, Value};

use super::bad_row::shown;
use crate::model::column_type::ColumnType;
use crate::model::schema::{Column, StreamSchema};

/// What is wrong with a line that the decoder refused with these words.
pub fn why_bad(line: &[u8], schema: &StreamSchema, refusal: &str) -> String {
    if simdutf8::basic::from_utf8(line).is_err() {
        return "a line is not valid UTF-8".to_owned();
    }
    let object: Map<String, Value> = match serde_json::from_slice(line) {
        Err(error) => return format!("a line is not JSON: {error}"),
        Ok(Value::Object(object)) => object,
        Ok(other) => return format!("a line is a JSON {}, expected an object", kind(&other)),
    };
    let bad = schema.columns.iter().find_map(|column| why_bad_column(&object, column));
    // A text of the right kind, such as `yesterday` for a time: the decoder names its column.
    let named = || schema.columns.iter().find(|c| refusal.contains(&format!("'{}'", c.name)));
    bad.or_else(|| named().and_then(|column| Some(unfit(object.get(&column.name)?, column))))
        .unwrap_or_else(|| format!("a line does not fit the schema: {refusal}"))
}

fn why_bad_column(object: &Map<String, Value>, column: &Column) -> Option<String> {
    let name = &column.name;
    match object.get(name) {
        None | Some(Value::Null) if column.nullable => None,
        None => Some(format!("column `{name}` is missing")),
        Some(Value::Null) => Some(format!("column `{name}` is null")),
        Some(value) if may_be(value, &column.data_type) => None,
        Some(value) => Some(unfit(value, column)),
    }
}

fn unfit(value: &Value, column: &Column) -> String {
    let found = shown(value.to_string().as_bytes());
    format!("column `{}` is `{found}`, expected {}", column.name, column.data_type)
}

/// Whether a value is not plainly of another type. Texts of times and the like are not looked into.
fn may_be(value: &Value, data_type: &ColumnType) -> bool {
    match (data_type, value) {
        (ColumnType::Bool, value) => value.is_boolean(),
        (ColumnType::Int32, value) => integer(value).is_some_and(|n| i32::try_from(n).is_ok()),
        (ColumnType::Int64, value) => integer(value).is_some_and(|n| i64::try_from(n).is_ok()),
        (ColumnType::UInt64, value) => integer(value).is_some_and(|n| u64::try_from(n).is_ok()),
        (ColumnType::Float64, value) => value.is_number(),
        (ColumnType::Utf8 | ColumnType::Binary, value) => value.is_string(),
        (ColumnType::Date32 | ColumnType::Timestamp, Value::Number(_)) => integer(value).is_some(),
        (ColumnType::Date32 | ColumnType::Timestamp, value) => value.is_string(),
        (ColumnType::Decimal128(..), value) => value.is_number() || value.is_string(),
        (ColumnType::List(item, nullable), Value::Array(items)) => {
            items.iter().all(|value| (*nullable && value.is_null()) || may_be(value, item))
        }
        (ColumnType::List(..), _) => false,
    }
}

fn integer(value: &Value) -> Option<i128> {
    let whole = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    whole.or_else(|| {
        let float = value.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e16)?;
        format!("{float:.0}").parse().ok()
    })
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
