//! Ingest: reads a range of a file, in whole lines or records.
//!
//! Takes a range of bytes. Gives the lines that begin in it, so that ranges side by side give each
//! line once, wherever they are cut. Never holds more of the file than the rows it gives, a bounded
//! piece, and bad rows up to a bound: those that are kept are written down as they come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;

use super::IngestError;
use super::bad_row::BadRows;
use super::dead_letter::DeadLetter;
use super::decoder::{Decoded, Decoder, each_line};
use super::format;
use super::line_buffer::LineBuffer;
use super::line_column::too_long;
use super::range_bytes::RangeBytes;
use super::record_column::RecordColumn;
use crate::limits::{
    BLOCK_BYTES_MAX, CONVERT_BYTES, FILE_RANGE_COLUMNS_BYTES_MAX, FILE_RANGES_PER_BATCH_MAX,
    RECEIVE_BYTES,
};
use crate::model::policy::OnBadRow;
use crate::model::source::{Format, SourceDeclaration};
use crate::model::stage::FileRange;
use crate::sys::storage::Storage;

/// Bytes that are read at once to find a file's first line.
const HEADER_BYTES: usize = 16 * 1024;

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
    /// Ranges whose bad rows have been told, by the same.
    told: Mutex<BTreeSet<(u64, u64)>>,
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
        let (kept_to, told) = (Mutex::default(), Mutex::default());
        Ok(Self { source: source.clone(), storage, dead_letter, kept_to, told })
    }

    /// Reads the rows that begin in the range.
    ///
    /// # Errors
    /// When the file cannot be read, when a packed one holds more than a task may, or when a record
    /// does not fit and the source says that this fails the batch.
    pub fn read(&self, of: &FileRange) -> Result<RangeRows, IngestError> {
        let bytes = RangeBytes::new(&self.source.name, &*self.storage, of);
        let decoded = match self.source.format {
            Format::Binary { record_bytes } => self.records(of, bytes, record_bytes)?,
            Format::Lines | Format::Json | Format::Csv(_) => self.lines(of, bytes)?,
        };
        self.finish(decoded, of)
    }

    /// Whether bad rows of the range are to be told: once, however often its batch is run.
    pub fn tells(&self, of: &FileRange) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = told.insert((of.file, of.start));
        if told.len() > FILE_RANGES_PER_BATCH_MAX {
            told.pop_first();
        }
        is_new
    }

    /// Reads the lines that begin in the range.
    fn lines(&self, of: &FileRange, mut bytes: RangeBytes<'_>) -> Result<Decoded, IngestError> {
        let (start, end) = (of.start, bytes.end());
        let mut range = Range {
            lines: LineBuffer::of_range(self.source.line_bytes_max, start),
            decoder: format::decoder(&self.source),
            decoded: Decoded::new(&self.source.on_bad_row),
            line_bytes_max: self.source.line_bytes_max,
        };
        if start > 0 && format::has_header(&self.source) {
            self.header(of, &mut *range.decoder)?;
        }
        let mut held = Held::default();
        // The byte before the range tells whether a line begins at its first.
        let mut at = start.saturating_sub(1);
        let mut piece = vec![0; RECEIVE_BYTES];
        // A line that began in the range is read to its end; those that follow are the next one's.
        let mut at_line_end = true;
        while at < end || !(at_line_end || range.lines.is_skipping()) {
            let inside = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            let wanted = if inside > 0 { piece.len().min(inside) } else { piece.len() };
            let read = bytes.read(at, &mut piece[..wanted])?;
            if read == 0 {
                range.lines.ended();
                break;
            }
            let read = if inside > 0 { &piece[..read] } else { to_line_end(&piece[..read]) };
            at += read.len() as u64;
            at_line_end = read.ends_with(b"\n");
            range.add(read);
            if range.decoded.bad.bytes > BLOCK_BYTES_MAX {
                range.convert();
                self.keep(&mut range.decoded.bad, of)?;
            }
            held.check(&range.decoded, &bytes).map_err(|problem| self.packed(of, problem))?;
        }
        range.convert();
        range.decoder.finish(&mut range.decoded);
        Ok(range.decoded)
    }

    /// Gives the decoder the file's first line, which says how the lines of a later range are read.
    fn header(&self, of: &FileRange, decoder: &mut dyn Decoder) -> Result<(), IngestError> {
        let failed = |source| IngestError::File { name: self.source.name.clone(), source };
        let mut lines = LineBuffer::new(self.source.line_bytes_max);
        let mut piece = vec![0; HEADER_BYTES];
        let mut at = 0;
        loop {
            let read = self.storage.read_at(&of.path, at, &mut piece).map_err(failed)?;
            let room = lines.room();
            let before = room.len();
            room.extend_from_slice(&piece[..read]);
            at += read as u64;
            let too_long = lines.appended(before).is_some();
            if read == 0 {
                lines.ended();
            }
            let first = each_line(lines.lines()).find(|line| !line.is_empty());
            match first.map(<[u8]>::to_vec) {
                Some(line) => decoder.first_line(&line),
                None if too_long || read == 0 => decoder.line_lost(),
                None => {
                    lines.lines_taken();
                    continue;
                }
            }
            return Ok(());
        }
    }

    /// Reads the records in the range, which begins and ends between two of them.
    fn records(
        &self,
        of: &FileRange,
        mut bytes: RangeBytes<'_>,
        record_bytes: usize,
    ) -> Result<Decoded, IngestError> {
        let mut records = RecordColumn::new(self.source.schema.to_arrow(), record_bytes);
        let mut decoded = Decoded::new(&self.source.on_bad_row);
        let mut held = Held::default();
        let (mut at, mut piece) = (of.start, vec![0; RECEIVE_BYTES]);
        while at < bytes.end() {
            let inside = usize::try_from(bytes.end() - at).unwrap_or(usize::MAX);
            let wanted = piece.len().min(inside);
            let read = bytes.read(at, &mut piece[..wanted])?;
            if read == 0 {
                break;
            }
            at += read as u64;
            records.add(&piece[..read], &mut decoded);
            held.check(&decoded, &bytes).map_err(|problem| self.packed(of, problem))?;
        }
        records.ended(at, &mut decoded);
        Ok(decoded)
    }

    fn packed(&self, of: &FileRange, problem: String) -> IngestError {
        let (name, path) = (self.source.name.clone(), of.path.clone());
        IngestError::Packed { name, path, problem }
    }

    fn finish(&self, decoded: Decoded, of: &FileRange) -> Result<RangeRows, IngestError> {
        let Decoded { slices, mut bad } = decoded;
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
            self.decoder.line_lost();
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

/// Columns that were made so far. Those of a range of a plain file are bounded by where it was cut;
/// a packed one is not cut, and a few kilobytes of it can become gigabytes.
#[derive(Debug, Default)]
struct Held {
    slices: usize,
    bytes: usize,
}

impl Held {
    fn check(&mut self, decoded: &Decoded, of: &RangeBytes<'_>) -> Result<(), String> {
        let new = &decoded.slices[self.slices..];
        self.slices = decoded.slices.len();
        self.bytes += new.iter().map(RecordBatch::get_array_memory_size).sum::<usize>();
        if self.bytes <= FILE_RANGE_COLUMNS_BYTES_MAX || !of.is_packed() {
            return Ok(());
        }
        let most = FILE_RANGE_COLUMNS_BYTES_MAX >> 20;
        Err(format!(
            "it holds more than {most} MiB of columns, and a packed file is read as a whole: \
             unpack it, or write it as several files"
        ))
    }
}

/// As many bytes as finish the line: further lines belong to the next range.
fn to_line_end(bytes: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', bytes).map_or(bytes, |end| &bytes[..=end])
}

#[cfg(test)]
mod tests;
