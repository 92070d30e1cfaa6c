//! Ingest: how files are cut into ranges, and what a range counts.
//!
//! Takes what is known of a file from outside. Gives ranges, each of which is a task. Never cuts a
//! packed file, nor a record.

use super::format::row_width;
use super::range_bytes::is_packed;
use crate::limits::{
    BLOCK_BYTES_MAX, FILE_RANGE_BYTES_PACED, FILE_RANGE_COLUMNS_BYTES_MAX, GZIP_GROWTH,
};
use crate::model::id::SourceId;
use crate::model::source::{Format, SourceDeclaration};
use crate::model::stage::FileRange;
use crate::sys::storage::FileFacts;

/// Bytes of a range: as many as a block may have, or as many as become columns of a bounded size
/// whatever rows are in them. A range of records holds whole ones.
pub(super) fn range_bytes(source: &SourceDeclaration, paced: Option<u64>) -> usize {
    // A batch that is given few bytes, because its source has a rate, is given small ranges.
    let most = if paced.is_some() { FILE_RANGE_BYTES_PACED } else { BLOCK_BYTES_MAX };
    let bytes = row_width(source).text_bytes_max(FILE_RANGE_COLUMNS_BYTES_MAX).min(most);
    match source.format {
        // Invariant: a record has a byte at least, or its source would not have been opened.
        Format::Binary { record_bytes } => (bytes / record_bytes.max(1)).max(1) * record_bytes,
        _ => bytes,
    }
}

/// The ranges of a source's file of that number: of so many bytes each, or one if it is packed.
pub(super) fn ranges(
    source: SourceId,
    number: u64,
    file: &FileFacts,
    range_bytes: usize,
) -> impl Iterator<Item = FileRange> {
    let whole = usize::try_from(file.bytes).unwrap_or(usize::MAX);
    let step = if is_packed(&file.path) { whole } else { range_bytes }.max(1);
    let starts = (0..file.bytes).step_by(step);
    starts.map(move |start| FileRange {
        source,
        file: number,
        path: file.path.clone(),
        start,
        end: file.bytes.min(start.saturating_add(step as u64)),
    })
}

/// Bytes of the batch's share that a range takes: its own, and of a packed file about what it
/// becomes. How much that is nobody knows before it is read; each executor unpacks one at a time,
/// and no more of it than columns of a bounded size.
pub(super) fn charged(range: &FileRange) -> u64 {
    let bytes = range.end - range.start;
    match is_packed(&range.path) {
        true => bytes.saturating_mul(GZIP_GROWTH).min(FILE_RANGE_COLUMNS_BYTES_MAX as u64),
        false => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::test_rig::lines_source;
    use crate::model::policy::OnBadRow;
    use crate::model::source::SourceConnector;

    const BYTES: u64 = 3 * BLOCK_BYTES_MAX as u64 + 1;

    fn cut(path: &str, range_bytes: usize) -> Vec<FileRange> {
        let file = FileFacts { path: path.into(), bytes: BYTES, modified_ms: 0 };
        ranges(SourceId(0), 7, &file, range_bytes).collect()
    }

    #[test]
    fn a_packed_file_is_one_range_and_counts_more_than_its_bytes() {
        let packed = cut("/in/a.txt.gz", BLOCK_BYTES_MAX);
        assert_eq!(packed.len(), 1);
        assert_eq!((packed[0].start, packed[0].end, packed[0].file), (0, BYTES, 7));
        let most = FILE_RANGE_COLUMNS_BYTES_MAX as u64;
        assert_eq!(charged(&packed[0]), most, "no more than it may become");
        assert_eq!(charged(&FileRange { end: 1_000, ..packed[0].clone() }), 8_000);
        let plain = cut("/in/a.gz.txt", BLOCK_BYTES_MAX);
        assert_eq!((plain.len(), plain.iter().map(charged).sum::<u64>()), (4, BYTES));
    }

    #[test]
    fn no_record_is_cut() {
        for record_bytes in [1, 7, BLOCK_BYTES_MAX - 1, BLOCK_BYTES_MAX] {
            let connector = SourceConnector::Files { path: "/in".into(), bounded: true };
            let format = Format::Binary { record_bytes };
            let lines = lines_source(connector, OnBadRow::Skip);
            let bytes = range_bytes(&SourceDeclaration { format, ..lines }, None);
            assert!(
                bytes <= BLOCK_BYTES_MAX && bytes.is_multiple_of(record_bytes),
                "{record_bytes}"
            );
            let ranges = cut("/in/a", bytes);
            assert!(ranges.iter().all(|range| range.start.is_multiple_of(record_bytes as u64)));
        }
    }
}
