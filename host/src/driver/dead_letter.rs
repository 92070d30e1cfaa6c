//! Driver: the file that refused rows are appended to.
//!
//! Takes lines that tasks have written of them. Gives them to the file, whole, up to its bound.
//! Never loses a row silently: a file that cannot be written fails the batch.

use std::path::Path;

use crate::limits::{DEAD_LETTER_BYTES_MAX, DEAD_LETTER_NOTES_BYTES_MAX};
use crate::sys::line_file::LineFile;
use crate::sys::storage::Storage;

/// Appends the lines. What would go past the file's bound is left out.
///
/// # Errors
/// Says which file could not be written, and why.
pub fn append(storage: &dyn Storage, path: &Path, lines: &[u8]) -> Result<(), String> {
    append_up_to(storage, path, lines, DEAD_LETTER_BYTES_MAX)
}

/// Appends what became of letters of the file that were fed back. There is room of its own for it:
/// a file that is full of letters must not hide that they were delivered.
///
/// # Errors
/// As [`append`].
pub fn append_notes(storage: &dyn Storage, path: &Path, lines: &[u8]) -> Result<(), String> {
    append_up_to(storage, path, lines, DEAD_LETTER_BYTES_MAX + DEAD_LETTER_NOTES_BYTES_MAX)
}

fn append_up_to(
    storage: &dyn Storage,
    path: &Path,
    lines: &[u8],
    bytes_max: u64,
) -> Result<(), String> {
    let written = LineFile::open(storage, path, bytes_max).and_then(|mut file| file.append(lines));
    written
        .map_err(|error| format!("failed to write dead letters to `{}`: {error}", path.display()))
}
