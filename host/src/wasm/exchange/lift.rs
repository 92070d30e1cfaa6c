//! Wasm: rows on their way back from a guest.
//!
//! Takes nodes and buffers of which nothing is known. Gives a record batch that passed every check
//! of the canonical form, of Arrow and of the limits. Never copies a buffer that is aligned, and
//! never panics, whatever the numbers say.

use std::fmt;
use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, ListArray, PrimitiveArray, RecordBatch,
    RecordBatchOptions, StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};

use super::error::ExchangeError;
use super::shape::{AnswerLimits, BatchShape, RawBatch, RawNode};
use crate::model::column_type::ColumnType;

impl BatchShape {
    /// Checks everything about an answer and makes rows of it. Buffers are not copied.
    ///
    /// # Errors
    /// Names the first thing that is malformed or too large.
    pub fn lift(
        &self,
        answer: RawBatch,
        limits: &AnswerLimits,
    ) -> Result<RecordBatch, ExchangeError> {
        check_size(self, &answer, limits)?;
        let rows = answer.rows;
        let mut parts =
            Parts { nodes: answer.nodes.into_iter(), buffers: answer.buffers.into_iter() };
        let mut arrays = Vec::with_capacity(self.columns().len());
        for (column, field) in self.columns().iter().zip(self.schema().fields()) {
            let place = Place { column: &column.name, depth: 0 };
            let value = Value { kind: &column.data_type, arrow: field.data_type() };
            arrays.push(lift_array(&mut parts, place, value, column.nullable, rows)?);
        }
        // Lengths and nulls were checked, so only a bug of ours could fail here.
        let options = RecordBatchOptions::new().with_row_count(Some(rows as usize));
        RecordBatch::try_new_with_options(Arc::clone(self.schema()), arrays, &options)
            .map_err(|error| arrow_error(Place { column: "", depth: 0 }, &error))
    }
}

fn check_size(
    shape: &BatchShape,
    answer: &RawBatch,
    limits: &AnswerLimits,
) -> Result<(), ExchangeError> {
    let bytes = answer.bytes();
    if bytes > limits.bytes {
        return Err(ExchangeError::BytesOverLimit { found: bytes, allowed: limits.bytes });
    }
    if answer.rows as usize > limits.rows {
        return Err(ExchangeError::RowsOverLimit { found: answer.rows, allowed: limits.rows });
    }
    let (nodes, buffers) = shape.parts();
    if answer.nodes.len() != nodes {
        return Err(ExchangeError::NodeCount { found: answer.nodes.len(), expected: nodes });
    }
    if answer.buffers.len() != buffers {
        return Err(ExchangeError::BufferCount { found: answer.buffers.len(), expected: buffers });
    }
    Ok(())
}

impl RawBatch {
    /// The bytes of all buffers and nodes.
    pub fn bytes(&self) -> usize {
        self.nodes.len() * size_of::<RawNode>() + self.buffers.iter().map(Vec::len).sum::<usize>()
    }
}

/// What is left of the answer. Both were counted, so neither ends early.
struct Parts {
    nodes: std::vec::IntoIter<RawNode>,
    buffers: std::vec::IntoIter<Vec<u8>>,
}

impl Parts {
    fn buffer(&mut self) -> Vec<u8> {
        self.buffers.next().unwrap_or_default()
    }
}

/// Where an array stands: a column, or the items of its lists.
#[derive(Clone, Copy)]
struct Place<'a> {
    column: &'a str,
    depth: usize,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.column)?;
        (0..self.depth).try_for_each(|_| f.write_str("[]"))
    }
}

/// One type in both spellings, so that Arrow's is not made anew for every answer.
#[derive(Clone, Copy)]
struct Value<'a> {
    kind: &'a ColumnType,
    arrow: &'a DataType,
}

fn lift_array(
    parts: &mut Parts,
    place: Place<'_>,
    value: Value<'_>,
    nullable: bool,
    expected: u32,
) -> Result<ArrayRef, ExchangeError> {
    let node = parts.nodes.next().unwrap_or(RawNode { length: expected, nulls: 0 });
    if node.length != expected {
        let column = place.to_string();
        return Err(ExchangeError::Length { column, found: node.length, expected });
    }
    let nulls = lift_nulls(place, node, nullable, parts.buffer())?;
    let rows = expected as usize;
    Ok(match value.kind {
        ColumnType::Bool => {
            let bits = lift_bits(place, rows, parts.buffer())?;
            Arc::new(BooleanArray::new(bits, nulls))
        }
        ColumnType::Int32 => lift_values::<Int32Type>(parts, place, value, rows, nulls)?,
        ColumnType::Int64 => lift_values::<Int64Type>(parts, place, value, rows, nulls)?,
        ColumnType::UInt64 => lift_values::<UInt64Type>(parts, place, value, rows, nulls)?,
        ColumnType::Float64 => lift_values::<Float64Type>(parts, place, value, rows, nulls)?,
        ColumnType::Date32 => lift_values::<Date32Type>(parts, place, value, rows, nulls)?,
        ColumnType::Timestamp => {
            lift_values::<TimestampMicrosecondType>(parts, place, value, rows, nulls)?
        }
        ColumnType::Decimal128(digits, _) => {
            let array = primitive::<Decimal128Type>(parts, place, value, rows, nulls)?;
            check_digits(place, &array, *digits)?;
            Arc::new(array)
        }
        ColumnType::Utf8 => {
            let (offsets, data) = lift_bytes(parts, place, rows)?;
            let data = Buffer::from_vec(data);
            let array = StringArray::try_new(offsets.clone(), data.clone(), nulls);
            Arc::new(array.map_err(|error| utf8_error(place, &offsets, &data, &error))?)
        }
        ColumnType::Binary => {
            let (offsets, data) = lift_bytes(parts, place, rows)?;
            let array = BinaryArray::try_new(offsets, Buffer::from_vec(data), nulls);
            Arc::new(array.map_err(|error| arrow_error(place, &error))?)
        }
        ColumnType::List(item, item_nullable) => {
            lift_list(parts, place, value, (item, *item_nullable), (rows, nulls))?
        }
    })
}

fn lift_list(
    parts: &mut Parts,
    place: Place<'_>,
    value: Value<'_>,
    (item, item_nullable): (&ColumnType, bool),
    (rows, nulls): (usize, Option<NullBuffer>),
) -> Result<ArrayRef, ExchangeError> {
    let DataType::List(field) = value.arrow else {
        let error = ArrowError::SchemaError("a list is declared otherwise".to_owned());
        return Err(arrow_error(place, &error));
    };
    let offsets = lift_offsets(place, rows, parts.buffer())?;
    // Offsets do not fall from 0, so the last one is not negative.
    let items = offsets.last().unsigned_abs();
    let inner = Place { depth: place.depth + 1, ..place };
    let item = Value { kind: item, arrow: field.data_type() };
    let values = lift_array(parts, inner, item, item_nullable, items)?;
    let list = ListArray::try_new(Arc::clone(field), offsets, values, nulls);
    Ok(Arc::new(list.map_err(|error| arrow_error(place, &error))?))
}

fn lift_nulls(
    place: Place<'_>,
    node: RawNode,
    nullable: bool,
    bitmap: Vec<u8>,
) -> Result<Option<NullBuffer>, ExchangeError> {
    let column = || place.to_string();
    if node.nulls > node.length {
        let (found, length) = (node.nulls, node.length);
        return Err(ExchangeError::NullCount { column: column(), found, length });
    }
    if node.nulls > 0 && !nullable {
        let found = node.nulls as usize;
        return Err(ExchangeError::NullInRequired { column: column(), found });
    }
    let length = node.length as usize;
    let expected = if node.nulls == 0 { 0 } else { length.div_ceil(8) };
    if bitmap.len() != expected {
        let found = bitmap.len();
        return Err(ExchangeError::BitmapLength { column: column(), found, expected });
    }
    if node.nulls == 0 {
        return Ok(None);
    }
    let nulls = NullBuffer::new(bits(length, bitmap));
    if nulls.null_count() != node.nulls as usize {
        let (found, expected) = (nulls.null_count(), node.nulls);
        return Err(ExchangeError::BitmapCount { column: column(), found, expected });
    }
    Ok(Some(nulls))
}

fn lift_bits(
    place: Place<'_>,
    rows: usize,
    bytes: Vec<u8>,
) -> Result<BooleanBuffer, ExchangeError> {
    check_values_length(place, bytes.len(), rows.div_ceil(8))?;
    Ok(bits(rows, bytes))
}

/// Bits that no value uses are made zero, so that equal rows are equal bytes.
fn bits(length: usize, mut bytes: Vec<u8>) -> BooleanBuffer {
    let used = length % 8;
    if let Some(last) = bytes.last_mut().filter(|_| used > 0) {
        *last &= (1 << used) - 1;
    }
    BooleanBuffer::new(Buffer::from_vec(bytes), 0, length)
}

fn lift_values<T: ArrowPrimitiveType>(
    parts: &mut Parts,
    place: Place<'_>,
    value: Value<'_>,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ExchangeError> {
    Ok(Arc::new(primitive::<T>(parts, place, value, rows, nulls)?))
}

fn primitive<T: ArrowPrimitiveType>(
    parts: &mut Parts,
    place: Place<'_>,
    value: Value<'_>,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<PrimitiveArray<T>, ExchangeError> {
    let bytes = parts.buffer();
    check_values_length(place, bytes.len(), rows.saturating_mul(size_of::<T::Native>()))?;
    let values = ScalarBuffer::new(aligned::<T::Native>(bytes), 0, rows);
    let array =
        PrimitiveArray::<T>::try_new(values, nulls).map_err(|error| arrow_error(place, &error))?;
    Ok(array.with_data_type(value.arrow.clone()))
}

fn check_values_length(
    place: Place<'_>,
    found: usize,
    expected: usize,
) -> Result<(), ExchangeError> {
    if found == expected {
        return Ok(());
    }
    Err(ExchangeError::ValuesLength { column: place.to_string(), found, expected })
}

/// The bytes as a buffer in which values of the type are aligned. An empty `Vec` is not, nor need
/// one be that an allocator other than the system's has made.
fn aligned<T>(bytes: Vec<u8>) -> Buffer {
    if bytes.is_empty() {
        return MutableBuffer::new(0).into();
    }
    if bytes.as_ptr().align_offset(align_of::<T>()) == 0 {
        return Buffer::from_vec(bytes);
    }
    Buffer::from_slice_ref(&bytes)
}

fn lift_bytes(
    parts: &mut Parts,
    place: Place<'_>,
    rows: usize,
) -> Result<(OffsetBuffer<i32>, Vec<u8>), ExchangeError> {
    let offsets = lift_offsets(place, rows, parts.buffer())?;
    let data = parts.buffer();
    if offsets.last().unsigned_abs() as usize != data.len() {
        return Err(ExchangeError::LastOffset {
            column: place.to_string(),
            found: offsets.last(),
            expected: data.len(),
        });
    }
    Ok((offsets, data))
}

fn lift_offsets(
    place: Place<'_>,
    rows: usize,
    bytes: Vec<u8>,
) -> Result<OffsetBuffer<i32>, ExchangeError> {
    // Arrow lets an array without values do without offsets.
    if rows == 0 && bytes.is_empty() {
        return Ok(OffsetBuffer::new_empty());
    }
    let expected = (rows + 1).saturating_mul(size_of::<i32>());
    let column = || place.to_string();
    if bytes.len() != expected {
        let found = bytes.len();
        return Err(ExchangeError::OffsetsLength { column: column(), found, expected });
    }
    let offsets = ScalarBuffer::<i32>::new(aligned::<i32>(bytes), 0, rows + 1);
    if offsets[0] != 0 {
        return Err(ExchangeError::FirstOffset { column: column(), found: offsets[0] });
    }
    // Without a branch on each pair the compiler compares several at a time.
    let falls = offsets.windows(2).fold(false, |falls, pair| falls | (pair[1] < pair[0]));
    if falls {
        let row = offsets.windows(2).position(|pair| pair[1] < pair[0]).unwrap_or(0);
        let (found, previous) = (offsets[row + 1], offsets[row]);
        return Err(ExchangeError::FallingOffset { column: column(), row, found, previous });
    }
    Ok(OffsetBuffer::new(offsets))
}

/// Finds the row that is not text: Arrow checks every byte and that no value ends within a
/// character, but does not say which one does.
fn utf8_error(
    place: Place<'_>,
    offsets: &OffsetBuffer<i32>,
    data: &[u8],
    error: &ArrowError,
) -> ExchangeError {
    let bad_byte = match std::str::from_utf8(data) {
        Ok(text) => offsets
            .iter()
            .map(|offset| offset.unsigned_abs() as usize)
            .find(|offset| !text.is_char_boundary(*offset)),
        Err(error) => Some(error.valid_up_to()),
    };
    let Some(byte) = bad_byte else { return arrow_error(place, error) };
    let after = offsets.partition_point(|offset| offset.unsigned_abs() as usize <= byte);
    ExchangeError::Utf8 { column: place.to_string(), row: after.saturating_sub(1) }
}

/// Arrow takes any 128 bits for a decimal; kernels that rely on the type's digits do not.
fn check_digits(
    place: Place<'_>,
    array: &PrimitiveArray<Decimal128Type>,
    digits: u8,
) -> Result<(), ExchangeError> {
    let bound = 10_u128.saturating_pow(u32::from(digits));
    let too_long = array.iter().position(|v| v.is_some_and(|v| v.unsigned_abs() >= bound));
    match too_long {
        Some(row) => Err(ExchangeError::Digits { column: place.to_string(), row, allowed: digits }),
        None => Ok(()),
    }
}

fn arrow_error(place: Place<'_>, error: &ArrowError) -> ExchangeError {
    ExchangeError::Arrow { column: place.to_string(), reason: error.to_string() }
}
