//! Ingest: which files of a folder belong to a batch.
//!
//! Takes what a folder holds, and a batch time. Gives the files that are new by Spark's rules.
//! Never looks at a folder itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::limits::FILE_REMEMBER_MIN;
use crate::model::time::{BatchTime, interval_ms};
use crate::sys::storage::FileFacts;

/// Remembers which files were selected, as long as they could be selected again.
#[derive(Debug)]
pub struct FileRules {
    /// Files as old as the source are not new.
    started_ms: i64,
    remember_ms: i64,
    selected: BTreeMap<PathBuf, BatchTime>,
    /// When the folder was last looked at.
    now: BatchTime,
    /// What it held then, and when that was modified: as many names as it has.
    seen: BTreeMap<PathBuf, i64>,
}

impl FileRules {
    /// Rules for batches of that interval, of a source made at that time.
    pub fn new(interval: Duration, started_ms: i64) -> Self {
        let (interval, least) = (interval_ms(interval), interval_ms(FILE_REMEMBER_MIN));
        // One batch more than Spark: a file that was written before a tick and moved into place
        // after it is looked for at the next one, when an interval has passed since.
        let batches = least.div_euclid(interval) + i64::from(least % interval > 0) + 1;
        let remember_ms = interval.saturating_mul(batches);
        let (selected, seen) = (BTreeMap::new(), BTreeMap::new());
        Self { started_ms, remember_ms, selected, now: BatchTime(started_ms), seen }
    }

    /// How far back files are looked at, in milliseconds.
    pub fn remember_ms(&self) -> i64 {
        self.remember_ms
    }

    /// Hears what time it is when the folder is looked at, before anything else is asked. Where it
    /// was set back, files written from now on are new, and those seen before are not: else they
    /// would be read again when their time comes again.
    pub fn turn_to(&mut self, time: BatchTime) {
        if time < self.now {
            let read = self.seen.iter().filter(|(_, modified_ms)| **modified_ms <= self.now.0);
            let read = read.map(|(path, modified_ms)| (path.clone(), BatchTime(*modified_ms)));
            self.selected.extend(read);
            self.started_ms = self.started_ms.min(self.oldest_ms(time));
        }
        self.now = time;
    }

    /// The files of a batch, in the order of the listing.
    pub fn select(&mut self, time: BatchTime, files: Vec<FileFacts>) -> Vec<FileFacts> {
        let (oldest_ms, ignored_ms) = (self.oldest_ms(time), self.ignored_ms(time));
        self.selected.retain(|_, selected| selected.0 >= oldest_ms);
        let is_new = |file: &FileFacts| {
            is_visible(&file.path)
                && file.modified_ms > ignored_ms
                && file.modified_ms <= time.0
                && !self.selected.contains_key(&file.path)
        };
        let new: Vec<FileFacts> = files.into_iter().filter(is_new).collect();
        self.selected.extend(new.iter().map(|file| (file.path.clone(), time)));
        new
    }

    /// The files that came since this was asked last and will not be read: they are too old.
    pub fn late(&mut self, time: BatchTime, files: &[FileFacts]) -> Vec<PathBuf> {
        let ignored_ms = self.ignored_ms(time);
        let visible = || files.iter().filter(|file| is_visible(&file.path));
        let late = visible()
            .filter(|file| file.modified_ms <= ignored_ms && !self.seen.contains_key(&file.path));
        let late = late.map(|file| file.path.clone()).collect();
        self.seen = visible().map(|file| (file.path.clone(), file.modified_ms)).collect();
        late
    }

    fn oldest_ms(&self, time: BatchTime) -> i64 {
        time.0.saturating_sub(self.remember_ms)
    }

    /// Files as old as this, or older, are not read.
    fn ignored_ms(&self, time: BatchTime) -> i64 {
        self.started_ms.max(self.oldest_ms(time))
    }
}

/// Whether a file is read at all: names that begin with a dot are somebody's unfinished work.
pub fn is_visible(file: &Path) -> bool {
    file.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn file(name: &str, modified_ms: i64) -> FileFacts {
        FileFacts { path: Path::new("/in").join(name), bytes: 1, modified_ms }
    }

    fn select(rules: &mut FileRules, time_ms: i64, files: &[FileFacts]) -> Vec<String> {
        let selected = rules.select(BatchTime(time_ms), files.to_vec());
        selected
            .iter()
            .map(|file| file.path.file_name().unwrap_or_default().to_string_lossy().into_owned())
            .collect()
    }

    /// The story: with batches of a minute, a file that was written two seconds before a tick and
    /// renamed into the folder one second after it, as README advises, was never read.
    #[test]
    fn a_file_renamed_after_the_tick_it_was_written_before_is_read() {
        let mut rules = FileRules::new(Duration::from_secs(60), 0);
        assert!(rules.select(BatchTime(60_000), Vec::new()).is_empty());
        let written = FileFacts { path: "in/late".into(), bytes: 1, modified_ms: 58_000 };
        assert_eq!(rules.select(BatchTime(120_000), vec![written.clone()]).len(), 1);
        assert!(rules.select(BatchTime(180_000), vec![written]).is_empty(), "and once");
    }

    #[test]
    fn files_are_remembered_for_a_minute_and_a_batch() {
        for (interval, remembered) in [(2, 62), (7, 70), (60, 120), (100, 200)] {
            let rules = FileRules::new(Duration::from_secs(interval), 0);
            assert_eq!(rules.remember_ms(), remembered * 1000, "interval of {interval} s");
        }
    }

    #[test]
    fn a_file_must_be_newer_than_the_source() {
        let mut rules = FileRules::new(SECOND, 10_500);
        let files = [file("older", 10_499), file("same", 10_500), file("newer", 10_501)];
        assert_eq!(select(&mut rules, 11_000, &files), ["newer"]);
    }

    #[test]
    fn a_file_modified_after_the_batch_waits_for_its_own() {
        let mut rules = FileRules::new(SECOND, 0);
        let files = [file("at", 11_000), file("after", 11_001)];
        assert_eq!(select(&mut rules, 11_000, &files), ["at"]);
        assert_eq!(select(&mut rules, 12_000, &files), ["after"]);
    }

    #[test]
    fn a_file_is_selected_once_even_if_modified_again() {
        let mut rules = FileRules::new(SECOND, 0);
        assert_eq!(select(&mut rules, 11_000, &[file("a", 10_500)]), ["a"]);
        assert_eq!(select(&mut rules, 12_000, &[file("a", 11_500)]), [""; 0]);
        // Remembered for 60 s and a batch: one modified again after that is another file.
        assert_eq!(select(&mut rules, 72_000, &[file("a", 71_500)]), [""; 0]);
        assert_eq!(select(&mut rules, 73_000, &[file("a", 72_500)]), ["a"]);
    }

    #[test]
    fn a_file_seen_too_late_is_never_read() {
        let mut rules = FileRules::new(SECOND, 0);
        assert_eq!(select(&mut rules, 72_000, &[file("late", 11_000)]), [""; 0]);
        assert_eq!(select(&mut rules, 72_000, &[file("just", 11_001)]), ["just"]);
    }

    #[test]
    fn a_file_at_the_threshold_is_not_selected_twice() {
        // SPARK-4518: a file was forgotten in the same batch in which it could still be selected.
        let mut rules = FileRules::new(SECOND, 0);
        let files = [file("a", 11_000)];
        assert_eq!(select(&mut rules, 11_000, &files), ["a"]);
        for batch in 12..80 {
            assert_eq!(select(&mut rules, batch * 1000, &files), [""; 0], "batch {batch}");
        }
    }

    /// The story: batches went on when the system's time was set back by an hour, but what was put
    /// there looked an hour old to them, and what they had read long ago became new again.
    #[test]
    fn each_file_is_read_once_when_the_clock_is_set_back() {
        let mut rules = FileRules::new(SECOND, 3_600_000);
        let mut look = |time_ms: i64, files: &[FileFacts]| {
            rules.turn_to(BatchTime(time_ms));
            assert!(rules.late(BatchTime(time_ms), files).is_empty(), "at {time_ms}");
            select(&mut rules, time_ms, files)
        };
        let (read, new) = (file("read", 3_700_000), file("new", 3_650_100));
        assert_eq!(look(3_700_500, std::slice::from_ref(&read)), ["read"]);
        assert_eq!(look(4_000_000, std::slice::from_ref(&read)), [""; 0]);
        let both = [read, new];
        assert_eq!(look(3_651_000, &both), ["new"]);
        for second in 3_652..3_800 {
            assert_eq!(look(second * 1_000, &both), [""; 0], "at {second} s");
        }
    }

    #[test]
    fn a_file_that_comes_too_old_is_told_once() {
        let mut rules = FileRules::new(SECOND, 10_500);
        let old = file("old", 10_499);
        let late = |rules: &mut FileRules, time_ms: i64, files: &[FileFacts]| {
            rules.late(BatchTime(time_ms), files).len()
        };
        assert_eq!(late(&mut rules, 10_500, &[old.clone(), file(".hidden", 1)]), 1);
        let later = [old.clone(), file("new", 10_900), file("moved", 9)];
        assert_eq!(rules.late(BatchTime(11_000), &later), [Path::new("/in/moved")]);
        assert_eq!(late(&mut rules, 12_000, &later), 0);
        // It was read, and is no longer remembered.
        assert_eq!(late(&mut rules, 99_000, &later), 0);
    }

    #[test]
    fn hidden_files_are_not_read() {
        let mut rules = FileRules::new(SECOND, 0);
        let files = [file(".unfinished", 500), file("a.txt", 500), file("_b", 500)];
        assert_eq!(select(&mut rules, 1_000, &files), ["a.txt", "_b"]);
    }
}
