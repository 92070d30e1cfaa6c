//! Ingest: the file that keeps records which did not fit.
//!
//! Takes bad rows. Gives lines of JSON: source, reason, file and byte where a file was read, and
//! the row's text, or its bytes in base64 where it is no text. Never grows past its bound.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::IngestError;
use super::bad_row::BadRow;
use crate::limits::DEAD_LETTER_BYTES_MAX;
use crate::model::policy::OnBadRow;
use crate::model::source::SourceDeclaration;
use crate::sys::line_file::LineFile;
use crate::sys::storage::{Storage, StorageError};

/// A dead-letter file of one source. Several sources may name the same file.
#[derive(Debug)]
pub struct DeadLetter {
    source: String,
    storage: Arc<dyn Storage>,
    path: PathBuf,
    bytes_max: u64,
}

impl DeadLetter {
    /// The dead-letter file of a source that keeps bad rows in one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn of_source(
        source: &SourceDeclaration,
        storage: &Arc<dyn Storage>,
    ) -> Result<Option<Self>, IngestError> {
        let OnBadRow::DeadLetter(path) = &source.on_bad_row else {
            return Ok(None);
        };
        let opened = Self::open(Arc::clone(storage), &source.name, path);
        opened
            .map(Some)
            .map_err(|error| IngestError::DeadLetter { name: source.name.clone(), source: error })
    }

    /// Begins the file where there is none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(
        storage: Arc<dyn Storage>,
        source: &str,
        path: &Path,
    ) -> Result<Self, StorageError> {
        storage.append(path)?;
        let (source, path) = (source.to_owned(), path.to_owned());
        Ok(Self { source, storage, path, bytes_max: DEAD_LETTER_BYTES_MAX })
    }

    /// Appends bad rows, each in one write. What would go past the bound is left out.
    ///
    /// # Errors
    /// When a row could not be written.
    pub fn write(&self, rows: &[BadRow]) -> Result<(), IngestError> {
        self.write_each(rows, None, |_| {})
    }

    /// The same, with the file that the rows are from. Each row that is written is told.
    ///
    /// # Errors
    /// When a row could not be written.
    pub fn write_of(
        &self,
        rows: &[BadRow],
        of: &Path,
        written: impl FnMut(&BadRow),
    ) -> Result<(), IngestError> {
        self.write_each(rows, Some(of), written)
    }

    fn write_each(
        &self,
        rows: &[BadRow],
        of: Option<&Path>,
        mut written: impl FnMut(&BadRow),
    ) -> Result<(), IngestError> {
        if rows.is_empty() {
            return Ok(());
        }
        let failed = |source| IngestError::DeadLetter { name: self.source.clone(), source };
        let mut file =
            LineFile::open(&*self.storage, &self.path, self.bytes_max).map_err(failed)?;
        for row in rows {
            file.append(self.line(row, of).as_bytes()).map_err(failed)?;
            written(row);
        }
        Ok(())
    }

    fn line(&self, row: &BadRow, of: Option<&Path>) -> String {
        let mut line = json!({ "source": self.source, "reason": row.reason });
        if let Some(file) = of {
            line["file"] = file.to_string_lossy().into();
            line["byte"] = row.at.into();
        }
        match simdutf8::basic::from_utf8(&row.text) {
            Ok(text) => line["text"] = text.into(),
            Err(_) => line["base64"] = base64(&row.text).into(),
        }
        if row.cut {
            line["cut"] = true.into();
        }
        format!("{line}\n")
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - three.len()));
        for digit in 0..4 {
            let index = (word >> (18 - 6 * digit)) & 63;
            let padded = digit > three.len();
            text.push(if padded { '=' } else { char::from(DIGITS[index as usize]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::storage_memory::MemoryStorage;

    fn row(text: &[u8], cut: bool) -> BadRow {
        BadRow { reason: "no \"fit\"".to_owned(), text: text.to_vec(), cut, at: None }
    }

    fn open(storage: &MemoryStorage) -> DeadLetter {
        let storage = Arc::new(storage.clone());
        DeadLetter::open(storage, "in", Path::new("/d/bad")).expect("it opens")
    }

    fn content(storage: &MemoryStorage) -> String {
        let bytes = storage.files().remove(Path::new("/d/bad")).expect("it is there");
        String::from_utf8(bytes).expect("it is text")
    }

    #[test]
    fn rows_are_appended_as_lines_of_json() {
        let storage = MemoryStorage::new();
        storage.put("/d/bad", b"{}\n");
        let dead = open(&storage);
        dead.write(&[row(b"a\nb", false), row(b"\xff\x00", true)]).expect("there is room");
        let expected = concat!(
            "{}\n",
            r#"{"source":"in","reason":"no \"fit\"","text":"a\nb"}"#,
            "\n",
            r#"{"source":"in","reason":"no \"fit\"","base64":"/wA=","cut":true}"#,
            "\n"
        );
        assert_eq!(content(&storage), expected);
    }

    #[test]
    fn the_file_never_grows_past_its_bound() {
        let storage = MemoryStorage::new();
        storage.put("/d/bad", b"012345678\n");
        let dead = DeadLetter { bytes_max: 120, ..open(&storage) };
        dead.write(&vec![row(b"x", false); 5]).expect("leaving out is no error");
        assert_eq!(content(&storage).lines().count(), 3);
        assert!(content(&storage).len() <= 120);
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v")] {
            assert_eq!(base64(bytes), text);
        }
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
    }
}
