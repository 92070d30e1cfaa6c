//! Store: files for this user alone: the token, and where a server listens.
//!
//! Takes a path and words. Gives them back. Never trusts a secret that others may read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::StoreError;
use crate::limits::PRIVATE_FILE_BYTES_MAX;
use crate::sys::entropy::Entropy;

/// What others may do with a file, of its mode.
const OTHERS: u32 = 0o077;

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { action, path, source }
}

/// Makes a folder for this user alone, and those above it, where they are missing.
pub(super) fn create_folder(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed("create folder", path))
}

/// Whether there is such a file.
pub(super) fn exists(path: &Path) -> bool {
    path.exists()
}

/// What the file holds; `None` if there is none.
///
/// # Errors
/// When others may read it, it is too long, or it cannot be read.
pub(super) fn read(path: &Path) -> Result<Option<String>, StoreError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed("read", path))?,
    };
    let facts = file.metadata().map_err(failed("read", path))?;
    if facts.permissions().mode() & OTHERS != 0 {
        let message = "others may read it: set its mode to 600, or remove it";
        return Err(failed("trust", path)(io::Error::other(message)));
    }
    if facts.len() > PRIVATE_FILE_BYTES_MAX {
        return Err(failed("read", path)(io::Error::other("it is too long")));
    }
    let mut text = String::new();
    let mut file = file.take(PRIVATE_FILE_BYTES_MAX);
    file.read_to_string(&mut text).map_err(failed("read", path))?;
    Ok(Some(text.trim().to_owned()))
}

/// Writes a file whole or not at all, for this user alone.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(path: &Path, text: &str, entropy: &dyn Entropy) -> Result<(), StoreError> {
    let aside = path.with_extension(format!("{:016x}.tmp", entropy.next_u64()));
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside);
    let written = opened.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, path)
    });
    written.map_err(|error| {
        drop(fs::remove_file(&aside));
        failed("write", path)(error)
    })
}

/// Removes a file; it is no error if there is none.
pub(super) fn remove(path: &Path) {
    drop(fs::remove_file(path));
}
