//! Ingest: the file of a broadcast, read whole.
//!
//! Takes a declaration. Gives its rows, and whether the file is another one by now. Never keeps
//! rows: whoever asked does.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::IngestError;
use super::range_reader::RangeReader;
use crate::limits::BROADCAST_BYTES_MAX;
use crate::model::broadcast::BroadcastFile;
use crate::model::id::SourceId;
use crate::model::stage::FileRange;
use crate::model::text::number_of;
use crate::sys::storage::{FileFacts, Storage, StorageError};

/// What a file was when it was last read: its length, and when it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    bytes: u64,
    modified_ms: i64,
}

/// What a file held.
#[derive(Debug)]
pub struct FileRows {
    /// Slices.
    pub slices: Vec<RecordBatch>,
    /// Bad rows that were left out, in words, where there were any.
    pub bad: Option<String>,
}

/// What the file is now.
///
/// # Errors
/// When it is not there, or cannot be looked at.
pub fn stamp(storage: &dyn Storage, path: &Path) -> Result<FileStamp, String> {
    facts(storage, path)
        .map(|facts| FileStamp { bytes: facts.bytes, modified_ms: facts.modified_ms })
}

fn facts(storage: &dyn Storage, path: &Path) -> Result<FileFacts, String> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let name = path.file_name();
    let listing = storage.list(folder).map_err(|error| error.to_string())?;
    let mut files = listing.files.into_iter();
    files.find(|facts| facts.path.file_name() == name).ok_or_else(|| {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        StorageError { action: "read", path: path.to_owned(), source }.to_string()
    })
}

/// Reads the file.
///
/// # Errors
/// When it cannot be read, is too large, or has rows that do not fit and it says that this fails.
pub fn read(storage: &Arc<dyn Storage>, of: &BroadcastFile) -> Result<FileRows, String> {
    let facts = facts(&**storage, &of.path)?;
    if facts.bytes > BROADCAST_BYTES_MAX as u64 {
        let (path, found) = (of.path.display(), facts.bytes);
        let allowed = BROADCAST_BYTES_MAX;
        return Err(format!("`{path}` has {found} bytes, allowed are {allowed}"));
    }
    let range = FileRange {
        source: SourceId(0),
        file: 0,
        path: of.path.clone(),
        start: 0,
        end: facts.bytes,
    };
    let reader = RangeReader::open(&of.records, Arc::clone(storage)).map_err(reason)?;
    let rows = reader.read(&range).map_err(reason)?;
    let bad = rows.bad.first.map(|first| {
        let were = number_of(rows.bad.count, "bad row was", "bad rows were");
        format!("{were} left out, the first: {first}")
    });
    Ok(FileRows { slices: rows.slices, bad })
}

/// The reason alone: it is no source that is read here.
fn reason(error: IngestError) -> String {
    match error {
        IngestError::Packed { path, problem, .. } => format!("`{}`: {problem}", path.display()),
        IngestError::File { source, .. } => source.to_string(),
        IngestError::DeadLetter { source, .. } => format!("bad rows cannot be kept: {source}"),
        IngestError::BadRows { path, count, first, .. } => {
            let bad = number_of(count, "bad row", "bad rows");
            format!("`{}` has {bad}; {first}", path.display())
        }
        other => other.to_string(),
    }
}
