//! Ingest: the block generator, which cuts a stream into blocks.
//!
//! Takes bytes as they arrive, and the time. Gives blocks: after an interval, at a size, or when
//! asked. Never asks the time itself, and never makes a block of nothing.

use std::time::Duration;

use arrow_array::RecordBatch;

use super::bad_row::BadRows;
use super::decoder::{Decoded, Decoder};
use super::format;
use super::line_buffer::LineBuffer;
use super::line_column::too_long;
use super::waiting_rows::WaitingRows;
use crate::limits::{BLOCK_BYTES_MAX, CONVERT_BYTES, RECEIVE_BYTES};
use crate::model::block::{Block, BlockInfo};
use crate::model::id::{BlockId, SourceId};
use crate::model::policy::OnBadRow;
use crate::model::source::SourceDeclaration;

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
        let rows = self.decoder.open_bytes() + self.slices_bytes;
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

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use proptest::prelude::*;

    use super::*;
    use crate::ingest::test_rig::lines_source;
    use crate::model::column_type::ColumnType;
    use crate::model::schema::{Column, StreamSchema};
    use crate::model::source::{CsvFormat, Format, SourceConnector};

    const INTERVAL: Duration = Duration::from_millis(10);

    fn generator(on_bad_row: OnBadRow) -> BlockGenerator {
        let source = lines_source(SourceConnector::Stdin, on_bad_row);
        BlockGenerator::new(SourceId(3), &source, INTERVAL)
    }

    fn add(generator: &mut BlockGenerator, bytes: &[u8], now_us: u64) -> Vec<Sealed> {
        let room = generator.room();
        let before = room.len();
        room.extend_from_slice(bytes);
        generator.appended(before, now_us)
    }

    /// Name, rows and bad rows of each block.
    fn facts(sealed: &[Sealed]) -> Vec<(String, u64, u64)> {
        let info = sealed.iter().map(|sealed| &sealed.block.info);
        info.map(|info| (info.id.to_string(), info.rows, info.bad_rows)).collect()
    }

    #[test]
    fn a_block_is_cut_when_its_interval_is_over() {
        let mut generator = generator(OnBadRow::Skip);
        assert!(add(&mut generator, b"a\n", 1_000).is_empty());
        assert!(add(&mut generator, b"b\n", 10_999).is_empty(), "open for 9.999 ms");
        let sealed = add(&mut generator, b"c\nd", 11_000);
        assert_eq!(facts(&sealed), [("b-3-0".to_owned(), 3, 0)]);
        assert!(add(&mut generator, b"\n", 50_000).is_empty(), "the next one opens now");
        assert_eq!(facts(&generator.seal()), [("b-3-1".to_owned(), 1, 0)]);
    }

    #[test]
    fn nothing_makes_no_block() {
        let mut generator = generator(OnBadRow::Skip);
        assert!(generator.seal().is_empty());
        assert!(add(&mut generator, b"unfinished", 0).is_empty());
        assert!(add(&mut generator, b"", 1_000_000).is_empty());
        assert!(generator.seal().is_empty());
        assert_eq!(generator.held_bytes(), 0, "an unfinished line is not counted");
        assert!(generator.ended().is_empty());
        assert_eq!(facts(&generator.seal()), [("b-3-0".to_owned(), 1, 0)]);
    }

    #[test]
    fn a_block_is_cut_at_its_size() {
        let mut generator = generator(OnBadRow::Skip);
        let piece = [b"x".repeat(1023), b"\n".to_vec()].concat().repeat(256);
        let mut sealed = Vec::new();
        for _ in 0..200 {
            sealed.extend(add(&mut generator, &piece, 0));
        }
        assert_eq!(sealed.len(), 3, "50 MiB fill three blocks");
        sealed.extend(generator.seal());
        assert_eq!(generator.held_bytes(), 0);
        assert_eq!(sealed.iter().map(|s| s.block.info.rows).sum::<u64>(), 200 * 256);
        for Sealed { block, .. } in &sealed {
            let bytes: usize = block.slices.iter().map(RecordBatch::get_array_memory_size).sum();
            assert!(block.info.bytes == bytes && bytes <= BLOCK_BYTES_MAX);
        }
    }

    #[test]
    fn a_bad_row_poisons_its_block_where_the_source_says_so() {
        let mut failing = generator(OnBadRow::Fail);
        add(&mut failing, b"\xff\n", 0);
        let sealed = failing.seal();
        let failure = "source `lines` has 1 bad rows; a line is not valid UTF-8: `\u{fffd}`";
        assert_eq!(sealed[0].block.failure.as_deref(), Some(failure));
        add(&mut failing, b"fine\n", 0);
        assert_eq!(failing.seal()[0].block.failure, None, "the next block is whole");

        let mut skipping = generator(OnBadRow::Skip);
        add(&mut skipping, b"fine\n\xff\n", 0);
        let sealed = skipping.seal();
        assert_eq!((facts(&sealed)[0].1, facts(&sealed)[0].2), (1, 1));
        assert_eq!(sealed[0].block.failure, None);
    }

    #[test]
    fn bad_rows_that_are_kept_are_bounded() {
        let mut generator = generator(OnBadRow::DeadLetter("/bad".into()));
        let piece = b"\xff\n".repeat(CONVERT_BYTES / 2);
        let sealed: Vec<Sealed> = (0..4).flat_map(|_| add(&mut generator, &piece, 0)).collect();
        assert!(!sealed.is_empty(), "a block of bad rows is cut before its interval is over");
        assert!(generator.held_bytes() < 2 * BLOCK_BYTES_MAX);
    }

    /// The story: by a schema of a thousand columns 256 KiB of text, each line of it a null in
    /// every column, became a gigabyte of columns before anyone looked at the budget.
    #[test]
    fn wide_rows_are_converted_before_they_are_many() {
        let column = |number| Column::new(format!("c{number}"), ColumnType::Int64).nullable();
        let source = SourceDeclaration {
            format: Format::Json,
            schema: StreamSchema::new((0..1_000).map(column).collect()),
            ..lines_source(SourceConnector::Stdin, OnBadRow::Skip)
        };
        let mut generator = BlockGenerator::new(SourceId(0), &source, INTERVAL);
        let text = b"{}\n".repeat(10_000);
        let mut rows = 0;
        for piece in text.chunks(generator.read_bytes_max()) {
            let sealed = add(&mut generator, piece, 0);
            let bytes: usize = sealed.iter().map(|sealed| sealed.block.info.bytes).sum();
            let held = bytes + generator.held_bytes();
            assert!(held <= 4 * BLOCK_BYTES_MAX, "{held} bytes at once");
            rows += sealed.iter().map(|sealed| sealed.block.info.rows).sum::<u64>();
        }
        rows += generator.seal().iter().map(|sealed| sealed.block.info.rows).sum::<u64>();
        assert_eq!(rows, 10_000);
    }

    /// What was lost: lines of one connection were read by the header of another one.
    #[test]
    fn streams_that_take_turns_keep_their_headers() {
        let source = SourceDeclaration {
            format: Format::Csv(CsvFormat { header: true, ..CsvFormat::default() }),
            schema: StreamSchema::new(vec![Column::new("t", ColumnType::Utf8)]),
            ..lines_source(SourceConnector::Stdin, OnBadRow::Skip)
        };
        let mut generator = BlockGenerator::new(SourceId(0), &source, INTERVAL);
        let mut sealed = Vec::new();
        sealed.extend(generator.append_of(7, b"t,n\na,1\n", None, 0));
        sealed.extend(generator.append_of(8, b"n,t\n", None, 0));
        sealed.extend(generator.append_of(7, b"b,2\n", Some(b"xxx"), 0));
        sealed.extend(generator.append_of(8, b"3,c\n", None, 0));
        sealed.extend(generator.over_of(7));
        sealed.extend(generator.append_of(7, b"x,t\n4,d\n", None, 0));
        sealed.extend(generator.append_of(9, b"", Some(b"xxx"), 0));
        sealed.extend(generator.append_of(9, b"5,e\n", None, 0));
        sealed.extend(generator.seal());
        let slices = sealed.iter().flat_map(|sealed| &sealed.block.slices);
        let texts: Vec<String> = slices
            .flat_map(|slice| {
                slice
                    .column(0)
                    .as_string::<i32>()
                    .iter()
                    .flatten()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(texts, ["a", "b", "c", "d"]);
        assert_eq!(sealed.iter().map(|sealed| sealed.bad.count).sum::<u64>(), 3);
    }

    /// The lines of a stream that has ended, without their ends.
    fn lines_of(stream: &[u8]) -> Vec<&[u8]> {
        let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
        let stream = stream.strip_suffix(b"\n").map_or(stream, |whole| whole);
        let lines = stream.split(|byte| *byte == b'\n');
        lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect()
    }

    proptest! {
        #[test]
        fn junk_is_cut_into_rows_and_bad_rows(
            stream in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(vec![b'\n', b'\r', b'a', 0xc3, 0xa9]),
                    any::<u8>()
                ],
                1..400,
            ),
            sizes in prop::collection::vec(1_usize..60, 1..8),
            seals in any::<bool>(),
        ) {
            let connector = SourceConnector::Stdin;
            let source = SourceDeclaration {
                line_bytes_max: 20,
                ..lines_source(connector, OnBadRow::Skip)
            };
            let mut generator = BlockGenerator::new(SourceId(0), &source, INTERVAL);
            let (mut rest, mut sealed) = (&stream[..], Vec::new());
            for size in sizes.iter().cycle() {
                let (piece, after) = rest.split_at(rest.len().min(*size));
                sealed.extend(add(&mut generator, piece, 0));
                if seals {
                    sealed.extend(generator.seal());
                }
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            sealed.extend(generator.ended());
            sealed.extend(generator.seal());
            let fits = |line: &&[u8]| line.len() <= 20 && std::str::from_utf8(line).is_ok();
            let mut expected = lines_of(&stream);
            if stream == b"\xef\xbb\xbf" {
                expected.clear();
            }
            let bad: u64 = sealed.iter().map(|sealed| sealed.bad.count).sum();
            prop_assert_eq!(bad, expected.iter().filter(|line| !fits(line)).count() as u64);
            expected.retain(fits);
            let mut got = Vec::new();
            for slice in sealed.iter().flat_map(|sealed| &sealed.block.slices) {
                let column = slice.column(0).as_string::<i32>();
                prop_assert!(column.value_offsets()[0] == 0 && column.nulls().is_none());
                got.extend(column.iter().map(|line| line.unwrap_or("null").as_bytes().to_vec()));
            }
            prop_assert_eq!(got, expected);
        }
    }
}
