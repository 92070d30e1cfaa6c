//! Ingest: lines as they are, in one text column.
//!
//! Takes whole lines. Gives slices of one column. Never copies a byte twice: a run is checked for
//! UTF-8 at once, and only where that fails is it looked at line by line.

use std::mem::{replace, take};
use std::sync::Arc;

use arrow_array::{RecordBatch, StringArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::SchemaRef;

use super::buffer_pool::BufferPool;
use super::decoder::{Decoded, Decoder, each_line};
use crate::limits::{SLICE_BYTES_MAX, SLICE_ROWS_MAX};

/// Bytes of an offset.
const OFFSET: usize = size_of::<i32>();

/// The column that lines become.
pub struct LineColumn {
    schema: SchemaRef,
    line_bytes_max: usize,
    pool: Arc<BufferPool>,
    open: Vec<u8>,
    /// Where each line of the open slice ends, after a first 0.
    ends: Vec<i32>,
    rows: usize,
    bytes: usize,
}

impl LineColumn {
    /// A column of that schema, for lines of at most so many bytes.
    pub fn new(schema: SchemaRef, line_bytes_max: usize) -> Self {
        let pool = BufferPool::new(SLICE_BYTES_MAX);
        let (open, ends) = (Vec::new(), vec![0]);
        Self { schema, line_bytes_max, pool, open, ends, rows: 0, bytes: OFFSET }
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
            self.close(decoded);
        } else if line.len() > self.line_bytes_max {
            decoded.bad.add(|| too_long(self.line_bytes_max), line.as_bytes());
            return;
        }
        if self.rows == 0 {
            self.open = self.pool.empty();
        }
        self.open.extend_from_slice(line.as_bytes());
        // Lines of a slice have at most `line_bytes_max` bytes together with those before them.
        self.ends.push(i32::try_from(self.open.len()).unwrap_or(i32::MAX));
        self.rows += 1;
        self.bytes += bytes;
    }

    /// Makes a slice of the open lines.
    fn close(&mut self, decoded: &mut Decoded) {
        if self.rows == 0 {
            return;
        }
        // The next slice likely has as many lines.
        let next = Vec::with_capacity(self.ends.len());
        let mut ends = replace(&mut self.ends, next);
        self.ends.push(0);
        // A tick may come soon after a full slice.
        if ends.len() < ends.capacity() / 2 {
            ends.shrink_to_fit();
        }
        let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
        let column = StringArray::try_new(ends, self.pool.lend(take(&mut self.open)), None);
        let column = column.expect("each line was checked to be UTF-8");
        let slice = RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::new(column)]);
        decoded.slices.push(slice.expect("the format `lines` has one required text column"));
        (self.rows, self.bytes) = (0, OFFSET);
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
        self.close(decoded);
        self.pool.trim();
    }

    fn open_bytes(&self) -> usize {
        if self.rows == 0 { 0 } else { self.bytes }
    }
}

/// The reason of a line that is longer than allowed.
pub fn too_long(line_bytes_max: usize) -> String {
    format!("a line is longer than {line_bytes_max} bytes")
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use super::*;
    use crate::ingest::bad_row::BadRows;
    use crate::model::column_type::ColumnType;
    use crate::model::policy::OnBadRow;
    use crate::model::schema::{Column, StreamSchema};

    fn decode(line_bytes_max: usize, runs: &[&[u8]]) -> (Vec<RecordBatch>, BadRows) {
        let schema = StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)]);
        let mut column = LineColumn::new(schema.to_arrow(), line_bytes_max);
        let mut decoded = Decoded::new(&OnBadRow::Skip);
        for run in runs {
            column.decode(run, &mut decoded);
        }
        column.finish(&mut decoded);
        assert_eq!(column.open_bytes(), 0);
        (decoded.slices, decoded.bad)
    }

    fn texts(slices: &[RecordBatch]) -> Vec<String> {
        let column = |slice: &RecordBatch| slice.column(0).as_string::<i32>().clone();
        let text = |text: Option<&str>| text.expect("no line is null").to_owned();
        slices.iter().flat_map(|slice| column(slice).iter().map(text).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn runs_of_lines_become_one_slice_in_canonical_form() {
        let (slices, bad) = decode(100, &[b"a\r\n\nb\rc\n", "d\u{e9}\n".as_bytes()]);
        assert_eq!(texts(&slices), ["a", "", "b\rc", "d\u{e9}"]);
        assert_eq!((slices.len(), bad.count), (1, 0));
        let column = slices[0].column(0).as_string::<i32>();
        assert_eq!(column.value_offsets(), [0, 1, 1, 4, 7]);
        assert_eq!((column.values().len(), column.nulls()), (7, None));
    }

    #[test]
    fn lines_that_are_no_text_or_too_long_are_left_out() {
        let (slices, bad) = decode(3, &[b"abcd\nok\n", b"\xc3\n\xa9\nabcd\nabc\r\n"]);
        assert_eq!((texts(&slices), bad.count), (vec!["ok".to_owned(), "abc".to_owned()], 4));
        assert_eq!(bad.first.as_deref(), Some("a line is longer than 3 bytes: `abcd`"));
    }

    #[test]
    fn slices_stay_within_their_limits() {
        let lines = b"0123456789abcdef\n".repeat(200_000);
        let (slices, _) = decode(100, &lines.chunks(17 * 1000).collect::<Vec<_>>());
        assert_eq!(slices.iter().map(RecordBatch::num_rows).sum::<usize>(), 200_000);
        for slice in &slices {
            let column = slice.column(0).as_string::<i32>();
            let bytes = column.values().len() + size_of_val(column.value_offsets());
            assert!(bytes <= SLICE_BYTES_MAX && slice.num_rows() <= SLICE_ROWS_MAX);
        }
        let last = slices.last().expect("there are slices");
        assert!(last.get_array_memory_size() < 2 * last.num_rows() * (16 + OFFSET) + 4096);
        let (slices, _) = decode(100, &[&b"\n".repeat(SLICE_ROWS_MAX + 1)]);
        let rows: Vec<usize> = slices.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(rows, [SLICE_ROWS_MAX, 1]);
        let long = [b"x".repeat(3 * SLICE_BYTES_MAX), b"\n".to_vec()].concat();
        let (slices, bad) = decode(4 * SLICE_BYTES_MAX, &[b"a\n", &long, b"b\n"]);
        let rows: Vec<usize> = slices.iter().map(RecordBatch::num_rows).collect();
        assert_eq!((rows, bad.count), (vec![1, 1, 1], 0), "one long line is a slice of its own");
    }
}
