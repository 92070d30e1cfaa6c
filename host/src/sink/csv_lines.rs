//! Sink: rows as lines of CSV (RFC 4180).
//!
//! Takes a schema, and slices of it. Gives a line of names and a line per row: a null is an empty
//! field, an empty text is two quotes. Never gives a field that a reader would cut: what holds a
//! comma, a quote or a line's end stands in quotes.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};

use super::element::write_value;

/// The line that names the columns.
pub fn csv_header(schema: &Schema) -> Vec<u8> {
    let mut line = String::new();
    for (index, field) in schema.fields().iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        write_text(&mut line, field.name());
    }
    line.push('\n');
    line.into_bytes()
}

/// The lines of a slice, which has no lists.
pub fn csv_lines(slice: &RecordBatch) -> Vec<u8> {
    let mut lines = String::new();
    for row in 0..slice.num_rows() {
        let before = lines.len();
        for (index, column) in slice.columns().iter().enumerate() {
            if index > 0 {
                lines.push(',');
            }
            write_field(&mut lines, column, row);
        }
        if lines.len() == before {
            // Readers pass over an empty line.
            lines.push_str("\"\"");
        }
        lines.push('\n');
    }
    lines.into_bytes()
}

fn write_field(to: &mut String, column: &dyn Array, row: usize) {
    if column.is_null(row) {
        return;
    }
    match column.data_type() {
        DataType::Utf8 => write_text(to, column.as_string::<i32>().value(row)),
        // No bytes at all must not look like a null.
        DataType::Binary if column.as_binary::<i32>().value(row).is_empty() => write_text(to, ""),
        // Nothing else has a comma or a quote in it.
        _ => write_value(to, column, row),
    }
}

fn write_text(to: &mut String, text: &str) {
    if !text.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        return to.push_str(text);
    }
    to.push('"');
    for part in text.split_inclusive('"') {
        to.push_str(part);
        if part.ends_with('"') {
            to.push('"');
        }
    }
    to.push('"');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array,
        Int64Array, StringArray, TimestampMicrosecondArray,
    };

    use super::*;

    fn check(columns: Vec<(&str, ArrayRef)>, expected: &str) {
        let slice = RecordBatch::try_from_iter(columns).expect("columns of equal length");
        let lines = [csv_header(&slice.schema()), csv_lines(&slice)].concat();
        assert_eq!(String::from_utf8_lossy(&lines), expected);
    }

    #[test]
    fn texts_are_quoted_where_they_must_be() {
        let texts = [
            Some("plain text"),
            Some("a,b"),
            Some("say \"so\""),
            Some("two\nlines"),
            Some("\r"),
            Some(""),
            None,
        ];
        let numbers = Int64Array::from_iter_values(0..7);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("a \"text\"", Arc::new(StringArray::from(texts.to_vec()))),
            ("n", Arc::new(numbers)),
        ];
        let expected = "\"a \"\"text\"\"\",n\nplain text,0\n\"a,b\",1\n\"say \"\"so\"\"\",2\n\
                        \"two\nlines\",3\n\"\r\",4\n\"\",5\n,6\n";
        check(columns, expected);
    }

    #[test]
    fn a_row_of_nothing_is_no_empty_line() {
        let texts = StringArray::from(vec![None, Some("a")]);
        check(vec![("t", Arc::new(texts))], "t\n\"\"\na\n");
    }

    #[test]
    fn every_other_type_is_plain() {
        let decimals = Decimal128Array::from(vec![-125]).with_precision_and_scale(9, 2);
        let times = TimestampMicrosecondArray::from(vec![1_357_008_430_000_001]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("on", Arc::new(BooleanArray::from(vec![true]))),
            ("x", Arc::new(Float64Array::from(vec![f64::NEG_INFINITY]))),
            ("sum", Arc::new(decimals.expect("it fits"))),
            ("day", Arc::new(Date32Array::from(vec![11_016]))),
            ("at", Arc::new(times.with_timezone("UTC"))),
            ("bytes", Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..]]))),
            ("none", Arc::new(BinaryArray::from(vec![&b""[..]]))),
        ];
        let row = "true,-Infinity,-1.25,2000-02-29,2013-01-01T02:47:10.000001Z,00ff,\"\"";
        check(columns, &format!("on,x,sum,day,at,bytes,none\n{row}\n"));
    }
}
