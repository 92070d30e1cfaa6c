//! Ingest: what the block generator makes of streams, good and bad.
//!
//! Takes bytes in any cut, and times. Gives nothing but passed or failed.

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
    let failure = "source `lines` has 1 bad row; a line is not valid UTF-8: `\u{fffd}`";
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
