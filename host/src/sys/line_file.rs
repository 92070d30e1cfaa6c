//! Sys: a file of lines that several writers append to.
//!
//! Takes whole lines. Gives them to the end of the file, each on a line of its own whatever a full
//! disk or a killed process has left there. Never lets the file grow past its bound.

use std::path::Path;

use super::storage::{Storage, StorageError, StoredFile};

/// A file of lines, open for appending. It is opened for a run of lines and closed after it: so it
/// sees what other writers have added.
pub struct LineFile {
    file: Box<dyn StoredFile>,
    bytes: u64,
    bytes_max: u64,
    /// Whether the file may end within a line.
    torn: bool,
}

impl LineFile {
    /// Goes on with the file, or begins it.
    ///
    /// # Errors
    /// When it cannot be appended to.
    pub fn open(storage: &dyn Storage, path: &Path, bytes_max: u64) -> Result<Self, StorageError> {
        let (file, bytes) = storage.append(path)?;
        let mut last = [b'\n'];
        // A file that may not be read is taken for torn: an empty line does less harm.
        let torn =
            bytes > 0 && (storage.read_at(path, bytes - 1, &mut last).is_err() || last != [b'\n']);
        Ok(Self { file, bytes, bytes_max, torn })
    }

    /// Appends whole lines, in one write. Those that would go past the bound are left out.
    ///
    /// # Errors
    /// When not all of them were written; the next ones begin a line of their own.
    pub fn append(&mut self, lines: &[u8]) -> Result<(), StorageError> {
        let room = self.bytes_max.saturating_sub(self.bytes + u64::from(self.torn));
        let fitting = match lines.get(..usize::try_from(room).unwrap_or(usize::MAX)) {
            None => lines,
            Some(fitting) => &fitting[..memchr::memrchr(b'\n', fitting).map_or(0, |end| end + 1)],
        };
        if fitting.is_empty() {
            return Ok(());
        }
        self.bytes += fitting.len() as u64 + u64::from(self.torn);
        let written = match self.torn {
            true => self.file.write(&[b"\n", fitting].concat()),
            false => self.file.write(fitting),
        };
        self.torn = written.is_err();
        written
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::sys::storage_memory::MemoryStorage;

    const FILE: &str = "/d/lines";

    fn open(storage: &MemoryStorage, bytes_max: u64) -> LineFile {
        LineFile::open(storage, Path::new(FILE), bytes_max).expect("its folder is there")
    }

    fn content(storage: &MemoryStorage) -> String {
        let bytes = storage.files().remove(Path::new(FILE)).expect("it is there");
        String::from_utf8(bytes).expect("it is text")
    }

    #[test]
    fn lines_go_to_the_end_up_to_the_bound() {
        let storage = MemoryStorage::new();
        storage.put(FILE, b"one\n");
        open(&storage, 12).append(b"two\n").expect("there is room");
        let mut file = open(&storage, 12);
        file.append(b"3\nfour\n").expect("leaving out is no error");
        assert_eq!(content(&storage), "one\ntwo\n3\n");
        file.append(b"4\n").expect("there is room");
        file.append(b"5\n").expect("leaving out is no error");
        assert_eq!(content(&storage), "one\ntwo\n3\n4\n");
    }

    /// The story: a full disk took half of a line. The next line was joined to it, and neither
    /// could be read.
    #[test]
    fn a_line_begins_behind_what_a_full_disk_has_torn() {
        for reopened in [false, true] {
            let storage = MemoryStorage::new();
            storage.put(FILE, b"");
            let mut file = open(&storage, 100);
            storage.fail_after(0, ErrorKind::StorageFull);
            file.append(b"12345678\n").expect_err("the disk is full");
            storage.repair();
            let mut file = if reopened { open(&storage, 100) } else { file };
            file.append(b"one\n").expect("there is room");
            file.append(b"two\n").expect("there is room");
            assert_eq!(content(&storage), "1234\none\ntwo\n", "reopened: {reopened}");
        }
    }
}
