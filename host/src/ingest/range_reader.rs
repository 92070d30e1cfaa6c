//! Ingest: reads a range of a file, in whole lines.
//!
//! Takes a range of bytes. Gives the lines that begin in it, so that ranges side by side give each
//! line once, wherever they are cut. Never holds more of the file than the rows it gives, a bounded
//! piece, and bad rows up to a bound: those that are kept are written down as they come.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;

use super::IngestError;
use super::bad_row::BadRows;
use super::dead_letter::DeadLetter;
use super::decoder::{Decoded, Decoder};
use super::format;
use super::line_buffer::LineBuffer;
use super::line_column::too_long;
use crate::limits::{BLOCK_BYTES_MAX, CONVERT_BYTES, FILE_RANGES_PER_BATCH_MAX, RECEIVE_BYTES};
use crate::model::policy::OnBadRow;
use crate::model::source::SourceDeclaration;
use crate::model::stage::FileRange;
use crate::sys::storage::Storage;

/// The rows of a range.
#[derive(Debug)]
pub struct RangeRows {
    /// Slices in canonical form.
    pub slices: Vec<RecordBatch>,
    /// Lines that did not fit and were left out.
    pub bad: BadRows,
}

/// Reads ranges of a source's files.
#[derive(Debug)]
pub struct RangeReader {
    source: SourceDeclaration,
    storage: Arc<dyn Storage>,
    dead_letter: Option<DeadLetter>,
    /// By file and start of a range: up to which byte the dead-letter file has its bad rows. One
    /// that is read again adds none of them.
    kept_to: Mutex<BTreeMap<(u64, u64), u64>>,
}

impl RangeReader {
    /// A reader for a source.
    ///
    /// # Errors
    /// When the source's dead-letter file cannot be written.
    pub fn open(
        source: &SourceDeclaration,
        storage: Arc<dyn Storage>,
    ) -> Result<Self, IngestError> {
        let dead_letter = DeadLetter::of_source(source, &storage)?;
        let kept_to = Mutex::default();
        Ok(Self { source: source.clone(), storage, dead_letter, kept_to })
    }

    /// Reads the lines that begin in the range.
    ///
    /// # Errors
    /// When the file cannot be read, or when a line does not fit and the source says that this
    /// fails the batch.
    pub fn read(&self, of: &FileRange) -> Result<RangeRows, IngestError> {
        let FileRange { start, end, .. } = *of;
        let mut range = Range {
            lines: LineBuffer::of_range(self.source.line_bytes_max, start),
            decoder: format::decoder(&self.source),
            decoded: Decoded::new(&self.source.on_bad_row),
            line_bytes_max: self.source.line_bytes_max,
        };
        let failed = |source| IngestError::File { name: self.source.name.clone(), source };
        // The byte before the range tells whether a line begins at its first.
        let mut at = start.saturating_sub(1);
        let mut piece = vec![0; RECEIVE_BYTES];
        // A line that began in the range is read to its end; those that follow are the next one's.
        let mut at_line_end = true;
        while at < end || !(at_line_end || range.lines.is_skipping()) {
            let inside = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            let wanted = if inside > 0 { piece.len().min(inside) } else { piece.len() };
            let read = self.storage.read_at(&of.path, at, &mut piece[..wanted]).map_err(failed)?;
            if read == 0 {
                range.lines.ended();
                break;
            }
            let bytes = if inside > 0 { &piece[..read] } else { to_line_end(&piece[..read]) };
            at += bytes.len() as u64;
            at_line_end = bytes.ends_with(b"\n");
            range.add(bytes);
            if range.decoded.bad.bytes > BLOCK_BYTES_MAX {
                range.convert();
                self.keep(&mut range.decoded.bad, of)?;
            }
        }
        self.finish(range, of)
    }

    fn finish(&self, mut range: Range, of: &FileRange) -> Result<RangeRows, IngestError> {
        range.convert();
        range.decoder.finish(&mut range.decoded);
        let Decoded { slices, mut bad } = range.decoded;
        let place = bad.first_at.map_or_else(String::new, |at| format!("at byte {at}, "));
        if let (OnBadRow::Fail, Some(first)) = (&self.source.on_bad_row, &bad.first) {
            return Err(IngestError::BadRows {
                name: self.source.name.clone(),
                path: of.path.clone(),
                count: bad.count,
                first: format!("{place}{first}"),
            });
        }
        self.keep(&mut bad, of)?;
        bad.first = bad.first.map(|first| format!("in `{}`, {place}{first}", of.path.display()));
        Ok(RangeRows { slices, bad })
    }

    /// Writes down the bad rows that an attempt before this one has not, and forgets them.
    fn keep(&self, bad: &mut BadRows, of: &FileRange) -> Result<(), IngestError> {
        let mut rows = bad.rows_taken();
        let Some(dead_letter) = &self.dead_letter else { return Ok(()) };
        // A decoder may find a line too long before it reads those above it.
        rows.sort_unstable_by_key(|row| row.at);
        let range = (of.file, of.start);
        let kept_to = self.kept_to().get(&range).copied().unwrap_or(0);
        let new = rows.partition_point(|row| row.at.unwrap_or(0) < kept_to);
        dead_letter.write_of(&rows[new..], &of.path, |row| {
            let mut all = self.kept_to();
            all.insert(range, row.at.map_or(kept_to, |at| at + 1));
            // The files found longest ago are hardly tried again.
            if all.len() > FILE_RANGES_PER_BATCH_MAX {
                all.pop_first();
            }
        })
    }

    fn kept_to(&self) -> MutexGuard<'_, BTreeMap<(u64, u64), u64>> {
        self.kept_to.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Range {
    lines: LineBuffer,
    decoder: Box<dyn Decoder>,
    decoded: Decoded,
    line_bytes_max: usize,
}

impl Range {
    fn add(&mut self, bytes: &[u8]) {
        let room = self.lines.room();
        let before = room.len();
        room.extend_from_slice(bytes);
        if let Some(beginning) = self.lines.appended(before) {
            let (_, at) = self.lines.offsets();
            self.convert();
            let reason = || too_long(self.line_bytes_max);
            self.decoded.bad.add_at(Some(at), reason, &beginning);
        }
        if self.lines.lines().len() >= CONVERT_BYTES {
            self.convert();
        }
    }

    fn convert(&mut self) {
        let lines = self.lines.lines();
        self.decoded.bad.reading(lines, self.lines.offsets().0);
        self.decoder.decode(lines, &mut self.decoded);
        self.lines.lines_taken();
    }
}

/// As many bytes as finish the line: further lines belong to the next range.
fn to_line_end(bytes: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', bytes).map_or(bytes, |end| &bytes[..=end])
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::path::Path;

    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use proptest::prelude::*;

    use super::*;
    use crate::ingest::test_rig::lines_source;
    use crate::model::id::SourceId;
    use crate::model::source::SourceConnector;
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
}
