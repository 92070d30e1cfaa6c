//! Columns of one bit a row, which validity bitmaps share.
//!
//! Takes and gives bits from the lowest of the first byte. Never leaves a bit after the last set.

use super::{Scalar, reserve};
use crate::batch::{Batch, Cursor, Failure};

/// Bits gathered one after the other.
#[derive(Debug, Default)]
pub struct Bits {
    bytes: Vec<u8>,
    length: usize,
}

impl Bits {
    /// So many bits, all set.
    pub(crate) fn ones(length: usize) -> Self {
        let mut bytes = vec![0xff; length.div_ceil(8)];
        if let (Some(last), 1..) = (bytes.last_mut(), length % 8) {
            *last = (1 << (length % 8)) - 1;
        }
        Self { bytes, length }
    }

    /// Adds bits.
    #[inline]
    pub(crate) fn extend(&mut self, bits: impl Iterator<Item = bool>) {
        for bit in bits {
            let place = self.length % 8;
            if place == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(bit) << place;
            }
            self.length += 1;
        }
    }

    pub(crate) fn reserve(&mut self, done: usize, total: usize) {
        reserve(&mut self.bytes, done, total);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Whether the bit is set.
#[inline]
pub(crate) fn bit(bytes: &[u8], index: usize) -> bool {
    bytes[index / 8] >> (index % 8) & 1 == 1
}

impl Scalar for bool {
    type Of<'a> = bool;
    type Reader<'a> = &'a [u8];
    type Builder = Bits;

    fn data_type() -> String {
        "bool".to_owned()
    }

    fn open<'a>(cursor: &mut Cursor<'a>, length: usize) -> Result<Self::Reader<'a>, Failure> {
        cursor.buffer(length.div_ceil(8))
    }

    #[inline]
    fn get<'a>(reader: Self::Reader<'a>, row: usize) -> Self::Of<'a> {
        bit(reader, row)
    }

    fn shorten<'b, 'a: 'b>(value: Self::Of<'a>) -> Self::Of<'b> {
        value
    }

    fn lend<'b, 'a: 'b>(reader: Self::Reader<'a>) -> Self::Reader<'b> {
        reader
    }

    fn blank<'a>() -> Self::Of<'a> {
        false
    }

    #[inline]
    fn append<'a>(builder: &mut Bits, values: impl Iterator<Item = Self::Of<'a>> + Clone) {
        builder.extend(values);
    }

    fn reserve(builder: &mut Bits, done: usize, total: usize) {
        builder.reserve(done, total);
    }

    fn finish(builder: Bits, batch: &mut Batch) -> Result<(), Failure> {
        batch.buffers.push(builder.into_bytes());
        Ok(())
    }
}
