//! Ingest: the trait behind which the formats look alike.
//!
//! Takes runs of whole lines, and which stream they are of where a format tells streams apart by
//! their first line. Gives slices in canonical form, and the lines that did not fit. Never sees
//! part of a line.

use arrow_array::RecordBatch;

use super::bad_row::BadRows;
use crate::model::policy::OnBadRow;

/// What came of lines.
#[derive(Debug)]
pub struct Decoded {
    /// Slices, each within the limits of a guest call.
    pub slices: Vec<RecordBatch>,
    /// Lines that did not fit.
    pub bad: BadRows,
}

impl Decoded {
    /// Nothing yet, for a source that treats bad rows so.
    pub fn new(on_bad_row: &OnBadRow) -> Self {
        let bad = match on_bad_row {
            OnBadRow::DeadLetter(_) => BadRows::kept(),
            OnBadRow::Fail | OnBadRow::Skip => BadRows::counted(),
        };
        Self { slices: Vec::new(), bad }
    }

    /// All rows of lines that are there as a whole.
    pub fn of_all(decoder: &mut dyn Decoder, lines: &[u8], on_bad_row: &OnBadRow) -> Self {
        let mut decoded = Self::new(on_bad_row);
        decoder.decode(lines, &mut decoded);
        decoder.finish(&mut decoded);
        decoded
    }
}

/// Makes rows of lines.
pub trait Decoder: Send {
    /// Takes whole lines, each with its end. What fills a slice is given; the rest is kept open.
    fn decode(&mut self, lines: &[u8], decoded: &mut Decoded);

    /// Gives the open slice, if it has rows.
    fn finish(&mut self, decoded: &mut Decoded);

    /// Bytes of the open slice.
    fn open_bytes(&self) -> usize;

    /// What comes from now on is of that stream.
    fn turn_to(&mut self, _stream: u64) {}

    /// The stream is over: what comes next of its number is another one, from its beginning.
    fn stream_over(&mut self) {}

    /// A line of the stream was too long to be kept; it may have been its first.
    fn line_lost(&mut self) {}

    /// Gives the first line of a file of which a later part is read.
    fn first_line(&mut self, _line: &[u8]) {}
}

/// Whole lines without their ends.
pub fn each_line(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', lines).map(move |end| {
        let line = &lines[std::mem::replace(&mut start, end + 1)..end];
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}
