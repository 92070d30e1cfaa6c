//! Ingest: the block generator, which cuts a stream into blocks.
//!
//! Takes bytes as they arrive, and the time. Gives blocks: after an interval, at a size, or when
//! asked. Never asks the time itself, and never makes a block of nothing.

use std::time::Duration;

use arrow_array::RecordBatch;

use super::bad_row::BadRows;
use super::decoder::{self, Decoded, Decoder};
use super::line_buffer::LineBuffer;
use super::line_column::too_long;
use crate::limits::{BLOCK_BYTES_MAX, CONVERT_BYTES};
use crate::model::block::{Block, BlockInfo};
use crate::model::id::{BlockId, SourceId};
use crate::model::pipeline::{OnBadRow, SourceDeclaration};

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
    decoder: Box<dyn Decoder>,
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
            decoder: decoder::for_source(source),
            decoded: Decoded::new(&source.on_bad_row),
            slices: Vec::new(),
            slices_bytes: 0,
            opened_us: None,
            next_sequence: 0,
        }
    }

    /// Where to append what arrives.
    pub fn room(&mut self) -> &mut Vec<u8> {
        self.lines.room()
    }

    /// Looks at what was appended behind the first `before` bytes of the room. Gives the blocks
    /// that are full, or open for longer than the interval.
    pub fn appended(&mut self, before: usize, now_us: u64) -> Vec<Sealed> {
        if let Some(beginning) = self.lines.appended(before) {
            self.decoded.bad.add(|| too_long(self.line_bytes_max), &beginning);
        }
        let mut sealed = Vec::new();
        if self.lines.lines().len() >= CONVERT_BYTES {
            self.convert(&mut sealed);
        }
        if self.has_something() {
            let opened_us = *self.opened_us.get_or_insert(now_us);
            let too_many_bad = self.decoded.bad.bytes > BLOCK_BYTES_MAX;
            if too_many_bad || now_us.saturating_sub(opened_us) >= self.interval_us {
                self.seal_into(&mut sealed);
            }
        }
        sealed
    }

    /// Cuts off everything that is whole. Gives nothing when nothing is.
    pub fn seal(&mut self) -> Vec<Sealed> {
        let mut sealed = Vec::new();
        self.seal_into(&mut sealed);
        sealed
    }

    /// The stream ended as it should: what is left is its last line.
    pub fn ended(&mut self) {
        self.lines.ended();
    }

    /// The stream broke off: the unfinished line is dropped. Gives its bytes.
    pub fn broken(&mut self) -> usize {
        self.lines.broken()
    }

    /// Bytes of the open block. An unfinished line is not among them: it is bounded by itself, and
    /// a receiver that waited for room for it could wait for ever.
    pub fn held_bytes(&self) -> usize {
        let rows = self.decoder.open_bytes() + self.slices_bytes;
        self.lines.lines().len() + rows + self.decoded.bad.bytes
    }

    fn has_something(&self) -> bool {
        self.held_bytes() > 0 || self.decoded.bad.count > 0
    }

    fn seal_into(&mut self, sealed: &mut Vec<Sealed>) {
        self.convert(sealed);
        self.decoder.finish(&mut self.decoded);
        self.place_slices(sealed);
        self.cut(sealed);
    }

    fn convert(&mut self, sealed: &mut Vec<Sealed>) {
        self.decoder.decode(self.lines.lines(), &mut self.decoded);
        self.lines.lines_taken();
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
                Some(format!("source `{}` has {} bad rows; {first}", self.name, bad.count))
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
