//! Driver: the file that refused rows are appended to.
//!
//! Takes lines that tasks have written of them. Gives them to the file, whole, up to its bound.
//! Never loses a row silently: a file that cannot be written fails the batch.

use std::path::Path;

use crate::limits::DEAD_LETTER_BYTES_MAX;
use crate::sys::storage::Storage;

/// Appends the lines. What would go past the file's bound is left out.
///
/// # Errors
/// Says which file could not be written, and why.
pub fn append(storage: &dyn Storage, path: &Path, lines: &[u8]) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| {
        format!("failed to write dead letters to `{}`: {error}", path.display())
    };
    let (mut file, bytes) = storage.append(path).map_err(|error| failed(&error))?;
    let room = usize::try_from(DEAD_LETTER_BYTES_MAX.saturating_sub(bytes)).unwrap_or(usize::MAX);
    let fitting = match lines.get(..room) {
        None => lines,
        Some(fitting) => &fitting[..memchr::memrchr(b'\n', fitting).map_or(0, |end| end + 1)],
    };
    file.write(fitting).map_err(|error| failed(&error))
}
