//! Ingest: the block generator, which cuts a stream into blocks.
//!
//! Takes bytes or rows as they arrive, and the time. Gives blocks: after an interval, at a size, or
//! when asked. Never asks the time itself, and never makes a block of nothing.

#[cfg(test)]
mod tests;

use std::time::Duration;

use arrow_array::RecordBatch;

use super::bad_row::BadRows;
use super::decoder::{Decoded, Decoder};
use super::format;
use super::line_buffer::LineBuffer;
use super::line_column::too_long;
use super::row_gatherer::{RowGatherer, slices_of};
use super::waiting_rows::WaitingRows;
use crate::limits::{BLOCK_BYTES_MAX, CONVERT_BYTES, RECEIVE_BYTES};
use crate::model::block::{Block, BlockInfo};
use crate::model::id::{BlockId, SourceId};
use crate::model::policy::OnBadRow;
use crate::model::source::SourceDeclaration;
use crate::model::text::number_of;

/// What was cut off: a block, and the bad rows that came among its rows. A block of bad rows only
/// has no slices.
#[derive(Debug)]
pub struct Sealed {
    /// The block.
    pub block: Block,
    /// The bad rows.
    pub bad: BadRows,
}

/// Cuts a stream into blocks.
pub struct BlockGenerator {
    source: SourceId,
    name: String,
    bad_row_fails: bool,
    line_bytes_max: usize,
    interval_us: u64,
    lines: LineBuffer,
    waiting: WaitingRows,
    decoder: Box<dyn Decoder>,
    /// Whether the decoder reads lines by the first one of their stream, and which stream those
    /// that wait are of.
    has_header: bool,
    stream: u64,
    /// Rows that a program stores; a stream has either those or bytes.
    rows: RowGatherer,
    decoded: Decoded,
    /// Slices of the open block and their bytes. Invariant: at most [`BLOCK_BYTES_MAX`] together,
    /// unless it is one slice of one very long line.
    slices: Vec<RecordBatch>,
    slices_bytes: usize,
    opened_us: Option<u64>,
    next_sequence: u64,
}

impl BlockGenerator {
    /// A generator for a source, whose blocks stay open for at most the interval.
    pub fn new(id: SourceId, source: &SourceDeclaration, interval: Duration) -> Self {
        Self {
            source: id,
            name: source.name.clone(),
            bad_row_fails: source.on_bad_row == OnBadRow::Fail,
            line_bytes_max: source.line_bytes_max,
            interval_us: u64::try_from(interval.as_micros()).unwrap_or(u64::MAX),
            lines: LineBuffer::new(source.line_bytes_max),
            waiting: WaitingRows::new(format::row_width(source)),
            decoder: format::decoder(source),
            has_header: format::has_header(source),
            stream: 0,
            rows: RowGatherer::new(source.schema.to_arrow()),
            decoded: Decoded::new(&source.on_bad_row),
            slices: Vec::new(),
            slices_bytes: 0,
            opened_us: None,
            next_sequence: 0,
        }
    }

    /// Bytes to append at once, at most: whatever rows are in them, their columns fit a block.
    pub fn read_bytes_max(&self) -> usize {
        self.waiting.text_bytes_max().min(RECEIVE_BYTES)
    }

    /// Where to append what arrives.
    pub fn room(&mut self) -> &mut Vec<u8> {
        self.lines.room()
    }

    /// Looks at what was appended behind the first `before` bytes of the room. Gives the blocks
    /// that are full, or open for longer than the interval.
    pub fn appended(&mut self, before: usize, now_us: u64) -> Vec<Sealed> {
        let mut sealed = Vec::new();
        if let Some(beginning) = self.lines.appended(before) {
            self.line_lost(&beginning, &mut sealed);
        }
        self.waiting.count(self.lines.lines());
        let enough = self.lines.lines().len() >= CONVERT_BYTES;
        if enough || self.waiting.bytes() >= BLOCK_BYTES_MAX {
            self.convert(&mut sealed);
        }
        self.seal_due(now_us, &mut sealed);
        sealed
    }

    /// The same for whole lines of one of several streams, and the beginning of a line behind them
    /// that was too long.
    pub fn append_of(
        &mut self,
        stream: u64,
        lines: &[u8],
        lost: Option<&[u8]>,
        now_us: u64,
    ) -> Vec<Sealed> {
        let mut sealed = Vec::new();
        self.turn_to(stream, &mut sealed);
        let room = self.lines.room();
        let before = room.len();
        room.extend_from_slice(lines);
        sealed.extend(self.appended(before, now_us));
        if let Some(beginning) = lost {
            self.line_lost(beginning, &mut sealed);
            self.seal_due(now_us, &mut sealed);
        }
        sealed
    }

    /// One of several streams is over, and its last line was appended.
    pub fn over_of(&mut self, stream: u64) -> Vec<Sealed> {
        let mut sealed = Vec::new();
        self.turn_to(stream, &mut sealed);
        sealed.extend(self.stream_over());
        sealed
    }

    /// Adds rows of the source's schema. Gives the blocks that are full, or open for longer than
    /// the interval.
    pub fn add_rows(&mut self, rows: &RecordBatch, now_us: u64) -> Vec<Sealed> {
        let mut sealed = Vec::new();
        self.rows.add(rows, &mut self.decoded.slices);
        self.place_slices(&mut sealed);
        self.seal_due(now_us, &mut sealed);
        sealed
    }

    /// Makes a block of exactly these rows, of at most [`BLOCK_BYTES_MAX`]. Gives it after the open
    /// one, so that rows keep their order.
    pub fn block_of(&mut self, rows: &RecordBatch) -> Vec<Sealed> {
        let mut sealed = self.seal();
        self.slices = slices_of(rows);
        self.slices_bytes = self.slices.iter().map(RecordBatch::get_array_memory_size).sum();
        self.cut(&mut sealed);
        sealed
    }

    /// Adds a record that does not fit.
    pub fn add_bad(&mut self, reason: impl FnOnce() -> String, beginning: &[u8]) {
        self.decoded.bad.add(reason, beginning);
    }

    /// Cuts off everything that is whole. Gives nothing when nothing is.
    pub fn seal(&mut self) -> Vec<Sealed> {
        let mut sealed = Vec::new();
        self.seal_into(&mut sealed);
        sealed
    }

    /// The stream ended as it should: what is left is its last line.
    pub fn ended(&mut self) -> Vec<Sealed> {
        self.lines.ended();
        self.stream_over()
    }

    /// The stream broke off: the unfinished line is dropped. Gives its bytes.
    pub fn broken(&mut self) -> (usize, Vec<Sealed>) {
        let dropped = self.lines.broken();
        (dropped, self.stream_over())
    }

    /// Lets another stream begin with a header of its own.
    fn stream_over(&mut self) -> Vec<Sealed> {
        let mut sealed = Vec::new();
        if self.has_header {
            self.convert(&mut sealed);
            self.decoder.stream_over();
        }
        sealed
    }

    /// Has lines that wait converted while it is known whose they are.
    fn turn_to(&mut self, stream: u64, sealed: &mut Vec<Sealed>) {
        if self.has_header && stream != self.stream {
            self.convert(sealed);
            self.decoder.turn_to(stream);
            self.stream = stream;
        }
    }

    fn line_lost(&mut self, beginning: &[u8], sealed: &mut Vec<Sealed>) {
        if self.has_header {
            self.convert(sealed);
            self.decoder.line_lost();
        }
        self.decoded.bad.add(|| too_long(self.line_bytes_max), beginning);
    }

    /// Bytes of the open block, wide rows at what they will take as columns. An unfinished line is
    /// not among them: it is bounded by itself, and a receiver that waited for room for it could
    /// wait for ever.
    pub fn held_bytes(&self) -> usize {
        let rows = self.decoder.open_bytes() + self.rows.open_bytes() + self.slices_bytes;
        self.lines.lines().len() + self.waiting.bytes() + rows + self.decoded.bad.bytes
    }

    fn has_something(&self) -> bool {
        self.held_bytes() > 0 || self.decoded.bad.count > 0
    }

    /// Cuts off a block that is open for longer than the interval, or full of bad rows.
    fn seal_due(&mut self, now_us: u64, sealed: &mut Vec<Sealed>) {
        if self.has_something() {
            let opened_us = *self.opened_us.get_or_insert(now_us);
            let too_many_bad = self.decoded.bad.bytes > BLOCK_BYTES_MAX;
            if too_many_bad || now_us.saturating_sub(opened_us) >= self.interval_us {
                self.seal_into(sealed);
            }
        }
    }

    fn seal_into(&mut self, sealed: &mut Vec<Sealed>) {
        self.convert(sealed);
        self.decoder.finish(&mut self.decoded);
        self.rows.close(&mut self.decoded.slices);
        self.place_slices(sealed);
        self.cut(sealed);
    }

    fn convert(&mut self, sealed: &mut Vec<Sealed>) {
        self.decoder.decode(self.lines.lines(), &mut self.decoded);
        self.lines.lines_taken();
        self.waiting.taken();
        self.place_slices(sealed);
    }

    /// Moves finished slices into the open block, beginning a new one where they do not fit.
    fn place_slices(&mut self, sealed: &mut Vec<Sealed>) {
        for slice in std::mem::take(&mut self.decoded.slices) {
            let bytes = slice.get_array_memory_size();
            if self.slices_bytes + bytes > BLOCK_BYTES_MAX {
                self.cut(sealed);
            }
            self.slices_bytes += bytes;
            self.slices.push(slice);
        }
    }

    fn cut(&mut self, sealed: &mut Vec<Sealed>) {
        self.opened_us = None;
        let bad = self.decoded.bad.take();
        let failure = match &bad.first {
            Some(first) if self.bad_row_fails => {
                let rows = number_of(bad.count, "bad row", "bad rows");
                Some(format!("source `{}` has {rows}; {first}", self.name))
            }
            _ => None,
        };
        let slices = std::mem::take(&mut self.slices);
        let bytes = std::mem::take(&mut self.slices_bytes);
        if slices.is_empty() && bad.count == 0 {
            return;
        }
        let id = BlockId { source: self.source, sequence: self.next_sequence };
        self.next_sequence += 1;
        let rows = slices.iter().map(|slice| slice.num_rows() as u64).sum();
        let info = BlockInfo { id, rows, bytes, bad_rows: bad.count };
        sealed.push(Sealed { block: Block { info, slices, failure }, bad });
    }
}
