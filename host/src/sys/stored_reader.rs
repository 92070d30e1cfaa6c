//! Sys: a stored file as something to read from.
//!
//! Takes a file and how many bytes it has. Gives them in order, from anywhere. Never keeps the file
//! open between reads: whoever reads little at a time puts a buffer before it.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::storage::{Storage, StorageError};

/// Reads a file.
#[derive(Debug)]
pub struct StoredReader<'s> {
    storage: &'s dyn Storage,
    path: &'s Path,
    bytes: u64,
    at: u64,
}

impl<'s> StoredReader<'s> {
    /// Reads so many bytes of a file, from its beginning.
    pub fn new(storage: &'s dyn Storage, path: &'s Path, bytes: u64) -> Self {
        Self { storage, path, bytes, at: 0 }
    }

    /// The byte that is read next.
    pub fn at(&self) -> u64 {
        self.at
    }
}

/// The failed operation behind an error of reading or writing, if it was one on a file.
///
/// # Errors
/// Gives the error back when it was something else.
pub fn storage_error(error: io::Error) -> Result<StorageError, io::Error> {
    error.downcast::<StorageError>()
}

impl Read for StoredReader<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = to.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.storage.read_at(self.path, self.at, &mut to[..wanted]);
        let read = read.map_err(io::Error::other)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for StoredReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::storage_memory::MemoryStorage;

    #[test]
    fn a_file_is_read_from_anywhere() {
        let storage = MemoryStorage::new();
        storage.put("/d/file", b"0123456789 and what was added");
        let mut reader = StoredReader::new(&storage, Path::new("/d/file"), 10);
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("it is there");
        assert_eq!((text.as_str(), reader.at()), ("0123456789", 10));
        let mut two = [0; 2];
        for (from, expected) in
            [(SeekFrom::Start(3), b"34"), (SeekFrom::Current(1), b"67"), (SeekFrom::End(-2), b"89")]
        {
            reader.seek(from).expect("it is within the file");
            reader.read_exact(&mut two).expect("there are two");
            assert_eq!(&two, expected);
        }
        assert!(reader.seek(SeekFrom::Current(-11)).is_err());
    }

    #[test]
    fn a_file_that_went_is_named() {
        let storage = MemoryStorage::new();
        let mut reader = StoredReader::new(&storage, Path::new("/d/file"), 10);
        let error = reader.read(&mut [0; 2]).expect_err("there is none");
        let error = storage_error(error).expect("it is of a file").to_string();
        assert_eq!(error, "cannot read `/d/file`: it does not exist");
        assert!(storage_error(io::ErrorKind::Other.into()).is_err());
    }
}
