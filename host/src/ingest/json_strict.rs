//! Ingest: no number or text stands for another type than its own.
//!
//! Takes the values of a column before they are converted. Gives them to Arrow's own decoder when
//! they are of the column's type. Never lets a fraction be cut off: Arrow would read 1.5 as the
//! integer 1, and `"1"` as well.

use arrow_array::ArrayRef;
use arrow_json::reader::{ArrayDecoder, DecoderContext, DecoderFactory, Tape, TapeElement};
use arrow_schema::{ArrowError, DataType, FieldRef};

/// Integers beyond this are not told apart by a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Decoders that look at values before Arrow's do.
#[derive(Debug)]
pub struct StrictTypes;

impl DecoderFactory for StrictTypes {
    fn make_default_decoder(
        &self,
        context: &DecoderContext,
        field: &FieldRef,
        is_nullable: bool,
    ) -> Result<Option<Box<dyn ArrayDecoder>>, ArrowError> {
        let accepts: fn(&Tape<'_>, TapeElement) -> bool = match field.data_type() {
            DataType::Int32 | DataType::Int64 | DataType::UInt64 => |tape, value| match value {
                TapeElement::String(_) => false,
                TapeElement::Number(text) => is_integer(tape.get_string(text)),
                _ => true,
            },
            DataType::Float64 => |_, value| !matches!(value, TapeElement::String(_)),
            DataType::Timestamp(..) | DataType::Date32 => |tape, value| match value {
                TapeElement::Number(text) => is_integer(tape.get_string(text)),
                _ => true,
            },
            // It is wrapped for its errors, which would not name the column.
            DataType::Decimal128(..) => |_, _| true,
            _ => return Ok(None),
        };
        let inner = context.make_builtin_decoder(field, is_nullable)?;
        Ok(Some(Box::new(StrictDecoder { accepts, data_type: field.data_type().clone(), inner })))
    }
}

struct StrictDecoder {
    accepts: fn(&Tape<'_>, TapeElement) -> bool,
    data_type: DataType,
    inner: Box<dyn ArrayDecoder>,
}

impl ArrayDecoder for StrictDecoder {
    fn decode(&mut self, tape: &Tape<'_>, places: &[u32]) -> Result<ArrayRef, ArrowError> {
        let bad = places.iter().find(|place| !(self.accepts)(tape, tape.get(**place)));
        match bad {
            None => self.inner.decode(tape, places).map_err(|error| match error {
                ArrowError::ParseError(message) => ArrowError::JsonError(message),
                other => other,
            }),
            Some(place) => Err(tape.error(*place, &self.data_type.to_string())),
        }
    }
}

/// Whether a JSON number is an integer, however it is written.
fn is_integer(number: &str) -> bool {
    let plain = !number.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    plain || number.parse().is_ok_and(|value: f64| value.fract() == 0.0 && value.abs() <= EXACT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_known_however_they_are_written() {
        for (number, expected) in [
            ("12", true),
            ("-1", true),
            ("1.0", true),
            ("1e3", true),
            ("1.5e1", true),
            ("1.5", false),
            ("1e-1", false),
            ("9007199254740993.0", true),
            ("1e17", false),
        ] {
            assert_eq!(is_integer(number), expected, "{number}");
        }
    }
}
