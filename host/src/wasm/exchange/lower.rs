//! Wasm: rows on their way to a guest.
//!
//! Takes a record batch of any slicing. Gives its buffers in canonical form, those that are in it
//! already by reference. Never copies values, only offsets and bitmaps that a slice left askew.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, GenericByteArray, RecordBatch};
use arrow_buffer::{BooleanBuffer, Buffer, OffsetBuffer};
use arrow_schema::DataType;

use super::error::ExchangeError;
use super::shape::{BatchShape, RawBatch, RawNode};
use crate::model::column_type::ColumnType;

/// A batch in canonical form, sharing what it can with the one it was made of.
#[derive(Debug, Clone)]
pub struct LoweredBatch {
    /// Its rows.
    pub rows: u32,
    /// One node an array, parents before children.
    pub nodes: Vec<RawNode>,
    /// The buffers of all arrays, in Arrow's order.
    pub buffers: Vec<Buffer>,
}

impl LoweredBatch {
    /// The same batch on its own, as it would come back over the border.
    pub fn to_raw(&self) -> RawBatch {
        let buffers = self.buffers.iter().map(|buffer| buffer.as_slice().to_vec()).collect();
        RawBatch { rows: self.rows, nodes: self.nodes.clone(), buffers }
    }

    /// The bytes of all buffers.
    pub fn bytes(&self) -> usize {
        self.buffers.iter().map(Buffer::len).sum()
    }
}

impl BatchShape {
    /// Brings rows of any slicing into canonical form. What is in it already is not copied.
    ///
    /// # Errors
    /// When the rows are not of these columns.
    pub fn lower(&self, batch: &RecordBatch) -> Result<LoweredBatch, ExchangeError> {
        check_columns(self, batch)?;
        let rows = u32::try_from(batch.num_rows())
            .map_err(|_| ExchangeError::InputRows { found: batch.num_rows(), allowed: u32::MAX })?;
        let (nodes, buffers) = self.parts();
        let mut lowered = LoweredBatch {
            rows,
            nodes: Vec::with_capacity(nodes),
            buffers: Vec::with_capacity(buffers),
        };
        for (column, array) in self.columns().iter().zip(batch.columns()) {
            lower_array(&mut lowered, &column.data_type, array.as_ref());
        }
        Ok(lowered)
    }
}

/// Types must be those declared, and required columns without nulls: a guest relies on both.
fn check_columns(shape: &BatchShape, batch: &RecordBatch) -> Result<(), ExchangeError> {
    let fields = shape.schema().fields();
    let fits = fields.len() == batch.num_columns()
        && fields.iter().zip(batch.columns()).all(|(field, array)| {
            field.data_type() == array.data_type()
                || field.data_type().equals_datatype(array.data_type())
        });
    if !fits {
        let words = |types: Vec<&DataType>| {
            let word = |data_type: &&DataType| {
                ColumnType::from_arrow(data_type)
                    .map_or_else(|| data_type.to_string(), |t| t.to_string())
            };
            types.iter().map(word).collect::<Vec<_>>().join(", ")
        };
        return Err(ExchangeError::Input {
            found: words(batch.columns().iter().map(|array| array.data_type()).collect()),
            expected: words(fields.iter().map(|field| field.data_type()).collect()),
        });
    }
    for (column, array) in shape.columns().iter().zip(batch.columns()) {
        if !column.nullable && array.null_count() > 0 {
            let (column, found) = (column.name.clone(), array.null_count());
            return Err(ExchangeError::NullInRequired { column, found });
        }
    }
    Ok(())
}

/// Invariant: the array is of the type; `check_columns` saw to it for columns, and a list's items
/// follow from its own type.
fn lower_array(lowered: &mut LoweredBatch, data_type: &ColumnType, array: &dyn Array) {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    // Both are bounded: rows by `lower`, items by their 32-bit offsets.
    lowered.nodes.push(RawNode {
        length: u32::try_from(array.len()).unwrap_or(u32::MAX),
        nulls: nulls.map_or(0, |nulls| u32::try_from(nulls.null_count()).unwrap_or(u32::MAX)),
    });
    lowered.buffers.push(nulls.map_or_else(Buffer::default, |nulls| bits(nulls.inner())));
    match data_type {
        ColumnType::Bool => lowered.buffers.push(bits(array.as_boolean().values())),
        ColumnType::Int32 => lower_values::<Int32Type>(lowered, array),
        ColumnType::Int64 => lower_values::<Int64Type>(lowered, array),
        ColumnType::UInt64 => lower_values::<UInt64Type>(lowered, array),
        ColumnType::Float64 => lower_values::<Float64Type>(lowered, array),
        ColumnType::Date32 => lower_values::<Date32Type>(lowered, array),
        ColumnType::Timestamp => lower_values::<TimestampMicrosecondType>(lowered, array),
        ColumnType::Decimal128(..) => lower_values::<Decimal128Type>(lowered, array),
        ColumnType::Utf8 => lower_bytes(lowered, array.as_string::<i32>()),
        ColumnType::Binary => lower_bytes(lowered, array.as_binary::<i32>()),
        ColumnType::List(item, _) => {
            let list = array.as_list::<i32>();
            let (start, end) = lower_offsets(lowered, list.offsets());
            if (start, end) == (0, list.values().len()) {
                lower_array(lowered, item, list.values().as_ref());
            } else {
                lower_array(lowered, item, list.values().slice(start, end - start).as_ref());
            }
        }
    }
}

fn lower_values<T: ArrowPrimitiveType>(lowered: &mut LoweredBatch, array: &dyn Array) {
    let values = array.as_primitive::<T>().values();
    let bytes = values.len() * size_of::<T::Native>();
    lowered.buffers.push(trimmed(values.inner(), 0, bytes));
}

fn lower_bytes<T: arrow_array::types::ByteArrayType<Offset = i32>>(
    lowered: &mut LoweredBatch,
    array: &GenericByteArray<T>,
) {
    let (start, end) = lower_offsets(lowered, array.offsets());
    lowered.buffers.push(trimmed(array.values(), start, end - start));
}

/// Pushes the offsets, from 0 on, and gives the range of the data that they stand for.
fn lower_offsets(lowered: &mut LoweredBatch, offsets: &OffsetBuffer<i32>) -> (usize, usize) {
    let (first, last) = (offsets.first(), offsets.last());
    lowered.buffers.push(if first == 0 {
        trimmed(offsets.inner().inner(), 0, size_of_val(&offsets[..]))
    } else {
        Buffer::from_vec(offsets.iter().map(|offset| offset - first).collect::<Vec<i32>>())
    });
    // Arrow's offsets are never negative.
    (first.unsigned_abs() as usize, last.unsigned_abs() as usize)
}

fn trimmed(buffer: &Buffer, start: usize, bytes: usize) -> Buffer {
    if start == 0 && buffer.len() == bytes {
        return buffer.clone();
    }
    buffer.slice_with_length(start, bytes)
}

/// The bits from bit 0 on, exactly as many bytes as they need, unused bits zero.
fn bits(buffer: &BooleanBuffer) -> Buffer {
    let bytes = buffer.len().div_ceil(8);
    let aligned = buffer.inner().bit_slice(buffer.offset(), buffer.len());
    let aligned = trimmed(&aligned, 0, bytes);
    let used = buffer.len() % 8;
    match aligned.last() {
        Some(last) if used > 0 && last >> used != 0 => {
            let mut copy = aligned.as_slice().to_vec();
            copy[bytes - 1] &= (1 << used) - 1;
            Buffer::from_vec(copy)
        }
        _ => aligned,
    }
}
