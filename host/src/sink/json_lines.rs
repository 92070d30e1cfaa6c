//! Sink: rows as lines of JSON.
//!
//! Takes a slice. Gives a line per row with every column in it, nulls written out. Never gives a
//! line that is no JSON: Arrow knows neither our zone nor times beyond its calendar, so times are
//! spelled here. Never gives a null for a number: NaN and infinities, which JSON lacks, are texts.

use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, PrimitiveArray, RecordBatch};
use arrow_json::writer::{Encoder, LineDelimited, NullableEncoder, make_encoder};
use arrow_json::{EncoderFactory, EncoderOptions, WriterBuilder};
use arrow_schema::{ArrowError, DataType, FieldRef};

use super::element::{write_date, write_float, write_time};

/// Arrow's own spelling.
static PLAIN: LazyLock<EncoderOptions> = LazyLock::new(EncoderOptions::default);

/// The lines of a slice.
pub fn json_lines(slice: &RecordBatch) -> Vec<u8> {
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let builder = builder.with_encoder_factory(Arc::new(Spelling));
    let mut writer = builder.build::<_, LineDelimited>(Vec::new());
    let written = writer.write(slice).and_then(|()| writer.finish());
    written.expect("memory takes it, and every type of a column has a form in JSON");
    writer.into_inner()
}

/// Spells what Arrow cannot.
#[derive(Debug)]
struct Spelling;

impl EncoderFactory for Spelling {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
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
            DataType::Float64 => {
                let floats = array.as_primitive::<Float64Type>();
                if floats.iter().flatten().all(f64::is_finite) {
                    return Ok(None);
                }
                let finite = make_encoder(field, array, &PLAIN)?;
                let encoder = Box::new(Floats { floats, finite, text: String::new() });
                return Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())));
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

/// Numbers of which some are none that JSON has: those are the texts that Spark writes.
struct Floats<'a> {
    floats: &'a PrimitiveArray<Float64Type>,
    finite: NullableEncoder<'a>,
    text: String,
}

impl Encoder for Floats<'_> {
    fn encode(&mut self, row: usize, to: &mut Vec<u8>) {
        let value = self.floats.value(row);
        if value.is_finite() {
            return self.finite.encode(row, to);
        }
        self.text.clear();
        // Writing to a string cannot fail.
        let _ = write_float(&mut self.text, value);
        to.push(b'"');
        to.extend_from_slice(self.text.as_bytes());
        to.push(b'"');
    }
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
            ("x", Arc::new(Float64Array::from(vec![0.1]))),
            ("t", Arc::new(StringArray::from(vec!["a\n\"\u{1b}"]))),
        ];
        let expected = concat!(
            r#"{"at":["1970-01-01T00:00:00Z",null],"sum":-1.25,"bytes":"00ff","#,
            r#""n":18446744073709551615,"x":0.1,"t":"a\n\"\u001b"}"#,
            "\n"
        );
        check(columns, expected);
    }

    /// What was lost: a sum that had grown beyond a double was a null, as if nothing had come.
    #[test]
    fn numbers_that_json_lacks_are_texts_and_no_nulls() {
        let mut list = ListBuilder::new(arrow_array::builder::Float64Builder::new());
        list.append_value([Some(f64::INFINITY), None]);
        list.append_value([Some(1.0)]);
        list.append_value([]);
        let floats = vec![Some(f64::NEG_INFINITY), None, Some(1e300)];
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("x", Arc::new(Float64Array::from(floats))),
            ("y", Arc::new(Float64Array::from(vec![f64::NAN, 0.1, -0.0]))),
            ("of", Arc::new(list.finish())),
        ];
        let expected = concat!(
            r#"{"x":"-Infinity","y":"NaN","of":["Infinity",null]}"#,
            "\n",
            r#"{"x":null,"y":0.1,"of":[1.0]}"#,
            "\n",
            r#"{"x":1.0e300,"y":-0.0,"of":[]}"#,
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
