//! Ingest: a column that grows field by field.
//!
//! Takes fields of text. Gives an Arrow array in canonical form. Never keeps a field that its type
//! cannot hold, and takes the last fields back when another column of their row refuses its own.

use std::mem::take;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array,
    Int64Array, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};

use super::bad_row::shown;
use super::csv_fields::CsvFields;
use super::csv_values::{boolean, bytes, day, decimal, float, time, whole};
use super::json_reason::allowed;
use crate::model::column_type::ColumnType;
use crate::model::schema::Column;

/// A column of the open slice.
#[derive(Debug)]
pub struct CellColumn {
    column: Column,
    values: Values,
    /// Whether each row has a value.
    valid: Vec<bool>,
}

/// Values of one type; a row without one has a 0 here.
#[derive(Debug)]
enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    UInt64(Vec<u64>),
    Float64(Vec<f64>),
    Date32(Vec<i32>),
    Timestamp(Vec<i64>),
    Decimal128(Vec<i128>, u8, i8),
    /// Texts and bytes, and where each ends.
    Utf8(Vec<u8>, Vec<usize>),
    Binary(Vec<u8>, Vec<usize>),
}

impl CellColumn {
    /// An empty column; `None` for a list, which no field can hold.
    pub fn new(column: Column) -> Option<Self> {
        let values = match &column.data_type {
            ColumnType::Bool => Values::Bool(Vec::new()),
            ColumnType::Int32 => Values::Int32(Vec::new()),
            ColumnType::Int64 => Values::Int64(Vec::new()),
            ColumnType::UInt64 => Values::UInt64(Vec::new()),
            ColumnType::Float64 => Values::Float64(Vec::new()),
            ColumnType::Date32 => Values::Date32(Vec::new()),
            ColumnType::Timestamp => Values::Timestamp(Vec::new()),
            ColumnType::Decimal128(precision, scale) => {
                Values::Decimal128(Vec::new(), *precision, *scale)
            }
            ColumnType::Utf8 => Values::Utf8(Vec::new(), Vec::new()),
            ColumnType::Binary => Values::Binary(Vec::new(), Vec::new()),
            ColumnType::List(..) => return None,
        };
        Some(Self { column, values, valid: Vec::new() })
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        &self.column.name
    }

    /// Appends a field of a line.
    ///
    /// # Errors
    /// Says what the field is and what it may be; nothing is appended then.
    pub fn take(&mut self, fields: &CsvFields, place: usize) -> Result<(), String> {
        // A null that is a row by itself is written in quotes: empty lines are passed over.
        if fields.count() > 1 && fields.is_empty_text(place) {
            return self.push_empty_text();
        }
        self.push(fields.get(place))
    }

    /// Appends a field. An empty one is null where rows may lack it.
    fn push(&mut self, field: &str) -> Result<(), String> {
        let valid = !(field.is_empty() && self.column.nullable);
        let taken = if valid { self.values.push(field) } else { self.values.push_nothing() };
        if !taken {
            return Err(self.refusal(field));
        }
        self.valid.push(valid);
        Ok(())
    }

    /// Appends a field of two quotes: a text without a letter, which is no null. To columns that
    /// hold no text it is as an empty one.
    fn push_empty_text(&mut self) -> Result<(), String> {
        if !matches!(self.values, Values::Utf8(..) | Values::Binary(..)) || !self.values.push("") {
            return self.push("");
        }
        self.valid.push(true);
        Ok(())
    }

    /// Forgets the fields behind so many.
    pub fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        self.valid.truncate(rows);
    }

    /// Gives the column, and begins anew.
    pub fn finish(&mut self) -> ArrayRef {
        let valid = take(&mut self.valid);
        let nulls = valid.contains(&false).then(|| NullBuffer::from(valid));
        self.values.finish(nulls)
    }

    fn refusal(&self, field: &str) -> String {
        let Column { name, data_type, .. } = &self.column;
        let found = match field {
            "" => "empty".to_owned(),
            field => format!("`{}`", shown(field.as_bytes())),
        };
        let allowed = match data_type {
            ColumnType::Bool => "bool, `true` or `false`".to_owned(),
            ColumnType::Date32 => "date32, a day such as `2000-02-29`".to_owned(),
            ColumnType::Timestamp => {
                "timestamp, a time such as `2000-02-29T12:30:00.123456Z`".to_owned()
            }
            other => allowed(other),
        };
        format!("column `{name}` is {found}, expected {allowed}")
    }
}

impl Values {
    /// Appends the value of a field. Gives whether the type holds it.
    fn push(&mut self, field: &str) -> bool {
        fn add<T>(to: &mut Vec<T>, value: Option<T>) -> bool {
            let taken = value.is_some();
            to.extend(value);
            taken
        }
        match self {
            Self::Bool(to) => add(to, boolean(field)),
            Self::Int32(to) => add(to, whole(field)),
            Self::Int64(to) => add(to, whole(field)),
            Self::UInt64(to) => add(to, whole(field)),
            Self::Float64(to) => add(to, float(field)),
            Self::Date32(to) => add(to, day(field)),
            Self::Timestamp(to) => add(to, time(field)),
            Self::Decimal128(to, precision, scale) => add(to, decimal(field, *precision, *scale)),
            Self::Utf8(to, ends) => {
                to.extend_from_slice(field.as_bytes());
                ends.push(to.len());
                true
            }
            Self::Binary(to, ends) => {
                let taken = bytes(field, to);
                if taken {
                    ends.push(to.len());
                }
                taken
            }
        }
    }

    /// Appends what stands in a row without a value.
    fn push_nothing(&mut self) -> bool {
        match self {
            Self::Bool(to) => to.push(false),
            Self::Int32(to) | Self::Date32(to) => to.push(0),
            Self::Int64(to) | Self::Timestamp(to) => to.push(0),
            Self::UInt64(to) => to.push(0),
            Self::Float64(to) => to.push(0.0),
            Self::Decimal128(to, ..) => to.push(0),
            Self::Utf8(to, ends) | Self::Binary(to, ends) => ends.push(to.len()),
        }
        true
    }

    fn truncate(&mut self, rows: usize) {
        match self {
            Self::Bool(to) => to.truncate(rows),
            Self::Int32(to) | Self::Date32(to) => to.truncate(rows),
            Self::Int64(to) | Self::Timestamp(to) => to.truncate(rows),
            Self::UInt64(to) => to.truncate(rows),
            Self::Float64(to) => to.truncate(rows),
            Self::Decimal128(to, ..) => to.truncate(rows),
            Self::Utf8(to, ends) | Self::Binary(to, ends) => {
                ends.truncate(rows);
                to.truncate(ends.last().copied().unwrap_or(0));
            }
        }
    }

    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        match self {
            Self::Bool(to) => Arc::new(BooleanArray::new(take(to).into(), nulls)),
            Self::Int32(to) => Arc::new(Int32Array::new(exact(to), nulls)),
            Self::Int64(to) => Arc::new(Int64Array::new(exact(to), nulls)),
            Self::UInt64(to) => Arc::new(UInt64Array::new(exact(to), nulls)),
            Self::Float64(to) => Arc::new(Float64Array::new(exact(to), nulls)),
            Self::Date32(to) => Arc::new(Date32Array::new(exact(to), nulls)),
            Self::Timestamp(to) => {
                let times = TimestampMicrosecondArray::new(exact(to), nulls);
                Arc::new(times.with_timezone("UTC"))
            }
            Self::Decimal128(to, precision, scale) => {
                let decimals = Decimal128Array::new(exact(to), nulls);
                let decimals = decimals.with_precision_and_scale(*precision, *scale);
                Arc::new(decimals.expect("a column type has digits that Arrow allows"))
            }
            Self::Utf8(to, ends) => {
                let column = StringArray::try_new(offsets(ends), exact(to).into_inner(), nulls);
                Arc::new(column.expect("each field is text"))
            }
            Self::Binary(to, ends) => {
                Arc::new(BinaryArray::new(offsets(ends), exact(to).into_inner(), nulls))
            }
        }
    }
}

/// The values without the room that was kept for more of them.
fn exact<T: arrow_buffer::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let mut values = take(values);
    values.shrink_to_fit();
    values.into()
}

/// Offsets from where each value ends.
fn offsets(ends: &mut Vec<usize>) -> OffsetBuffer<i32> {
    // Invariant: a slice is within 1 MiB or holds one line of at most 16 MiB, so offsets fit.
    let ends = take(ends).into_iter().map(|end| i32::try_from(end).unwrap_or(i32::MAX));
    let offsets: Vec<i32> = std::iter::once(0).chain(ends).collect();
    OffsetBuffer::new(offsets.into())
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use super::*;

    fn column(data_type: &str, nullable: bool) -> CellColumn {
        let column = Column::new("v", data_type.parse().expect(data_type));
        let column = if nullable { column.nullable() } else { column };
        CellColumn::new(column).expect("it is no list")
    }

    #[test]
    fn every_type_takes_its_fields_and_nothing_else() {
        for (data_type, good, bad) in [
            ("bool", "true", "1"),
            ("int32", "-7", "2147483648"),
            ("int64", "7", "seven"),
            ("uint64", "7", "-7"),
            ("float64", "0.5", "1e400"),
            ("date32", "2000-02-29", "2000-02-30"),
            ("timestamp", "2000-02-29T12:00:00Z", "noon"),
            ("decimal128(9,2)", "1.25", "1.255"),
            ("binary", "00ff", "0"),
        ] {
            let mut cells = column(data_type, true);
            for field in [good, "", good] {
                cells.push(field).expect(field);
            }
            let refusal = cells.push(bad).expect_err(bad);
            let expected = format!("column `v` is `{bad}`, expected {data_type}");
            assert!(refusal.starts_with(&expected), "{refusal}");
            let array = cells.finish();
            assert_eq!(ColumnType::from_arrow(array.data_type()), data_type.parse().ok());
            assert_eq!((array.len(), array.null_count(), array.is_null(1)), (3, 1, true));
            assert_eq!(array.slice(0, 1).to_data(), array.slice(2, 1).to_data());
            assert_eq!(cells.finish().len(), 0, "a new slice begins");
            let required = column(data_type, false).push("");
            let expected = format!("column `v` is empty, expected {data_type}");
            // No digits at all are no bytes, which is a value.
            match data_type {
                "binary" => assert_eq!(required, Ok(())),
                _ => assert!(required.is_err_and(|refusal| refusal.starts_with(&expected))),
            }
        }
    }

    #[test]
    fn an_empty_text_is_null_only_where_rows_may_lack_it() {
        for nullable in [true, false] {
            let mut cells = column("utf8", nullable);
            ["a", "", "b"].iter().for_each(|field| cells.push(field).expect(field));
            let array = cells.finish();
            let texts: Vec<_> = array.as_string::<i32>().iter().collect();
            assert_eq!(texts, [Some("a"), (!nullable).then_some(""), Some("b")]);
            assert_eq!(array.nulls().is_some(), nullable, "no bitmap where there are no nulls");
        }
    }

    #[test]
    fn fields_are_taken_back() {
        let mut cells = column("utf8", true);
        ["a", "bc", ""].iter().for_each(|field| cells.push(field).expect(field));
        cells.truncate(1);
        cells.push("d").expect("it is text");
        let texts = cells.finish();
        assert_eq!(texts.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("a"), Some("d")]);
        assert_eq!(texts.as_string::<i32>().values().len(), 2, "nothing is left of them");
    }
}
