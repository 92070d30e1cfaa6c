//! Ingest: no number or text stands for another value than its own.
//!
//! Takes the values of a column before they are converted. Gives them to Arrow's own decoder when
//! the column can hold them as they are. Never lets one be bent: Arrow would read 1.5 and `"1"` as
//! the integer 1, 1e400 as infinite, round decimals, and cut a day out of a longer text.

use arrow_array::ArrayRef;
use arrow_json::reader::{ArrayDecoder, DecoderContext, DecoderFactory, Tape, TapeElement};
use arrow_schema::{ArrowError, DataType, FieldRef};

use super::json_exact::{fits_scale, is_day, is_finite, is_int64, is_integer, is_time};
use super::json_written::written;

/// What a refusal begins with, before the value; Arrow puts the column before it.
const FOUND: &str = "found ";

/// What JSON has no number for, as the sink writes it.
const NO_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// The value that was refused, if it was one of that column.
pub fn refused_value<'r>(refusal: &'r str, column: &str) -> Option<&'r str> {
    refusal.strip_prefix(&format!("Json error: whilst decoding field '{column}': {FOUND}"))
}

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
        let inner = context.make_builtin_decoder(field, is_nullable)?;
        let strict: Box<dyn ArrayDecoder> = match field.data_type() {
            DataType::Struct(_) => Box::new(RowDecoder { inner }),
            data_type => Box::new(StrictDecoder { data_type: data_type.clone(), inner }),
        };
        Ok(Some(strict))
    }
}

/// Rows: there are no structs within columns.
struct RowDecoder {
    inner: Box<dyn ArrayDecoder>,
}

impl ArrayDecoder for RowDecoder {
    fn decode(&mut self, tape: &Tape<'_>, places: &[u32]) -> Result<ArrayRef, ArrowError> {
        if places.iter().all(|place| matches!(tape.get(*place), TapeElement::StartObject(_))) {
            return self.inner.decode(tape, places);
        }
        Err(ArrowError::JsonError("a line is not a JSON object".to_owned()))
    }
}

struct StrictDecoder {
    data_type: DataType,
    inner: Box<dyn ArrayDecoder>,
}

impl ArrayDecoder for StrictDecoder {
    fn decode(&mut self, tape: &Tape<'_>, places: &[u32]) -> Result<ArrayRef, ArrowError> {
        let unfit = places.iter().find(|place| !may_hold(&self.data_type, tape, **place));
        let unfit = match unfit {
            Some(place) => place,
            None => match self.inner.decode(tape, places) {
                Ok(column) => return Ok(column),
                // Arrow does not tell which value it was.
                Err(error) => places
                    .iter()
                    .find(|place| self.inner.decode(tape, &[**place]).is_err())
                    .ok_or(error)?,
            },
        };
        Err(ArrowError::JsonError(format!("{FOUND}{}", written(tape, *unfit))))
    }
}

/// Whether a column of that type can hold the value as it is. A value of the right form that is
/// too large, or in no calendar, Arrow refuses by itself.
fn may_hold(data_type: &DataType, tape: &Tape<'_>, place: u32) -> bool {
    match (data_type, tape.get(place)) {
        // Whether it may be missing is asked when the column is there.
        (_, TapeElement::Null) => true,
        (DataType::Boolean, value) => matches!(value, TapeElement::True | TapeElement::False),
        (
            DataType::Int32 | DataType::Int64 | DataType::Date32 | DataType::Timestamp(..),
            TapeElement::Number(text),
        ) => is_int64(tape.get_string(text)),
        (DataType::UInt64, TapeElement::Number(text)) => is_integer(tape.get_string(text)),
        (DataType::Float64, TapeElement::Number(text)) => is_finite(tape.get_string(text)),
        (DataType::Float64, TapeElement::String(text)) => {
            NO_NUMBERS.contains(&tape.get_string(text))
        }
        (DataType::Date32, TapeElement::String(text)) => is_day(tape.get_string(text)),
        (DataType::Timestamp(..), TapeElement::String(text)) => is_time(tape.get_string(text)),
        (DataType::Decimal128(_, scale), TapeElement::Number(text) | TapeElement::String(text)) => {
            fits_scale(tape.get_string(text), *scale)
        }
        (DataType::Utf8, TapeElement::String(_)) => true,
        // Two digits a byte: Arrow would make a byte of one that is left over.
        (DataType::Binary, TapeElement::String(text)) => {
            tape.get_string(text).len().is_multiple_of(2)
        }
        (DataType::List(_), TapeElement::StartList(_)) => true,
        _ => false,
    }
}
