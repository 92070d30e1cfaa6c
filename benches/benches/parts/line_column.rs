//! Line column: from the bytes of a socket to a column of lines.
//!
//! Takes the text in pieces as large as a receiver reads. Gives the time of the whole way to a
//! block, and of its parts, beside that of merely copying the bytes. Never opens a socket: reading
//! one is the system's work.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use tidemill::ingest::block_generator::BlockGenerator;
use tidemill::ingest::decoder::{Decoded, Decoder};
use tidemill::ingest::line_buffer::LineBuffer;
use tidemill::ingest::line_column::LineColumn;
use tidemill::limits::{LINE_BYTES_DEFAULT, RECEIVE_BYTES};
use tidemill::model::backpressure::SourceRates;
use tidemill::model::id::SourceId;
use tidemill::model::policy::OnBadRow;
use tidemill::model::source::{Format, SourceConnector, SourceDeclaration};

use super::rig;
use super::timings::Timings;

/// Longer than any bench: no block is sealed for its age.
const INTERVAL: Duration = Duration::from_secs(3600);

/// Measures the part.
pub fn measure(criterion: &mut Criterion) {
    let text = rig::text();
    let bytes = text.bytes();
    let work = Throughput::Bytes(bytes.len() as u64);
    let mut timings = Timings::of_long(criterion, "line_column", work);
    timings.time("copy", || {
        // Into memory that is there: a fresh one could cost more in page faults than the copy.
        let mut room = bytes.to_vec();
        Ok(move || room.copy_from_slice(black_box(bytes)))
    });
    timings.time("line buffer", || Ok(|| whole_lines(bytes)));
    timings.time("line column", || Ok(|| column(bytes)));
    timings.time("bytes to block", || {
        let source = source();
        Ok(move || blocks(&source, bytes))
    });
    timings.end();
}

/// The bytes of whole lines, found piece by piece.
fn whole_lines(bytes: &[u8]) -> usize {
    let mut buffer = LineBuffer::new(LINE_BYTES_DEFAULT);
    let mut found = 0;
    for piece in bytes.chunks(RECEIVE_BYTES) {
        let room = buffer.room();
        let before = room.len();
        room.extend_from_slice(piece);
        let too_long = buffer.appended(before);
        debug_assert!(too_long.is_none(), "the text has short lines");
        found += buffer.lines().len();
        buffer.lines_taken();
    }
    found
}

/// Slices of whole lines that are there at once.
fn column(bytes: &[u8]) -> Decoded {
    let mut column = LineColumn::new(rig::line_schema().to_arrow(), LINE_BYTES_DEFAULT);
    let mut decoded = Decoded::new(&OnBadRow::Fail);
    column.decode(bytes, &mut decoded);
    column.finish(&mut decoded);
    decoded
}

/// What a receiver does with what it reads.
fn blocks(source: &SourceDeclaration, bytes: &[u8]) -> impl Sized + use<> {
    let mut generator = BlockGenerator::new(SourceId(0), source, INTERVAL);
    let mut sealed = Vec::new();
    for piece in bytes.chunks(RECEIVE_BYTES) {
        let room = generator.room();
        let before = room.len();
        room.extend_from_slice(piece);
        sealed.append(&mut generator.appended(before, 0));
    }
    sealed.append(&mut generator.seal());
    sealed
}

fn source() -> SourceDeclaration {
    SourceDeclaration {
        name: "lines".to_owned(),
        connector: SourceConnector::Stdin,
        format: Format::Lines,
        schema: rig::line_schema(),
        on_bad_row: OnBadRow::Fail,
        line_bytes_max: LINE_BYTES_DEFAULT,
        rates: SourceRates::default(),
    }
}
