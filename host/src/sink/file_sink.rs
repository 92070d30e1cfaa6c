//! Sink: batches as folders of files, whole or not at all.
//!
//! Takes a batch. Gives a folder `prefix-<T>` with a file per partition, written aside, synced and
//! then renamed. Never leaves half a folder behind, and never touches one that it did not write.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::part_file::PartFile;
use super::{Sink, SinkError};
use crate::model::time::BatchTime;
use crate::sys::entropy::Entropy;
use crate::sys::storage::{Storage, StorageError, absolute};

/// Writes batches to folders.
#[derive(Debug)]
pub struct FileSink {
    name: String,
    /// The folder that holds the batches' folders, and what their names begin with.
    parent: PathBuf,
    prefix: OsString,
    empty_batches: bool,
    part: PartFile,
    storage: Arc<dyn Storage>,
    /// Told from every other run in the names of hidden folders: another process may have the same
    /// prefix, and be writing.
    run: u64,
    /// The batch whose folder it made last. Batches come in order: no earlier one comes again.
    shown: Option<BatchTime>,
}

impl FileSink {
    /// Writes to `prefix-<T>`, for empty batches only if asked. The folder that holds those
    /// folders is made now.
    ///
    /// # Errors
    /// When that folder cannot be made, or the prefix names none, or the suffix is no part of a
    /// name.
    pub fn open(
        name: String,
        prefix: &Path,
        empty_batches: bool,
        part: PartFile,
        storage: Arc<dyn Storage>,
        entropy: &dyn Entropy,
    ) -> Result<Self, SinkError> {
        let Some(named) = prefix.file_name() else {
            return Err(SinkError::Prefix { sink: name, prefix: prefix.to_owned() });
        };
        if let Some(suffix) = part.suffix().filter(|suffix| suffix.contains(['/', '\\', '\0'])) {
            return Err(SinkError::Suffix { sink: name, suffix: suffix.to_owned() });
        }
        let parent = match prefix.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let made = storage.create_folder(&parent);
        made.map_err(|source| SinkError::Write { sink: name.clone(), source })?;
        let (prefix, run) = (named.to_owned(), entropy.next_u64());
        Ok(Self { name, parent, prefix, empty_batches, part, storage, run, shown: None })
    }

    fn path(&self, time: BatchTime) -> PathBuf {
        let mut name = self.prefix.clone();
        name.push(format!("-{}", time.0));
        if let Some(suffix) = self.part.suffix() {
            name.push(format!(".{suffix}"));
        }
        self.parent.join(name)
    }

    /// The batch of a folder, if its name is one of this sink's.
    fn time_of(&self, folder: &Path) -> Option<BatchTime> {
        let name = folder.file_name()?.to_str()?;
        let time = name.strip_prefix(self.prefix.to_str()?)?.strip_prefix('-')?;
        let time = BatchTime(time.split('.').next()?.parse().ok()?);
        (self.path(time).file_name() == folder.file_name()).then_some(time)
    }

    /// A folder of this run that nobody is to see.
    fn hidden_path(&self, time: BatchTime, what: &str) -> PathBuf {
        let mut name = OsString::from(".");
        name.push(&self.prefix);
        name.push(format!("-{}.{:016x}.{what}", time.0, self.run));
        self.parent.join(name)
    }

    fn write(&mut self, time: BatchTime, partitions: &[Vec<RecordBatch>]) -> Result<(), SinkError> {
        let name = self.name.clone();
        let failed = |source| SinkError::Write { sink: name.clone(), source };
        let (shown, aside) = (self.path(time), self.hidden_path(time, "tmp"));
        let replaces = self.storage.exists(&shown).map_err(failed)?;
        if replaces && self.shown != Some(time) {
            return Err(SinkError::Exists { sink: name, folder: absolute(&shown) });
        }
        // What a failure may have left there.
        self.storage.remove(&aside).map_err(failed)?;
        let written = self.write_aside(&aside, partitions);
        let written = written.and_then(|()| self.show(time, &aside, replaces));
        if written.is_err() {
            // The first error is the one to tell.
            let _ = self.storage.remove(&aside);
        }
        written.map_err(failed)
    }

    fn write_aside(
        &self,
        aside: &Path,
        partitions: &[Vec<RecordBatch>],
    ) -> Result<(), StorageError> {
        self.storage.create_folder(aside)?;
        for (index, slices) in partitions.iter().enumerate() {
            let path = aside.join(self.part.name(index));
            let mut file = self.storage.create(&path)?;
            self.part.write(&mut *file, &path, slices)?;
            file.sync()?;
        }
        self.storage.sync_folder(aside)
    }

    /// Gives the folder its name. What stood there goes only when the new one has taken its place.
    fn show(&mut self, time: BatchTime, aside: &Path, replaces: bool) -> Result<(), StorageError> {
        let (shown, before) = (self.path(time), self.hidden_path(time, "old"));
        self.storage.remove(&before)?;
        if replaces {
            self.storage.rename(&shown, &before)?;
        }
        if let Err(error) = self.storage.rename(aside, &shown) {
            if replaces {
                // The first error is the one to tell.
                let _ = self.storage.rename(&before, &shown);
            }
            return Err(error);
        }
        self.shown = Some(time);
        self.storage.sync_folder(&self.parent)?;
        self.storage.remove(&before)
    }
}

impl Sink for FileSink {
    fn publish(
        &mut self,
        time: BatchTime,
        partitions: &[Vec<RecordBatch>],
    ) -> Result<(), SinkError> {
        let empty = partitions.iter().flatten().all(|slice| slice.num_rows() == 0);
        if empty && !self.empty_batches {
            return Ok(());
        }
        self.write(time, partitions)
    }

    fn newest(&self) -> Result<Option<BatchTime>, SinkError> {
        let listing = self.storage.list(&self.parent);
        let listing =
            listing.map_err(|source| SinkError::Write { sink: self.name.clone(), source })?;
        let times = listing.folders.iter().filter_map(|folder| self.time_of(folder));
        Ok(times.max())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::ErrorKind;

    use arrow_array::{ArrayRef, Int64Array, StringArray};

    use super::*;
    use crate::model::sink::{FileForm, FileFormat};
    use crate::sys::entropy::SeededEntropy;
    use crate::sys::storage_memory::MemoryStorage;

    fn open(storage: &MemoryStorage, prefix: &str) -> Result<FileSink, SinkError> {
        open_with(storage, prefix, FileForm::default())
    }

    fn open_with(
        storage: &MemoryStorage,
        prefix: &str,
        form: FileForm,
    ) -> Result<FileSink, SinkError> {
        let (prefix, storage) = (Path::new(prefix), Arc::new(storage.clone()));
        let part = PartFile::new(form, slice(&[]).schema());
        FileSink::open("out".to_owned(), prefix, false, part, storage, &SeededEntropy::new(0))
    }

    fn sink(storage: &MemoryStorage, prefix: &str, empty_batches: bool) -> FileSink {
        let sink = open(storage, prefix).expect("its folder can be made");
        FileSink { empty_batches, ..sink }
    }

    fn slice(rows: &[(&str, Option<i64>)]) -> RecordBatch {
        let words = StringArray::from_iter_values(rows.iter().map(|(word, _)| word));
        let counts = Int64Array::from_iter(rows.iter().map(|(_, count)| *count));
        let columns: [(&str, ArrayRef); 2] = [("word", Arc::new(words)), ("n", Arc::new(counts))];
        RecordBatch::try_from_iter(columns).expect("columns of equal length")
    }

    fn texts(storage: &MemoryStorage) -> BTreeMap<String, String> {
        let text = |bytes| String::from_utf8(bytes).expect("it is text");
        let files = storage.files().into_iter();
        files.map(|(path, bytes)| (path.display().to_string(), text(bytes))).collect()
    }

    #[test]
    fn a_batch_is_a_folder_with_a_file_per_partition() {
        let storage = MemoryStorage::new();
        let mut sink = sink(&storage, "/out/counts", false);
        let first = vec![slice(&[("a", Some(1))]), slice(&[("b\n", None)])];
        sink.publish(BatchTime(2_000), &[first, vec![]]).expect("there is room");
        let expected = [
            (
                "/out/counts-2000/part-00000.jsonl".to_owned(),
                "{\"word\":\"a\",\"n\":1}\n{\"word\":\"b\\n\",\"n\":null}\n".to_owned(),
            ),
            ("/out/counts-2000/part-00001.jsonl".to_owned(), String::new()),
        ];
        assert_eq!(texts(&storage), BTreeMap::from(expected));
    }

    #[test]
    fn the_newest_folder_of_earlier_runs_is_found_by_its_name() {
        let storage = MemoryStorage::new();
        assert_eq!(sink(&storage, "/out/counts", false).newest().expect("it looks"), None);
        for folder in
            ["counts-5", "counts-12", "counts-x", "counts-99.old", "count-77", ".counts-88.1.tmp"]
        {
            storage.create_folder(&Path::new("/out").join(folder)).expect("there is room");
        }
        storage.put("/out/counts-100", b"a file");
        let newest = sink(&storage, "/out/counts", false).newest().expect("it looks");
        assert_eq!(newest, Some(BatchTime(12)));
    }

    #[test]
    fn a_suffix_follows_the_time_as_in_spark() {
        let storage = MemoryStorage::new();
        let form = |suffix: &str| FileForm {
            format: FileFormat::Csv,
            suffix: Some(suffix.to_owned()),
            ..FileForm::default()
        };
        let mut sink = open_with(&storage, "/out/counts", form("old")).expect("it can be made");
        sink.publish(BatchTime(1), &[vec![slice(&[("a", None)])], vec![]]).expect("there is room");
        let expected = [
            ("/out/counts-1.old/part-00000.csv".to_owned(), "word,n\na,\n".to_owned()),
            ("/out/counts-1.old/part-00001.csv".to_owned(), "word,n\n".to_owned()),
        ];
        assert_eq!(texts(&storage), BTreeMap::from(expected));
        let error = open_with(&storage, "/out/counts", form("a/b")).expect_err("it is a path");
        let expected = "sink `out` has suffix `a/b`, expected one without separators of paths";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn an_empty_batch_makes_a_folder_only_if_asked() {
        let storage = MemoryStorage::new();
        let publish = |empty_batches| {
            let mut sink = sink(&storage, "/out/counts", empty_batches);
            sink.publish(BatchTime(1), &[vec![slice(&[])]]).expect("there is room");
            texts(&storage)
        };
        assert_eq!(publish(false), BTreeMap::new());
        assert_eq!(
            publish(true).into_keys().collect::<Vec<_>>(),
            ["/out/counts-1/part-00000.jsonl"]
        );
    }

    #[test]
    fn publishing_a_batch_again_replaces_it() {
        let storage = MemoryStorage::new();
        let mut sink = sink(&storage, "/out/counts", false);
        let two = [vec![slice(&[("a", Some(1))])], vec![slice(&[("b", Some(1))])]];
        sink.publish(BatchTime(1), &two).expect("there is room");
        sink.publish(BatchTime(1), &two[1..]).expect("there is room");
        let expected = BTreeMap::from([(
            "/out/counts-1/part-00000.jsonl".to_owned(),
            "{\"word\":\"b\",\"n\":1}\n".to_owned(),
        )]);
        assert_eq!(texts(&storage), expected);
    }

    /// The story: two processes had sinks of one prefix. Each took the folder that the other one
    /// was writing to for what a killed process had left, and removed it.
    #[test]
    fn a_hidden_folder_of_another_run_is_left_alone() {
        let storage = MemoryStorage::new();
        let mut other = FileSink { run: 1, ..sink(&storage, "/out/counts", false) };
        let aside = other.hidden_path(BatchTime(1), "tmp");
        assert_eq!(aside, Path::new("/out/.counts-1.0000000000000001.tmp"));
        storage.put(aside.join("part-00000.jsonl"), b"half");
        let before = texts(&storage);
        let mut sink = sink(&storage, "/out/counts", false);
        let one = [vec![slice(&[("a", Some(1))])]];
        sink.publish(BatchTime(1), &one).expect("there is room");
        sink.publish(BatchTime(1), &one).expect("there is room");
        let mut after = texts(&storage);
        assert!(after.remove("/out/counts-1/part-00000.jsonl").is_some());
        assert_eq!(after, before);
        other.publish(BatchTime(2), &one).expect("there is room");
    }

    #[test]
    fn a_folder_of_another_run_is_left_as_it_is() {
        // Two runs within one interval had the same batch time, and the first one's rows were lost.
        let storage = MemoryStorage::new();
        let one = [vec![slice(&[("a", Some(1))])]];
        sink(&storage, "/out/counts", false).publish(BatchTime(1), &one).expect("there is room");
        let before = texts(&storage);
        let mut second = sink(&storage, "/out/counts", false);
        let error = second.publish(BatchTime(1), &[]).map(|()| second.publish(BatchTime(1), &one));
        let error = error.expect("nothing is written for an empty batch").expect_err("it is there");
        let expected = "sink `out` does not replace `/out/counts-1`, which another run or sink \
                        wrote: set another `path` or `prefix`, or remove that folder";
        assert_eq!((error.to_string().as_str(), texts(&storage)), (expected, before));
        second.publish(BatchTime(2), &one).expect("another batch has another folder");
    }

    #[test]
    fn a_full_disk_leaves_the_batch_whole_or_absent() {
        let partitions = [vec![slice(&[("a", Some(1))])], vec![slice(&[("b", Some(2))])]];
        let mut failures = 0;
        for replaces in [false, true] {
            for changes in 1.. {
                let storage = MemoryStorage::new();
                let mut sink = sink(&storage, "/out/counts", false);
                if replaces {
                    sink.publish(BatchTime(1), &partitions[..1]).expect("there is room");
                }
                let before = texts(&storage);
                storage.fail_after(changes, ErrorKind::StorageFull);
                let published = sink.publish(BatchTime(1), &partitions);
                storage.repair();
                let Err(error) = published else {
                    assert_eq!(texts(&storage).len(), 2);
                    break;
                };
                failures += 1;
                let error = error.to_string();
                assert!(error.starts_with("sink `out` cannot write: cannot "), "{error}");
                assert!(error.contains("/out") && error.contains("no space left"), "{error}");
                let after = texts(&storage);
                let hidden = |path: &&String| path.contains("/.");
                let shown: Vec<_> = after.keys().filter(|path| !hidden(path)).collect();
                // Once renamed, only the sync of the parent can fail: the batch is whole then.
                let untouched = after == before;
                assert!(untouched || shown.len() != 1, "after {changes} changes: {after:?}");
                sink.publish(BatchTime(1), &partitions).expect("there is room again");
                assert_eq!(texts(&storage).len(), 2, "nothing else is left");
            }
        }
        assert!(failures > 10, "every change was made to fail");
    }

    #[test]
    fn a_prefix_must_name_something() {
        let error = open(&MemoryStorage::new(), "/");
        let expected = "sink `out` has prefix `/`, expected one that ends in a name";
        assert_eq!(error.expect_err("there is no name").to_string(), expected);
    }

    #[test]
    fn a_folder_that_may_not_be_written_is_named() {
        let storage = MemoryStorage::new();
        storage.fail_after(0, ErrorKind::PermissionDenied);
        let opened = open(&storage, "/no/counts");
        let expected = "sink `out` cannot write: cannot create folder `/no`: permission denied";
        assert_eq!(opened.expect_err("it is refused").to_string(), expected);
    }
}
