//! Ingest: how much memory rows take as columns, at most.
//!
//! Takes the width of a format's rows. Gives bounds in both directions: columns from rows, text
//! from columns. Never looks at a row: it is what the worst text comes to.

use arrow_schema::{DataType, Schema};

/// How much larger than its text a list can get: a digit and a comma against a decimal.
const LIST_GROWTH: usize = 8;
/// Bytes of the shortest line that is a JSON object, and of its end.
const JSON_LINE_BYTES_MIN: usize = 3;

/// What rows take as columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowWidth {
    /// Bytes of a row beside its texts and lists, at most: a null takes as many as a value.
    pub row_bytes: usize,
    /// How often the bytes of its text, at most, its texts and lists take.
    pub growth: usize,
    /// Bytes of the shortest line of a row, with its end; of a row without lines, its own.
    pub line_bytes_min: usize,
}

impl RowWidth {
    /// The width of rows that are lines.
    pub fn of_lines() -> Self {
        Self { row_bytes: size_of::<i32>(), growth: 1, line_bytes_min: 1 }
    }

    /// The width of rows of that schema that are read from JSON.
    pub fn of_json(schema: &Schema) -> Self {
        let lists = schema.fields().iter().any(|field| field.data_type().is_nested());
        Self {
            row_bytes: schema.fields().iter().map(|field| column_bytes(field.data_type())).sum(),
            growth: if lists { LIST_GROWTH } else { 1 },
            line_bytes_min: JSON_LINE_BYTES_MIN,
        }
    }

    /// The width of rows of that schema that are read from CSV.
    pub fn of_csv(schema: &Schema) -> Self {
        Self {
            row_bytes: schema.fields().iter().map(|field| column_bytes(field.data_type())).sum(),
            growth: 1,
            // Empty fields, what stands between them, and the line's end; of one column, a quoted
            // field or a digit.
            line_bytes_min: schema.fields().len().max(2),
        }
    }

    /// The width of records of so many bytes.
    pub fn of_records(record_bytes: usize) -> Self {
        Self { row_bytes: size_of::<i32>(), growth: 1, line_bytes_min: record_bytes.max(1) }
    }

    /// Bytes of text that become at most so many bytes of columns, whatever rows are in them; at
    /// least one row's.
    pub fn text_bytes_max(self, columns_bytes_max: usize) -> usize {
        let row = self.row_bytes + self.growth * self.line_bytes_min;
        (columns_bytes_max / row).max(1) * self.line_bytes_min
    }
}

/// Bytes a row takes in a column of that type, with its bit for null, before texts and lists.
fn column_bytes(data_type: &DataType) -> usize {
    match data_type {
        DataType::Utf8 | DataType::Binary | DataType::List(_) => size_of::<i32>() + 1,
        other => other.primitive_width().unwrap_or(1) + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{BLOCK_BYTES_MAX, COLUMNS_MAX, CONVERT_BYTES};
    use crate::model::column_type::ColumnType;
    use crate::model::schema::{Column, StreamSchema};

    #[test]
    fn wide_rows_are_few_in_the_same_memory() {
        assert!(RowWidth::of_lines().text_bytes_max(BLOCK_BYTES_MAX) > CONVERT_BYTES);
        let column = |number| Column::new(format!("c{number}"), ColumnType::Int64).nullable();
        let schema = |columns| StreamSchema::new((0..columns).map(column).collect()).to_arrow();
        let narrow = RowWidth::of_json(&schema(2)).text_bytes_max(BLOCK_BYTES_MAX);
        let wide = RowWidth::of_json(&schema(COLUMNS_MAX)).text_bytes_max(BLOCK_BYTES_MAX);
        assert!(narrow > CONVERT_BYTES && wide < CONVERT_BYTES / 10, "{narrow}, {wide}");
        assert_eq!(RowWidth::of_json(&schema(COLUMNS_MAX)).text_bytes_max(0), 3, "a row at least");
        let wide = RowWidth::of_csv(&schema(COLUMNS_MAX)).text_bytes_max(BLOCK_BYTES_MAX);
        assert_eq!(wide / COLUMNS_MAX, BLOCK_BYTES_MAX / (10 * COLUMNS_MAX), "rows of commas");
        assert_eq!(RowWidth::of_records(10).text_bytes_max(100), 70, "whole records");
    }
}
