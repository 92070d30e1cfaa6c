//! Ingest: what ranges of files give, wherever they are cut.
//!
//! Takes files in memory. Gives nothing but passed or failed. Never reads the disk.

use std::io::{ErrorKind, Write};
use std::path::Path;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;
use crate::ingest::test_rig::lines_source;
use crate::model::column_type::ColumnType;
use crate::model::id::SourceId;
use crate::model::schema::{Column, StreamSchema};
use crate::model::source::{CsvFormat, SourceConnector};
use crate::sys::storage_memory::MemoryStorage;

const FILE: &str = "/in/file";

fn reader(storage: &MemoryStorage, on_bad_row: OnBadRow) -> RangeReader {
    let connector = SourceConnector::Files { path: "/in".into(), bounded: true };
    let source = SourceDeclaration { line_bytes_max: 8, ..lines_source(connector, on_bad_row) };
    RangeReader::open(&source, Arc::new(storage.clone())).expect("it opens")
}

fn range(start: u64, end: u64) -> FileRange {
    FileRange { source: SourceId(0), file: 0, path: FILE.into(), start, end }
}

fn lines(reader: &RangeReader, start: u64, end: u64) -> (Vec<String>, u64) {
    let rows = reader.read(&range(start, end)).expect("the file is there");
    let texts = rows.slices.iter().flat_map(|slice| {
        let column = slice.column(0).as_string::<i32>().clone();
        (0..column.len()).map(move |row| column.value(row).to_owned())
    });
    (texts.collect(), rows.bad.count)
}

proptest! {
    #[test]
    fn any_cut_gives_each_line_once(
        file in "(\u{feff})?([a-c]{0,12}(\r\n|\n)?){0,20}",
        cuts in prop::collection::btree_set(0_usize..200, 0..12),
    ) {
        let storage = MemoryStorage::new();
        storage.put("/in/file", file.as_bytes());
        let reader = reader(&storage, OnBadRow::Skip);
        let bytes = file.len() as u64;
        let whole = lines(&reader, 0, bytes);
        let mut expected = file.trim_start_matches('\u{feff}');
        expected = expected.strip_suffix('\n').unwrap_or(expected);
        let expected = expected.split('\n').map(|line| line.trim_end_matches('\r'));
        let mut all: Vec<&str> = expected.collect();
        if file.trim_start_matches('\u{feff}').is_empty() {
            all.clear();
        }
        let fitting: Vec<&str> = all.iter().copied().filter(|line| line.len() <= 8).collect();
        prop_assert_eq!(&whole.0, &fitting);
        prop_assert_eq!(whole.1, (all.len() - fitting.len()) as u64);

        let mut edges: Vec<u64> = cuts.into_iter().map(|cut| (cut as u64).min(bytes)).collect();
        edges.insert(0, 0);
        edges.push(bytes);
        let mut parts = (Vec::new(), 0);
        for range in edges.windows(2).filter(|range| range[0] < range[1]) {
            let (texts, bad) = lines(&reader, range[0], range[1]);
            parts.0.extend(texts);
            parts.1 += bad;
        }
        prop_assert_eq!(parts, whole);
    }
}

#[test]
fn a_bad_line_fails_its_range_where_the_source_says_so() {
    let storage = MemoryStorage::new();
    storage.put("/in/file", b"good\n\xff\n0123456789\n");
    let error = reader(&storage, OnBadRow::Fail).read(&range(0, 18));
    let expected = "source `lines` has 2 bad rows in `/in/file`; \
                    at byte 5, a line is not valid UTF-8: `\u{fffd}`";
    assert_eq!(error.expect_err("two lines are bad").to_string(), expected);
    let skipping = reader(&storage, OnBadRow::Skip);
    assert_eq!(lines(&skipping, 0, 18), (vec!["good".to_owned()], 2));
    let bad = skipping.read(&range(0, 18)).expect("bad lines are left out").bad;
    let expected = "in `/in/file`, at byte 5, a line is not valid UTF-8: `\u{fffd}`";
    assert_eq!(bad.first.as_deref(), Some(expected));
}

#[test]
fn bad_lines_go_to_the_dead_letter_file() {
    let storage = MemoryStorage::new();
    storage.put("/in/file", b"good\n\xff\n");
    storage.put("/dead/old", b"");
    let reader = reader(&storage, OnBadRow::DeadLetter("/dead/letters".into()));
    assert_eq!(lines(&reader, 0, 7).0, ["good"]);
    assert_eq!(lines(&reader, 0, 7).0, ["good"], "a second attempt keeps nothing twice");
    let dead = storage.files().remove(Path::new("/dead/letters")).expect("it is written");
    let expected = concat!(
        r#"{"source":"lines","reason":"a line is not valid UTF-8","file":"/in/file","byte":5,"#,
        r#""base64":"/w=="}"#,
        "\n"
    );
    assert_eq!(String::from_utf8_lossy(&dead), expected);
}

fn letters(storage: &MemoryStorage) -> Vec<String> {
    let dead = storage.files().remove(Path::new("/dead/letters")).expect("it is written");
    String::from_utf8_lossy(&dead).lines().map(str::to_owned).collect()
}

/// The story: a file was deleted and another one put there under its name. Its bad rows were
/// taken for those of the first one, and none was kept.
#[test]
fn bad_lines_of_a_name_that_is_used_again_are_kept() {
    let storage = MemoryStorage::new();
    storage.put("/in/file", b"\xff\n");
    storage.put("/dead/old", b"");
    let reader = reader(&storage, OnBadRow::DeadLetter("/dead/letters".into()));
    for file in 0..2 {
        reader.read(&FileRange { file, ..range(0, 2) }).expect("bad lines are kept aside");
    }
    assert_eq!(letters(&storage).len(), 2);
}

#[test]
fn an_attempt_goes_on_where_a_full_disk_stopped_the_one_before() {
    let storage = MemoryStorage::new();
    storage.put("/in/file", b"\xff1\n\xff2\n\xff3\n");
    storage.put("/dead/old", b"");
    let reader = reader(&storage, OnBadRow::DeadLetter("/dead/letters".into()));
    // The file is opened and one line written; of the second one half is.
    storage.fail_after(2, ErrorKind::StorageFull);
    reader.read(&range(0, 9)).expect_err("the disk is full");
    storage.repair();
    reader.read(&range(0, 9)).expect("there is room again");
    let letters = letters(&storage);
    let whole = |line: &&String| serde_json::from_str::<serde_json::Value>(line).is_ok();
    assert_eq!((letters.len(), letters.iter().filter(whole).count()), (4, 3), "{letters:?}");
}

/// The story: a range of nothing but bad lines of a byte was a gigabyte before the first of
/// them was written.
#[test]
fn bad_lines_are_written_before_they_are_many() {
    let storage = MemoryStorage::new();
    let lines_of_junk = BLOCK_BYTES_MAX / 64;
    storage.put("/in/file", &b"\xff\n".repeat(lines_of_junk));
    storage.put("/dead/old", b"");
    let reader = reader(&storage, OnBadRow::DeadLetter("/dead/letters".into()));
    let bytes = 2 * lines_of_junk as u64;
    let rows = reader.read(&range(0, bytes)).expect("bad lines are kept aside");
    assert_eq!((rows.bad.count, rows.bad.rows.len()), (lines_of_junk as u64, 0));
    assert_eq!(letters(&storage).len(), lines_of_junk);
    reader.read(&range(0, bytes)).expect("bad lines are kept aside");
    assert_eq!(letters(&storage).len(), lines_of_junk, "a second attempt keeps none twice");
}

#[test]
fn bad_lines_are_told_by_the_byte_they_begin_at() {
    let storage = MemoryStorage::new();
    let long = "x".repeat(2 * RECEIVE_BYTES);
    let file = format!("\u{feff}ok\n{long}\n\u{7f}ok\n0123456789\nok\n123456789");
    storage.put("/in/file", file.as_bytes());
    storage.put("/dead/old", b"");
    let reader = reader(&storage, OnBadRow::DeadLetter("/dead/letters".into()));
    let bytes = file.len() as u64;
    let find = |text: &str| file.find(text).expect("it is in the file") as u64;
    let mut file = 0;
    let mut places = |start: u64, end: u64| {
        file += 1;
        let before = letters(&storage).len();
        reader.read(&FileRange { file, ..range(start, end) }).expect("it is there");
        let place = |line: &String| {
            let letter: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
            letter["byte"].as_u64().expect("it is told")
        };
        letters(&storage)[before..].iter().map(place).collect::<Vec<_>>()
    };
    let expected = [find("xxx"), find("0123"), find("\n1234") + 1];
    assert_eq!(places(0, bytes), expected);
    for cut in [1, 6, find("xxx") + 5, find("0123"), find("0123") + 1, bytes - 1] {
        let cut_in_two = [places(0, cut), places(cut, bytes)].concat();
        assert_eq!(cut_in_two, expected, "cut at {cut}");
    }
}

/// The story: a batch that was run again, on another version of a plugin or for what was lost, read
/// its files again, and their bad rows counted twice.
#[test]
fn bad_rows_of_a_range_are_told_once() {
    let reader = reader(&MemoryStorage::new(), OnBadRow::Skip);
    let of = |file, start| FileRange { file, ..range(start, start + 1) };
    assert!(reader.tells(&of(1, 0)) && reader.tells(&of(1, 5)) && reader.tells(&of(2, 0)));
    assert!(!reader.tells(&of(1, 0)) && !reader.tells(&of(1, 5)));
}

#[test]
fn a_file_that_went_or_shrank_is_told_or_ends() {
    let storage = MemoryStorage::new();
    storage.put("/in/file", b"a\nb\n");
    let reader = reader(&storage, OnBadRow::Skip);
    assert_eq!(lines(&reader, 0, 400).0, ["a", "b"]);
    let gone = FileRange { path: "/in/gone".into(), ..range(0, 4) };
    let error = reader.read(&gone).expect_err("there is none");
    let expected = "source `lines` cannot be read: cannot read `/in/gone`: it does not exist";
    assert_eq!(error.to_string(), expected);
}

fn reader_of(storage: &MemoryStorage, format: Format, schema: StreamSchema) -> RangeReader {
    let connector = SourceConnector::Files { path: "/in".into(), bounded: true };
    let source = SourceDeclaration { format, schema, ..lines_source(connector, OnBadRow::Skip) };
    RangeReader::open(&source, Arc::new(storage.clone())).expect("it opens")
}

fn csv(storage: &MemoryStorage) -> RangeReader {
    let format = Format::Csv(CsvFormat { header: true, ..CsvFormat::default() });
    reader_of(storage, format, StreamSchema::new(vec![Column::new("n", ColumnType::Int64)]))
}

fn numbers(rows: &RangeRows) -> Vec<i64> {
    let of = |slice: &RecordBatch| slice.column(0).as_primitive::<Int64Type>().values().to_vec();
    rows.slices.iter().flat_map(of).collect()
}

/// What was lost: only the first range of a file has its header.
#[test]
fn every_range_of_a_file_is_read_by_its_header() {
    let storage = MemoryStorage::new();
    let header = "\u{feff}t,n\r\n";
    let file = format!("{header}a,1\nb,2\nx\nc,3\nd,4\n");
    storage.put(FILE, file.as_bytes());
    let reader = csv(&storage);
    let bytes = file.len() as u64;
    for cut in 1..bytes {
        let (first, second) = (reader.read(&range(0, cut)), reader.read(&range(cut, bytes)));
        let (first, second) = (first.expect("it is there"), second.expect("it is there"));
        let both = [numbers(&first), numbers(&second)].concat();
        assert_eq!((both, first.bad.count + second.bad.count), (vec![1, 2, 3, 4], 1), "at {cut}");
    }
}

#[test]
fn a_header_that_cannot_be_used_makes_every_line_bad_once() {
    let storage = MemoryStorage::new();
    for header in ["m,t", &"n".repeat(2_000)] {
        let file = format!("{header}\n1,a\n2,b\n");
        storage.put(FILE, file.as_bytes());
        let reader = csv(&storage);
        let cut = header.len() as u64 + 3;
        let counts = [range(0, cut), range(cut, file.len() as u64)].map(|range| {
            let rows = reader.read(&range).expect("bad lines are left out");
            assert_eq!(numbers(&rows), [0; 0]);
            rows.bad.count
        });
        assert_eq!(counts, [2, 1]);
    }
}

fn packed_file(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// A packed file of that name; gives its range.
fn put_packed(storage: &MemoryStorage, file: &[u8]) -> FileRange {
    storage.put("/in/a.gz", file);
    FileRange { path: "/in/a.gz".into(), ..range(0, file.len() as u64) }
}

#[test]
fn packed_files_are_read_in_every_format() {
    let storage = MemoryStorage::new();
    let of = put_packed(&storage, &packed_file(b"t,n\na,1\nb,2"));
    assert_eq!(numbers(&csv(&storage).read(&of).expect("it is whole")), [1, 2]);
    let lines = lines_source(SourceConnector::Stdin, OnBadRow::Skip).schema;
    let rows = reader_of(&storage, Format::Lines, lines).read(&of).expect("it is whole");
    assert_eq!(rows.slices[0].column(0).as_string::<i32>().value(2), "b,2");
    let format = Format::Binary { record_bytes: 5 };
    let schema = format.fixed_schema().expect("it has one");
    let rows = reader_of(&storage, format, schema).read(&of).expect("it is whole");
    let records: Vec<_> = rows.slices[0].column(0).as_binary::<i32>().iter().flatten().collect();
    assert_eq!((records, rows.bad.count), (vec![&b"t,n\na"[..], b",1\nb,"], 1));
    let first = "in `/in/a.gz`, at byte 10, the last record has 1 byte, expected 5: `2`";
    assert_eq!(rows.bad.first.as_deref(), Some(first));
}

/// What would be lost: the process, to a file of half a megabyte.
#[test]
fn a_packed_file_that_becomes_too_much_is_refused() {
    let storage = MemoryStorage::new();
    let of = put_packed(&storage, &packed_file(&b"\n".repeat(80 << 20)));
    let reader = reader(&storage, OnBadRow::Skip);
    let error = reader.read(&of).expect_err("an empty line takes four bytes").to_string();
    let expected = "source `lines` cannot read `/in/a.gz`: it holds more than 256 MiB of columns, \
                    and a packed file is read as a whole: unpack it, or write it as several files";
    assert_eq!(error, expected);
}

#[test]
fn a_packed_line_without_an_end_is_one_bad_row() {
    let storage = MemoryStorage::new();
    let of = put_packed(&storage, &packed_file(&vec![b'x'; 64 << 20]));
    let rows = reader(&storage, OnBadRow::Skip).read(&of).expect("the line is left out");
    assert_eq!((rows.slices.len(), rows.bad.count), (0, 1));
}
