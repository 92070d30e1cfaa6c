//! Sink: a partition as a file of some format.
//!
//! Takes slices. Gives a file whose rows are those of the slices, in their order. Never leaves a
//! file without what its format needs at its beginning or end, be it without a row.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{ArrowError, SchemaRef};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::csv_lines::{csv_header, csv_lines};
use super::element::write_element;
use super::json_lines::json_lines;
use crate::model::sink::{FileForm, FileFormat};
use crate::sys::storage::{StorageError, StoredFile};
use crate::sys::stored_reader::storage_error;

/// Bytes that are gathered before they are written: formats write in small pieces.
const BUFFER_BYTES: usize = 256 * 1024;

/// Writes partitions.
#[derive(Debug, Clone)]
pub struct PartFile {
    form: FileForm,
    schema: SchemaRef,
}

impl PartFile {
    /// Files of that form, for rows of that schema.
    pub fn new(form: FileForm, schema: SchemaRef) -> Self {
        Self { form, schema }
    }

    /// What follows the batch time in the name of the folder.
    pub fn suffix(&self) -> Option<&str> {
        self.form.suffix.as_deref()
    }

    /// The file's name for that partition.
    pub fn name(&self, partition: usize) -> String {
        let ending = match self.form.format {
            FileFormat::Json => ".jsonl",
            FileFormat::Csv => ".csv",
            // As Spark names them.
            FileFormat::Text => "",
            FileFormat::Arrow => ".arrow",
        };
        let packed = if self.form.gzip { ".gz" } else { "" };
        format!("part-{partition:05}{ending}{packed}")
    }

    /// Writes a partition to a file, which is at that path.
    ///
    /// # Errors
    /// When the file does not take all of it.
    pub fn write(
        &self,
        file: &mut dyn StoredFile,
        path: &Path,
        slices: &[RecordBatch],
    ) -> Result<(), StorageError> {
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, Writing(file));
        let written = match self.form.gzip {
            false => self.rows(&mut file, slices),
            true => {
                let mut packed = GzEncoder::new(&mut file, Compression::default());
                self.rows(&mut packed, slices).and_then(|()| packed.try_finish())
            }
        };
        written.and_then(|()| file.flush()).map_err(|error| {
            let other = |source| StorageError { action: "write", path: path.to_owned(), source };
            storage_error(error).unwrap_or_else(other)
        })
    }

    fn rows(&self, to: &mut dyn Write, slices: &[RecordBatch]) -> io::Result<()> {
        match self.form.format {
            FileFormat::Json => {
                slices.iter().try_for_each(|slice| to.write_all(&json_lines(slice)))
            }
            FileFormat::Csv => {
                to.write_all(&csv_header(&self.schema))?;
                slices.iter().try_for_each(|slice| to.write_all(&csv_lines(slice)))
            }
            FileFormat::Text => slices.iter().try_for_each(|slice| to.write_all(&texts(slice))),
            FileFormat::Arrow => self.arrow(to, slices).map_err(|error| match error {
                ArrowError::IoError(_, error) => error,
                error => io::Error::other(error),
            }),
        }
    }

    fn arrow(&self, to: &mut dyn Write, slices: &[RecordBatch]) -> Result<(), ArrowError> {
        let options = IpcWriteOptions::default();
        let options = options.try_with_compression(Some(CompressionType::LZ4_FRAME))?;
        let mut file = FileWriter::try_new_with_options(to, &self.schema, options)?;
        slices.iter().try_for_each(|slice| file.write(slice))?;
        file.finish()
    }
}

/// Each row as `print` shows it, on a line.
fn texts(slice: &RecordBatch) -> Vec<u8> {
    let mut text = String::new();
    for row in 0..slice.num_rows() {
        write_element(&mut text, slice, row);
        text.push('\n');
    }
    text.into_bytes()
}

/// A stored file as something to write to.
struct Writing<'f>(&'f mut dyn StoredFile);

impl Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray};
    use arrow_ipc::reader::FileReader;
    use flate2::read::GzDecoder;

    use super::*;
    use crate::sys::storage::Storage;
    use crate::sys::storage_memory::MemoryStorage;

    fn slice(words: &[&str]) -> RecordBatch {
        let numbers = Int64Array::from_iter_values(0..words.len() as i64);
        let columns: [(&str, ArrayRef); 2] =
            [("word", Arc::new(StringArray::from(words.to_vec()))), ("n", Arc::new(numbers))];
        RecordBatch::try_from_iter(columns).expect("columns of equal length")
    }

    fn written(format: FileFormat, gzip: bool, slices: &[RecordBatch]) -> (String, Vec<u8>) {
        let storage = MemoryStorage::new();
        let form = FileForm { format, gzip, suffix: None };
        let part = PartFile::new(form, slice(&[]).schema());
        let path = Path::new("/part");
        storage.put("/old", b"");
        let mut file = storage.create(path).expect("there is room");
        part.write(&mut *file, path, slices).expect("there is room");
        (part.name(12), storage.files().remove(path).expect("it is written"))
    }

    #[test]
    fn rows_are_written_in_every_format() {
        let slices = [slice(&["a,b"]), slice(&["c", "d\n"])];
        for (format, gzip, name, expected) in [
            (FileFormat::Json, false, "part-00012.jsonl", r#"{"word":"a,b","n":0}"#),
            (FileFormat::Csv, false, "part-00012.csv", "word,n"),
            (FileFormat::Csv, true, "part-00012.csv.gz", "word,n"),
            (FileFormat::Text, false, "part-00012", "(a,b,0)"),
            (FileFormat::Text, true, "part-00012.gz", "(a,b,0)"),
        ] {
            let (found, mut bytes) = written(format, gzip, &slices);
            if gzip {
                let packed = std::mem::take(&mut bytes);
                GzDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("it is packed");
            }
            let text = String::from_utf8(bytes).expect("it is text");
            assert_eq!((found.as_str(), text.lines().next()), (name, Some(expected)));
        }
        let (_, text) = written(FileFormat::Text, false, &slices);
        assert_eq!(String::from_utf8_lossy(&text), "(a,b,0)\n(c,0)\n(d\\n,1)\n");
    }

    #[test]
    fn arrow_files_are_read_again() {
        let slices = [slice(&["a,b"]), slice(&["c", "d\n"])];
        for slices in [&slices[..], &[]] {
            let (name, bytes) = written(FileFormat::Arrow, false, slices);
            assert_eq!(name, "part-00012.arrow");
            let reader = FileReader::try_new(Cursor::new(bytes), None).expect("it is one");
            assert_eq!(reader.schema(), slice(&[]).schema());
            let read: Vec<RecordBatch> = reader.map(|slice| slice.expect("it is whole")).collect();
            assert_eq!(read, slices);
        }
    }

    #[test]
    fn a_full_disk_is_named_in_every_format() {
        for format in [FileFormat::Json, FileFormat::Csv, FileFormat::Text, FileFormat::Arrow] {
            for gzip in [false, true] {
                let storage = MemoryStorage::new();
                storage.put("/old", b"");
                let path = Path::new("/part");
                let mut file = storage.create(path).expect("there is room");
                storage.fail_after(0, io::ErrorKind::StorageFull);
                let part =
                    PartFile::new(FileForm { format, gzip, suffix: None }, slice(&[]).schema());
                let error = part.write(&mut *file, path, &[slice(&["a"])]).expect_err("it is full");
                assert_eq!(error.to_string(), "cannot write `/part`: no space left on the disk");
            }
        }
    }
}
