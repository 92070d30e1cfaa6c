//! Ingest: lines as they are, in one text column.
//!
//! Takes whole lines. Gives slices of one column. Never copies a byte twice: a run is checked for
//! UTF-8 at once, and only where that fails is it looked at line by line.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::builder::StringBuilder;
use arrow_schema::SchemaRef;

use super::decoder::{Decoded, Decoder, each_line};
use crate::limits::{SLICE_BYTES_MAX, SLICE_ROWS_MAX};

/// Bytes of an offset.
const OFFSET: usize = size_of::<i32>();

/// The column that lines become.
pub struct LineColumn {
    schema: SchemaRef,
    line_bytes_max: usize,
    open: StringBuilder,
    rows: usize,
    bytes: usize,
    /// Rows of the last full slice: the next one likely has as many.
    rows_expected: usize,
}

impl LineColumn {
    /// A column of that schema, for lines of at most so many bytes.
    pub fn new(schema: SchemaRef, line_bytes_max: usize) -> Self {
        let open = StringBuilder::with_capacity(0, 0);
        Self { schema, line_bytes_max, open, rows: 0, bytes: OFFSET, rows_expected: 0 }
    }

    fn text(&mut self, text: &str, decoded: &mut Decoded) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text.as_bytes()) {
            let line = &text[start..end];
            start = end + 1;
            self.line(line.strip_suffix('\r').unwrap_or(line), decoded);
        }
    }

    fn line(&mut self, line: &str, decoded: &mut Decoded) {
        let bytes = line.len() + OFFSET;
        if self.bytes + bytes > SLICE_BYTES_MAX || self.rows == SLICE_ROWS_MAX {
            if line.len() > self.line_bytes_max {
                decoded.bad.add(|| too_long(self.line_bytes_max), line.as_bytes());
                return;
            }
            self.rows_expected = self.rows;
            self.finish(decoded);
            self.open = StringBuilder::with_capacity(self.rows_expected, SLICE_BYTES_MAX);
        } else if line.len() > self.line_bytes_max {
            decoded.bad.add(|| too_long(self.line_bytes_max), line.as_bytes());
            return;
        }
        self.open.append_value(line);
        self.rows += 1;
        self.bytes += bytes;
    }
}

impl Decoder for LineColumn {
    fn decode(&mut self, lines: &[u8], decoded: &mut Decoded) {
        if let Ok(text) = simdutf8::basic::from_utf8(lines) {
            self.text(text, decoded);
            return;
        }
        for line in each_line(lines) {
            match simdutf8::basic::from_utf8(line) {
                Ok(line) => self.line(line, decoded),
                Err(_) => decoded.bad.add(|| "a line is not valid UTF-8".to_owned(), line),
            }
        }
    }

    fn finish(&mut self, decoded: &mut Decoded) {
        if self.rows == 0 {
            return;
        }
        let column = self.open.finish();
        let slice = RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::new(column)]);
        decoded.slices.push(slice.expect("the format `lines` has one required text column"));
        (self.rows, self.bytes) = (0, OFFSET);
    }

    fn open_bytes(&self) -> usize {
        if self.rows == 0 { 0 } else { self.bytes }
    }
}

/// The reason of a line that is longer than allowed.
pub fn too_long(line_bytes_max: usize) -> String {
    format!("a line is longer than {line_bytes_max} bytes")
}
