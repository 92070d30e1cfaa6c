//! Sink: rows as lines of JSON.
//!
//! Takes a slice. Gives a line per row with every column in it, nulls written out. Never gives a
//! line that is no JSON: Arrow knows neither our zone nor times beyond its calendar, so times are
//! spelled here.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_json::writer::{Encoder, LineDelimited, NullableEncoder};
use arrow_json::{EncoderFactory, EncoderOptions, WriterBuilder};
use arrow_schema::{ArrowError, DataType, FieldRef};

use super::element::{write_date, write_time};

/// The lines of a slice.
pub fn json_lines(slice: &RecordBatch) -> Vec<u8> {
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let builder = builder.with_encoder_factory(Arc::new(SpelledTimes));
    let mut writer = builder.build::<_, LineDelimited>(Vec::new());
    let written = writer.write(slice).and_then(|()| writer.finish());
    written.expect("memory takes it, and every type of a column has a form in JSON");
    writer.into_inner()
}

#[derive(Debug)]
struct SpelledTimes;

impl EncoderFactory for SpelledTimes {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let spell: Spell<'a> = match array.data_type() {
            DataType::Timestamp(..) => {
                let times = array.as_primitive::<TimestampMicrosecondType>();
                Box::new(|to, row| write_time(to, times.value(row)))
            }
            DataType::Date32 => {
                let days = array.as_primitive::<Date32Type>();
                Box::new(|to, row| write_date(to, days.value(row).into()))
            }
            _ => return Ok(None),
        };
        let encoder = Box::new(Spelled { spell, text: String::new() });
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

/// Writes the value of a row.
type Spell<'a> = Box<dyn Fn(&mut String, usize) + 'a>;

struct Spelled<'a> {
    spell: Spell<'a>,
    text: String,
}

impl Encoder for Spelled<'_> {
    fn encode(&mut self, row: usize, to: &mut Vec<u8>) {
        self.text.clear();
        (self.spell)(&mut self.text, row);
        to.push(b'"');
        to.extend_from_slice(self.text.as_bytes());
        to.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::builder::{ListBuilder, TimestampMicrosecondBuilder};
    use arrow_array::{
        ArrayRef, BinaryArray, Date32Array, Decimal128Array, Float64Array, StringArray,
        TimestampMicrosecondArray, UInt64Array,
    };

    use super::*;

    fn check(columns: Vec<(&str, ArrayRef)>, expected: &str) {
        let slice = RecordBatch::try_from_iter(columns).expect("columns of equal length");
        assert_eq!(String::from_utf8_lossy(&json_lines(&slice)), expected);
    }

    #[test]
    fn every_type_of_a_column_has_a_form() {
        let utc = TimestampMicrosecondBuilder::new().with_timezone("UTC");
        let mut list = ListBuilder::new(utc);
        list.append_value([Some(0), None]);
        let decimals = Decimal128Array::from(vec![-125]).with_precision_and_scale(9, 2);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("at", Arc::new(list.finish())),
            ("sum", Arc::new(decimals.expect("it fits"))),
            ("bytes", Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..]]))),
            ("n", Arc::new(UInt64Array::from(vec![u64::MAX]))),
            ("x", Arc::new(Float64Array::from(vec![f64::NAN]))),
            ("t", Arc::new(StringArray::from(vec!["a\n\"\u{1b}"]))),
        ];
        let expected = concat!(
            r#"{"at":["1970-01-01T00:00:00Z",null],"sum":-1.25,"bytes":"00ff","#,
            r#""n":18446744073709551615,"x":null,"t":"a\n\"\u001b"}"#,
            "\n"
        );
        check(columns, expected);
    }

    #[test]
    fn times_beyond_every_calendar_are_still_json() {
        let times = TimestampMicrosecondArray::from(vec![Some(i64::MAX), None]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("at", Arc::new(times.with_timezone("UTC"))),
            ("day", Arc::new(Date32Array::from(vec![i32::MIN, 11_016]))),
        ];
        let expected = concat!(
            r#"{"at":"+294247-01-10T04:00:54.775807Z","day":"-5877641-06-23"}"#,
            "\n",
            r#"{"at":null,"day":"2000-02-29"}"#,
            "\n"
        );
        check(columns, expected);
    }
}
