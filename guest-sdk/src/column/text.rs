//! Columns of text and of bytes: offsets and one run of bytes.
//!
//! Takes offsets that rise from 0. Gives such. Never copies a value it reads.

use super::{Scalar, reserve};
use crate::batch::{Batch, Cursor, Failure};
use crate::erased::{SHORT_VALUE, append_value};

/// Bytes of values one after the other, and where each ends.
#[derive(Debug)]
pub struct TextBuilder {
    offsets: Vec<[u8; 4]>,
    bytes: Vec<u8>,
}

impl Default for TextBuilder {
    fn default() -> Self {
        Self { offsets: vec![[0; 4]], bytes: Vec::new() }
    }
}

impl TextBuilder {
    #[inline]
    fn append<'a>(&mut self, values: impl Iterator<Item = &'a [u8]> + Clone) {
        self.bytes.reserve(values.clone().map(<[u8]>::len).sum::<usize>() + SHORT_VALUE);
        self.offsets.extend(values.map(|value| {
            append_value(&mut self.bytes, value);
            // Too many bytes are noticed in `finish`, before anyone reads a wrapped offset.
            (self.bytes.len() as u32).to_ne_bytes()
        }));
    }

    fn reserve(&mut self, done: usize, total: usize) {
        reserve(&mut self.offsets, done, total);
        reserve(&mut self.bytes, done, total);
    }

    fn finish(self, batch: &mut Batch) -> Result<(), Failure> {
        if i32::try_from(self.bytes.len()).is_err() {
            let found = self.bytes.len();
            return Err(Failure::new(format!(
                "a text column came to {found} bytes, limit is {}",
                i32::MAX
            )));
        }
        batch.buffers.extend([self.offsets.into_flattened(), self.bytes]);
        Ok(())
    }
}

/// Where a value lies in the bytes.
#[inline]
pub(super) fn span(offsets: &[[u8; 4]], row: usize) -> std::ops::Range<usize> {
    let at = |index: usize| u32::from_ne_bytes(offsets[index]) as usize;
    at(row)..at(row + 1)
}

impl Scalar for &'static str {
    type Of<'a> = &'a str;
    type Reader<'a> = (&'a [[u8; 4]], &'a str);
    type Builder = TextBuilder;

    fn data_type() -> String {
        "utf8".to_owned()
    }

    fn open<'a>(cursor: &mut Cursor<'a>, length: usize) -> Result<Self::Reader<'a>, Failure> {
        Ok((cursor.offsets(length)?, cursor.text()?))
    }

    #[inline]
    fn get<'a>((offsets, text): Self::Reader<'a>, row: usize) -> Self::Of<'a> {
        text.get(span(offsets, row)).unwrap_or_default()
    }

    fn shorten<'b, 'a: 'b>(value: Self::Of<'a>) -> Self::Of<'b> {
        value
    }

    fn lend<'b, 'a: 'b>(reader: Self::Reader<'a>) -> Self::Reader<'b> {
        reader
    }

    fn blank<'a>() -> Self::Of<'a> {
        ""
    }

    #[inline]
    fn append<'a>(builder: &mut TextBuilder, values: impl Iterator<Item = Self::Of<'a>> + Clone) {
        builder.append(values.map(str::as_bytes));
    }

    fn reserve(builder: &mut TextBuilder, done: usize, total: usize) {
        builder.reserve(done, total);
    }

    fn finish(builder: TextBuilder, batch: &mut Batch) -> Result<(), Failure> {
        builder.finish(batch)
    }
}

impl Scalar for &'static [u8] {
    type Of<'a> = &'a [u8];
    type Reader<'a> = (&'a [[u8; 4]], &'a [u8]);
    type Builder = TextBuilder;

    fn data_type() -> String {
        "binary".to_owned()
    }

    fn open<'a>(cursor: &mut Cursor<'a>, length: usize) -> Result<Self::Reader<'a>, Failure> {
        Ok((cursor.offsets(length)?, cursor.buffer(0)?))
    }

    #[inline]
    fn get<'a>((offsets, bytes): Self::Reader<'a>, row: usize) -> Self::Of<'a> {
        bytes.get(span(offsets, row)).unwrap_or_default()
    }

    fn shorten<'b, 'a: 'b>(value: Self::Of<'a>) -> Self::Of<'b> {
        value
    }

    fn lend<'b, 'a: 'b>(reader: Self::Reader<'a>) -> Self::Reader<'b> {
        reader
    }

    fn blank<'a>() -> Self::Of<'a> {
        &[]
    }

    #[inline]
    fn append<'a>(builder: &mut TextBuilder, values: impl Iterator<Item = Self::Of<'a>> + Clone) {
        builder.append(values);
    }

    fn reserve(builder: &mut TextBuilder, done: usize, total: usize) {
        builder.reserve(done, total);
    }

    fn finish(builder: TextBuilder, batch: &mut Batch) -> Result<(), Failure> {
        builder.finish(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_length_are_appended_whole() {
        let text: Vec<u8> = (b'0'..=b'z').collect();
        let mut bytes = Vec::new();
        for length in 0..=40 {
            let before = bytes.len();
            append_value(&mut bytes, &text[..length]);
            assert_eq!(&bytes[before..], &text[..length]);
        }
    }
}
