//! Ingest: the source that reads files of a folder; a batch is given ranges of them.
//!
//! Takes a folder, or a pattern of folders, and batch times. Gives the ranges of each batch: what
//! was found waits for the next one. Never reads a file: that is a task's work.

mod set;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::file_cut::{charged, range_bytes, ranges};
use super::file_pattern::{Found, list, no_folder};
use super::file_rules::{FileRules, is_visible};
use super::{IngestError, ReceiverEvent};
use crate::limits::{FILE_LATE_LINES_MAX, FILE_RANGE_BYTES_PACED, FILE_RANGES_PER_BATCH_MAX};
use crate::model::id::SourceId;
use crate::model::source::{SourceConnector, SourceDeclaration};
use crate::model::stage::{FileRange, PartitionInput};
use crate::model::time::BatchTime;
use crate::sys::storage::{FileFacts, Storage, absolute};

/// The files of one source.
#[derive(Debug)]
pub struct FileSource {
    id: SourceId,
    folder: PathBuf,
    storage: Arc<dyn Storage>,
    /// What is new; a bounded source and a set of files have none: they read what is there when
    /// they start.
    rules: Option<FileRules>,
    /// Ranges that no batch has been given yet.
    left: VecDeque<FileRange>,
    /// Files found.
    files: u64,
    /// Bytes of a range, and of all ranges of one batch.
    range_bytes: usize,
    batch_bytes_max: u64,
    /// What the source's rate comes to, in bytes of a batch.
    paced_bytes: u64,
    opening: Option<ReceiverEvent>,
    late_lines: usize,
    /// Why the folder cannot be listed, as it was told last.
    unlisted: Option<String>,
}

impl FileSource {
    /// Opens a declared source of files; `None` when it is of another kind. A bounded source and a
    /// set of files look for them now, another one only takes files modified after now. A batch is
    /// given at most so many bytes of it, and as many as its rate comes to where it has one, but
    /// one range at least.
    ///
    /// # Errors
    /// Names the folder, or the path of a set, when there is none.
    pub fn open(
        id: SourceId,
        declared: &SourceDeclaration,
        storage: Arc<dyn Storage>,
        interval: Duration,
        (batch_bytes_max, paced): (u64, Option<u64>),
        now_ms: i64,
    ) -> Result<Option<Self>, IngestError> {
        if declared.connector.reads_files() {
            let wrong = |problem| IngestError::Declaration { name: declared.name.clone(), problem };
            declared.check().map_err(wrong)?;
        }
        let (path, bounded) = match &declared.connector {
            SourceConnector::Files { path, bounded } => (path, bounded),
            SourceConnector::FileSet { path, partitions_min } => {
                return Self::of_set(id, declared, storage, path, *partitions_min).map(Some);
            }
            _ => return Ok(None),
        };
        let failed = |source| IngestError::File { name: declared.name.clone(), source };
        let folder = absolute(path);
        let found = list(&*storage, &folder).map_err(failed)?;
        if found.folders == 0 && *bounded {
            let problem = no_folder(&folder);
            return Err(IngestError::NoFolder { name: declared.name.clone(), problem });
        }
        let mut source = Self {
            id,
            folder,
            storage,
            rules: (!bounded).then(|| FileRules::new(interval, now_ms)),
            left: VecDeque::new(),
            files: 0,
            // A batch that is given few bytes, as its source has a rate, is given small ranges.
            range_bytes: range_bytes(
                declared,
                paced.map_or(usize::MAX, |_| FILE_RANGE_BYTES_PACED),
            ),
            batch_bytes_max,
            paced_bytes: paced.unwrap_or(u64::MAX),
            opening: None,
            late_lines: 0,
            unlisted: None,
        };
        source.begin(found, now_ms);
        Ok(Some(source))
    }

    fn begin(&mut self, found: Found, now_ms: i64) {
        let folder = self.folder.display();
        let told = match &mut self.rules {
            Some(rules) if found.folders > 0 => {
                let older = rules.late(BatchTime(now_ms), &found.files).len();
                let ignored = match older {
                    0 => String::new(),
                    older => format!("; older files in it, which `bounded = true` reads: {older}"),
                };
                Some((format!("watches `{folder}` for new files{ignored}"), false))
            }
            Some(_) => Some((format!("{}, or wait for one", no_folder(&self.folder)), true)),
            None if !found.files.iter().any(|file| is_visible(&file.path)) => {
                let unread = "names that begin with a dot and folders in it are not read";
                Some((format!("no file to read in `{folder}`; {unread}"), true))
            }
            None => None,
        };
        self.opening = told.map(|(message, warning)| ReceiverEvent::Told { message, warning });
        if self.rules.is_none() {
            let files = found.files.iter().filter(|file| is_visible(&file.path));
            files.for_each(|file| self.cut(file));
        }
    }

    /// What a person should know of the folder as it was at the start. It is told once.
    pub fn opening(&mut self) -> Option<ReceiverEvent> {
        self.opening.take()
    }

    /// Looks for files that are new at that time, and keeps their ranges for the next batch. It is
    /// asked at every tick, in the order of time: a file that is not looked for grows too old.
    /// Gives what a person should know: a folder that cannot be listed has no new files until it
    /// can be; files that came are too old to be read. Files have the system's time, which may be
    /// behind the batch's where it was set back.
    pub fn look(&mut self, time: BatchTime, now_ms: i64) -> Vec<ReceiverEvent> {
        let Some(rules) = &mut self.rules else { return Vec::new() };
        let time = BatchTime(time.0.min(now_ms));
        match list(&*self.storage, &self.folder) {
            Ok(found) => {
                rules.turn_to(time);
                let late = rules.late(time, &found.files);
                let new = rules.select(time, found.files);
                new.iter().for_each(|file| self.cut(file));
                self.listed().into_iter().chain(self.late(&late)).collect()
            }
            Err(error) => self.unlisted(error.to_string()).into_iter().collect(),
        }
    }

    /// A line about a folder that cannot be listed, where that is news.
    fn unlisted(&mut self, message: String) -> Option<ReceiverEvent> {
        if self.unlisted.as_ref() == Some(&message) {
            return None;
        }
        self.unlisted = Some(message.clone());
        Some(ReceiverEvent::Told { message, warning: true })
    }

    /// A line about a folder that can be listed again.
    fn listed(&mut self) -> Option<ReceiverEvent> {
        self.unlisted.take()?;
        let message = format!("`{}` can be listed again", self.folder.display());
        Some(ReceiverEvent::Told { message, warning: false })
    }

    /// Gives further batches at most so many bytes, but one range at least.
    pub fn pace(&mut self, bytes: u64) {
        self.paced_bytes = bytes;
    }

    /// What the next batch reads, in the order of names.
    pub fn take(&mut self) -> Vec<PartitionInput> {
        let (mut bytes, bytes_max) = (0, self.batch_bytes_max.min(self.paced_bytes));
        let fits = |range: &&FileRange| {
            bytes += charged(range);
            bytes <= bytes_max
        };
        let fitting = self.left.iter().take(FILE_RANGES_PER_BATCH_MAX).take_while(fits).count();
        let taken = fitting.max(1).min(self.left.len());
        self.left.drain(..taken).map(PartitionInput::FileRange).collect()
    }

    /// Whether files wait for a batch.
    pub fn has_more(&self) -> bool {
        !self.left.is_empty()
    }

    /// Whether nothing comes any more.
    pub fn has_ended(&self) -> bool {
        self.rules.is_none() && self.left.is_empty()
    }

    /// A line about files that came too old, as long as there were not too many such lines.
    fn late(&mut self, late: &[PathBuf]) -> Option<ReceiverEvent> {
        let (first, more) = late.split_first()?;
        if self.late_lines == FILE_LATE_LINES_MAX {
            return None;
        }
        self.late_lines += 1;
        let more = match more.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let last = self.late_lines == FILE_LATE_LINES_MAX;
        let last = if last { "; of further such files nothing is said" } else { "" };
        let message = format!(
            "`{}`{more} came too old to be read: modified before the start, or long before they \
             were seen; `touch` has them read{last}",
            first.display()
        );
        Some(ReceiverEvent::Told { message, warning: true })
    }

    fn cut(&mut self, file: &FileFacts) {
        self.left.extend(ranges(self.id, self.files, file, self.range_bytes));
        self.files += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::ingest::test_rig::lines_source;
    use crate::limits::{BLOCK_BYTES_MAX, FILE_RANGE_COLUMNS_BYTES_MAX};
    use crate::model::column_type::ColumnType;
    use crate::model::policy::OnBadRow;
    use crate::model::schema::{Column, StreamSchema};
    use crate::model::source::Format;
    use crate::sys::storage_memory::MemoryStorage;

    /// The most bytes of a batch, which has no rate.
    const SHARES: (u64, Option<u64>) = (4 * BLOCK_BYTES_MAX as u64, None);

    fn open(storage: &MemoryStorage, path: &str, bounded: bool) -> Result<FileSource, IngestError> {
        let connector = SourceConnector::Files { path: path.into(), bounded };
        open_declared(storage, &lines_source(connector, OnBadRow::Skip))
    }

    fn open_declared(
        storage: &MemoryStorage,
        declared: &SourceDeclaration,
    ) -> Result<FileSource, IngestError> {
        let (storage, second) = (Arc::new(storage.clone()), Duration::from_secs(1));
        let source = FileSource::open(SourceId(0), declared, storage, second, SHARES, 1_000);
        source.map(|source| source.expect("it is a source of files"))
    }

    /// What a batch of that time reads, and what is told of it.
    fn select(source: &mut FileSource, time_ms: i64) -> (Vec<String>, Vec<String>) {
        let told = source.look(BatchTime(time_ms), time_ms).into_iter().map(|event| match event {
            ReceiverEvent::Told { message, .. } => message,
            other => unreachable!("{other:?}"),
        });
        let told = told.collect();
        (ranges(&source.take()), told)
    }

    fn ranges(taken: &[PartitionInput]) -> Vec<String> {
        let range = |input: &PartitionInput| match input {
            PartitionInput::FileRange(FileRange { path, start, end, .. }) => {
                format!("{} {start}..{end}", path.display())
            }
            _ => unreachable!("files are read in ranges"),
        };
        taken.iter().map(range).collect()
    }

    #[test]
    fn a_bounded_source_reads_what_is_there_once() {
        let storage = MemoryStorage::new();
        storage.put("/in/b", &vec![b'\n'; BLOCK_BYTES_MAX + 1]);
        storage.put("/in/a", b"a\n");
        storage.put("/in/.hidden", b"x\n");
        storage.put("/in/empty", b"");
        let mut source = open(&storage, "/in", true).expect("the folder is there");
        storage.put("/in/later", b"x\n");
        let whole = BLOCK_BYTES_MAX;
        let expected =
            ["/in/a 0..2", &format!("/in/b 0..{whole}"), &format!("/in/b {whole}..{}", whole + 1)];
        assert!(!source.has_ended());
        assert_eq!(select(&mut source, 2_000).0, expected);
        assert!(source.has_ended());
        assert_eq!(select(&mut source, 3_000), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_batch_is_given_new_files_only() {
        let storage = MemoryStorage::new();
        storage.put("/in/old", b"x\n");
        let mut source = open(&storage, "/in", false).expect("the folder is there");
        storage.set_now_ms(1_500);
        storage.put("/in/new", b"x\n");
        assert_eq!(select(&mut source, 2_000).0, ["/in/new 0..2"]);
        assert_eq!(select(&mut source, 3_000), (Vec::new(), Vec::new()));
        assert!(!source.has_ended());
    }

    /// The story: while a slow job's queue was full nobody looked for files, and those that came
    /// then had grown too old when it had room again.
    #[test]
    fn what_was_found_waits_for_its_batch_however_long() {
        let storage = MemoryStorage::new();
        storage.put("/in/old", b"x\n");
        let mut source = open(&storage, "/in", false).expect("the folder is there");
        storage.set_now_ms(1_500);
        storage.put("/in/new", b"x\n");
        for tick in 2..500 {
            assert_eq!(source.look(BatchTime(tick * 1_000), i64::MAX), []);
        }
        assert_eq!(ranges(&source.take()), ["/in/new 0..2"]);
        assert_eq!(select(&mut source, 500_000), (Vec::new(), Vec::new()), "and is read once");
    }

    #[test]
    fn a_name_that_is_used_again_is_another_file() {
        let storage = MemoryStorage::new();
        storage.put("/in/old", b"x\n");
        let mut source = open(&storage, "/in", false).expect("the folder is there");
        let mut numbers = Vec::new();
        for time_ms in [2_000, 100_000] {
            storage.set_now_ms(time_ms);
            storage.put("/in/same", b"x\n");
            source.look(BatchTime(time_ms), time_ms);
            numbers.extend(source.take().into_iter().map(|input| match input {
                PartitionInput::FileRange(range) => range.file,
                _ => unreachable!("files are read in ranges"),
            }));
        }
        assert_eq!(numbers, [0, 1]);
    }

    #[test]
    fn too_many_ranges_come_in_later_batches() {
        let storage = MemoryStorage::new();
        let all = FILE_RANGES_PER_BATCH_MAX + 10;
        (0..all).for_each(|n| storage.put(format!("/in/{n}"), b"x\n"));
        let mut source = open(&storage, "/in", true).expect("the folder is there");
        assert_eq!((source.take().len(), source.has_more()), (FILE_RANGES_PER_BATCH_MAX, true));
        assert!(!source.has_ended());
        assert_eq!((source.take().len(), source.has_more()), (10, false));
        assert!(source.has_ended());
    }

    /// The story: a batch was given 64 GiB of files, and where its rows go to a sink as they are,
    /// all of them were to be held at once.
    #[test]
    fn a_batch_is_given_no_more_bytes_than_the_budget() {
        let storage = MemoryStorage::new();
        storage.put("/in/a", &vec![b'\n'; BLOCK_BYTES_MAX * 5]);
        storage.put("/in/b", b"x\n");
        let mut source = open(&storage, "/in", true).expect("the folder is there");
        assert_eq!((source.take().len(), source.has_ended()), (4, false));
        assert_eq!((source.take().len(), source.has_ended()), (2, true));
        let mut source = open(&storage, "/in", true).expect("the folder is there");
        source.batch_bytes_max = 1;
        let all = std::iter::from_fn(|| Some(source.take().len()).filter(|taken| *taken > 0));
        assert_eq!(all.collect::<Vec<_>>(), [1; 6], "one range at least");
    }

    #[test]
    fn ranges_of_wide_rows_are_small() {
        let storage = MemoryStorage::new();
        storage.put("/in/a", &b"{}\n".repeat(200_000));
        let connector = SourceConnector::Files { path: "/in".into(), bounded: true };
        let column = |number| Column::new(format!("c{number}"), ColumnType::Int64).nullable();
        let declared = SourceDeclaration {
            format: Format::Json,
            schema: StreamSchema::new((0..1_000).map(column).collect()),
            ..lines_source(connector, OnBadRow::Skip)
        };
        let mut source = open_declared(&storage, &declared).expect("the folder is there");
        for input in source.take() {
            let PartitionInput::FileRange(range) = input else { unreachable!("{input:?}") };
            let rows = (range.end - range.start) / 3;
            assert!(rows * 1_000 * 9 <= FILE_RANGE_COLUMNS_BYTES_MAX as u64, "{range:?}");
        }
    }

    #[test]
    fn a_missing_folder_is_an_error_at_the_start_and_a_warning_later() {
        let storage = MemoryStorage::new();
        let error = open(&storage, "/in", false).expect_err("there is none").to_string();
        assert_eq!(error, "source `lines` cannot be read: cannot list `/in`: it does not exist");
        storage.put("/in/old", b"x\n");
        let mut source = open(&storage, "/in", false).expect("the folder is there");
        storage.remove(Path::new("/in")).expect("it goes");
        let (ranges, told) = select(&mut source, 2_000);
        assert_eq!(told, ["cannot list `/in`: it does not exist"]);
        assert_eq!((ranges.len(), source.has_ended()), (0, false));
        // A batch every few milliseconds told the same each time.
        assert_eq!(select(&mut source, 3_000), (Vec::new(), Vec::new()));
        storage.set_now_ms(3_500);
        storage.put("/in/new", b"x\n");
        let (ranges, told) = select(&mut source, 4_000);
        assert_eq!((ranges[0].as_str(), ranges.len()), ("/in/new 0..2", 1));
        assert_eq!(told, ["`/in` can be listed again"]);
        assert_eq!(select(&mut source, 5_000), (Vec::new(), Vec::new()));
        storage.remove(Path::new("/in")).expect("it goes");
        assert_eq!(select(&mut source, 6_000).1.len(), 1, "it is told again");
    }

    #[test]
    fn a_pattern_names_folders() {
        let storage = MemoryStorage::new();
        for file in ["/logs/a-1/in/x", "/logs/a-2/in/y", "/logs/b-1/in/z", "/logs/a-1/out/w"] {
            storage.put(file, b"x\n");
        }
        let mut source = open(&storage, "/logs/a-?/i*", true).expect("folders are there");
        let expected = ["/logs/a-1/in/x 0..2", "/logs/a-2/in/y 0..2"];
        assert_eq!(select(&mut source, 2_000).0, expected);
    }

    /// The story: one folder without the rest of the pattern below it kept all others from being
    /// read, and the next start was refused.
    #[test]
    fn a_folder_without_the_rest_of_a_pattern_is_passed_over() {
        let storage = MemoryStorage::new();
        storage.put("/in/a/app/1", b"x\n");
        storage.put("/in/unrelated/else", b"x\n");
        let mut source = open(&storage, "/in/*/app", true).expect("there is one");
        assert_eq!(select(&mut source, 0).0, ["/in/a/app/1 0..2"]);
    }

    #[test]
    fn a_pattern_of_files_names_no_folder() {
        // It read nothing, ended well and said nothing.
        let storage = MemoryStorage::new();
        storage.put("/logs/part-1", b"x\n");
        let expected = "no folder matches `/logs/part-*`; `*` and `?` stand for folders, of which \
                        every file is read: name the folder `/logs`";
        let error = open(&storage, "/logs/part-*", true).expect_err("there is none").to_string();
        assert_eq!(error, format!("source `lines` cannot be read: {expected}"));
        let opening = open(&storage, "/logs/part-*", false).expect("it waits").opening();
        let message = format!("{expected}, or wait for one");
        assert_eq!(opening, Some(ReceiverEvent::Told { message, warning: true }));
    }

    #[test]
    fn what_is_not_read_is_told() {
        let storage = MemoryStorage::new();
        storage.put("/in/.hidden", b"x\n");
        let told = |source: &mut FileSource| match source.opening() {
            Some(ReceiverEvent::Told { message, warning }) => (message, warning),
            other => unreachable!("{other:?}"),
        };
        let mut bounded = open(&storage, "/in", true).expect("the folder is there");
        let message = "no file to read in `/in`; names that begin with a dot and folders in it \
                       are not read";
        assert_eq!(told(&mut bounded), (message.to_owned(), true));
        storage.put("/in/a", b"x\n");
        storage.put("/in/b", b"x\n");
        let mut bounded = open(&storage, "/in", true).expect("the folder is there");
        assert_eq!(bounded.opening(), None);
        let mut watching = open(&storage, "/in", false).expect("the folder is there");
        let message =
            "watches `/in` for new files; older files in it, which `bounded = true` reads: 2";
        assert_eq!(told(&mut watching), (message.to_owned(), false));
        let mut lines = Vec::new();
        for batch in 2..40_i64 {
            storage.put(format!("/in/late-{batch}"), b"x\n");
            lines.extend(select(&mut watching, batch * 1_000).1);
        }
        assert_eq!(lines.len(), FILE_LATE_LINES_MAX);
        assert!(lines[0].starts_with("`/in/late-2` came too old to be read: "), "{}", lines[0]);
        assert!(lines.last().is_some_and(|line| line.ends_with("nothing is said")), "{lines:?}");
    }
}
