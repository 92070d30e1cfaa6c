//! Driver: dead-letter files as they are read: letters, and notes of what has become of them.
//!
//! Takes a file that sources and the job's loop append to. Gives the letters in it that were not
//! fed back. A file is only ever appended to, so that nobody who writes to it has to be waited for:
//! a letter that was fed back stays where it is, and a later line says so. Never holds more than
//! the places of letters, and a line.

pub mod letter;

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::limits::DEAD_LETTER_LINE_BYTES_MAX;
use crate::sys::storage::{Storage, StorageError};
use letter::Letter;

/// Bytes that are read at once, where a whole file is looked through.
const PIECE_BYTES: usize = 1 << 20;
/// Bytes that are read at once where one letter is, which most are within.
const LETTER_BYTES: usize = 4 << 10;
/// How a line begins that says what has become of a letter.
const NOTE: &[u8] = b"{\"retried\":";

/// Which letter: its line's first byte in the file, and a hash of the line, so that a file that
/// somebody has edited is not taken for the one it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LetterId {
    /// The file.
    pub path: PathBuf,
    /// Where the line begins.
    pub byte: u64,
    /// The hash of the line.
    pub check: u64,
}

impl LetterId {
    /// The line that says what has become of the letter.
    pub fn note(&self, outcome: &str, batch_time: Option<i64>) -> String {
        let check = format!("{:016x}", self.check);
        let retried = json!({ "byte": self.byte, "check": check });
        let mut note = json!({ "retried": retried, "outcome": outcome });
        if let Some(time) = batch_time {
            note["batch_time"] = time.into();
        }
        format!("{note}\n")
    }
}

/// The letters of a file that were not fed back, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Where they are.
    pub letters: Vec<(u64, u64)>,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Waiting {
    /// Looks through a file. One that does not exist has none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(storage: &dyn Storage, path: &Path) -> Result<Self, StorageError> {
        let (mut letters, mut notes) = (Vec::new(), BTreeSet::new());
        let bytes = each_line(storage, path, (0, PIECE_BYTES), |byte, line| {
            if line.starts_with(NOTE) {
                notes.extend(noted(line));
            } else if !line.is_empty() {
                letters.push((byte, hash(line)));
            }
            true
        })?;
        letters.retain(|letter| !notes.contains(letter));
        Ok(Self { letters, bytes })
    }
}

/// Reads the letter at a place that [`Waiting`] has told. None where the file was changed since.
///
/// # Errors
/// When it cannot be read.
pub fn read(
    storage: &dyn Storage,
    path: &Path,
    (byte, check): (u64, u64),
) -> Result<Option<Letter>, StorageError> {
    let mut found = None;
    each_line(storage, path, (byte, LETTER_BYTES), |_, line| {
        if hash(line) == check {
            let id = LetterId { path: path.to_owned(), byte, check };
            found = Some(Letter::parse(id, line));
        }
        false
    })?;
    Ok(found)
}

/// Calls with each line of the file from a byte on, reading so many at once, until it is told to
/// stop. Of a line that is longer than any that is written, the beginning stands for it. Gives the
/// bytes of the file, if it was read to its end.
fn each_line(
    storage: &dyn Storage,
    path: &Path,
    (from, piece_bytes): (u64, usize),
    mut line: impl FnMut(u64, &[u8]) -> bool,
) -> Result<u64, StorageError> {
    if !storage.exists(path)? {
        return Ok(0);
    }
    let (mut at, mut begun_at, mut open) = (from, from, Vec::new());
    let mut piece = vec![0; piece_bytes];
    loop {
        let read = storage.read_at(path, at, &mut piece)?;
        if read == 0 {
            // A last line without its end is still being written.
            return Ok(at);
        }
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &piece[..read]) {
            keep(&mut open, &piece[start..end]);
            if !line(begun_at, &open) {
                return Ok(at);
            }
            open.clear();
            start = end + 1;
            begun_at = at + start as u64;
        }
        keep(&mut open, &piece[start..read]);
        at += read as u64;
    }
}

fn keep(open: &mut Vec<u8>, bytes: &[u8]) {
    let room = DEAD_LETTER_LINE_BYTES_MAX.saturating_sub(open.len());
    open.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

fn noted(line: &[u8]) -> Option<(u64, u64)> {
    let note: Value = serde_json::from_slice(line).ok()?;
    let retried = &note["retried"];
    let check = u64::from_str_radix(retried["check"].as_str()?, 16).ok()?;
    Some((retried["byte"].as_u64()?, check))
}

fn hash(line: &[u8]) -> u64 {
    let mut hasher = siphasher::sip::SipHasher13::new();
    hasher.write(line);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::storage_memory::MemoryStorage;

    const FILE: &str = "/d/bad";

    fn waiting(storage: &MemoryStorage) -> Vec<(u64, u64)> {
        Waiting::of(storage, Path::new(FILE)).expect("it can be read").letters
    }

    fn id(place: (u64, u64)) -> LetterId {
        LetterId { path: FILE.into(), byte: place.0, check: place.1 }
    }

    #[test]
    fn a_letter_waits_until_a_later_line_says_what_has_become_of_it() {
        let storage = MemoryStorage::new();
        let mut text = "{\"reason\":\"a\"}\n\n{\"reason\":\"b\"}\n{\"reason\":\"b\"}\n".to_owned();
        storage.put(FILE, text.as_bytes());
        let all = waiting(&storage);
        assert_eq!(all.iter().map(|(byte, _)| *byte).collect::<Vec<_>>(), [0, 16, 31]);
        text.push_str(&id(all[1]).note("delivered", Some(7)));
        storage.put(FILE, text.as_bytes());
        // The third is the same line elsewhere.
        assert_eq!(waiting(&storage), [all[0], all[2]]);
        let letter = read(&storage, Path::new(FILE), all[2]).expect("it can be read");
        assert_eq!(letter.expect("it is there").reason, "b");
    }

    #[test]
    fn a_note_says_nothing_of_a_file_that_was_edited() {
        let storage = MemoryStorage::new();
        storage.put(FILE, b"{\"reason\":\"a\"}\n");
        let first = waiting(&storage)[0];
        let text = format!("{{\"reason\":\"c\"}}\n{}", id(first).note("delivered", None));
        storage.put(FILE, text.as_bytes());
        let left = waiting(&storage);
        assert_eq!(left.len(), 1);
        assert_eq!(read(&storage, Path::new(FILE), first).expect("it can be read"), None);
    }

    #[test]
    fn a_line_that_is_still_written_and_a_file_that_is_missing_are_no_letters() {
        let storage = MemoryStorage::new();
        assert_eq!(waiting(&storage), []);
        storage.put(FILE, b"{\"reason\":\"a\"");
        assert_eq!(waiting(&storage), []);
    }

    #[test]
    fn lines_across_pieces_are_whole() {
        let storage = MemoryStorage::new();
        let long = format!("{{\"reason\":\"{}\"}}\n", "x".repeat(PIECE_BYTES - 20));
        storage.put(FILE, format!("{long}{{\"reason\":\"last\"}}\n").as_bytes());
        let all = waiting(&storage);
        let last = read(&storage, Path::new(FILE), all[1]).expect("it can be read");
        assert_eq!(last.expect("it is there").reason, "last");
    }
}
