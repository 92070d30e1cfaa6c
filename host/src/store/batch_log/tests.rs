//! Store: tests of the batch log: what comes back, what is pruned, and which files are refused.
//!
//! Takes records made by hand. Gives them to logs in folders of their own, under a clock that is
//! moved.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use redb::TableDefinition;

use super::*;
use crate::store::batch_record::{EndRecord, OutcomeRecord};
use crate::store::data_folder::DataFolder;
use crate::sys::clock::ManualClock;

/// A moment for the clock to stand at.
const NOW_MS: i64 = 1_000_000_000_000;
const ALL: BatchQuery = BatchQuery { limit: 1000, before_ms: None };

struct Rig {
    _folder: tempfile::TempDir,
    path: PathBuf,
    clock: ManualClock,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("batches.redb");
        Self { _folder: folder, path, clock: ManualClock::at_ms(NOW_MS) }
    }

    fn open_with(&self, retention: Retention) -> Result<BatchLog, StoreError> {
        BatchLog::open(&self.path, retention, Arc::new(self.clock.clone()))
    }

    fn open(&self) -> BatchLog {
        self.open_with(Retention::default()).expect("the log opens")
    }
}

fn record(job: &str, time_ms: i64, run_us: i64) -> BatchRecord {
    BatchRecord {
        job: job.to_owned(),
        time_ms,
        run_us,
        parent_ms: None,
        seed: "7".to_owned(),
        inputs: Vec::new(),
        plans: Vec::new(),
        submitted_us: 0,
        started_us: time_ms * 1000,
        end: None,
        shadow: None,
    }
}

fn completed(record: BatchRecord) -> BatchRecord {
    let mut end = EndRecord::without_work(OutcomeRecord::Completed, String::new(), 1);
    end.reason = None;
    BatchRecord { end: Some(end), ..record }
}

fn times(log: &BatchLog, job: &str, query: BatchQuery) -> Vec<i64> {
    let found = log.batches(job, query).expect("it is read");
    found.into_iter().map(|record| record.time_ms).collect()
}

#[test]
fn records_outlive_the_process_and_come_in_order() {
    let rig = Rig::new();
    let log = rig.open();
    let jobs = [log.job("b", 1), log.job("a", 1)];
    for time_ms in [NOW_MS + 2, NOW_MS, NOW_MS + 1] {
        jobs.iter().for_each(|job| job.put(completed(record(job.job(), time_ms, 1))));
    }
    drop(log);
    let log = rig.open();
    assert_eq!(log.jobs().expect("it is read"), ["a", "b"]);
    assert_eq!(times(&log, "a", ALL), [NOW_MS, NOW_MS + 1, NOW_MS + 2]);
    assert_eq!(times(&log, "none", ALL), [0; 0]);
    let newest = BatchQuery { limit: 1, before_ms: None };
    assert_eq!(times(&log, "b", newest), [NOW_MS + 2]);
    let before = BatchQuery { limit: 1, before_ms: Some(NOW_MS + 2) };
    assert_eq!(times(&log, "b", before), [NOW_MS + 1]);
    assert_eq!(log.dropped(), 0);
}

#[test]
fn the_last_record_of_a_batch_counts() {
    let rig = Rig::new();
    let log = rig.open();
    let job = log.job("a", 1);
    job.put(record("a", NOW_MS, 1));
    assert_eq!(log.batches("a", ALL).expect("it is read")[0].outcome(), "running");
    job.put(completed(record("a", NOW_MS, 1)));
    let found = log.batches("a", ALL).expect("it is read");
    assert_eq!((found.len(), found[0].outcome()), (1, "completed"));
}

/// The story: a process was killed while batches ran, and for ever after they were told to run.
#[test]
fn what_a_killed_run_left_unended_is_lost() {
    let rig = Rig::new();
    let log = rig.open();
    log.job("a", 1).put(record("a", NOW_MS, 1));
    log.job("b", 1).put(record("b", NOW_MS, 1));
    let second = log.job("a", 2);
    second.put(record("a", NOW_MS + 1, 2));
    let outcomes = |job| -> Vec<&'static str> {
        log.batches(job, ALL).expect("it is read").iter().map(BatchRecord::outcome).collect()
    };
    assert_eq!((outcomes("a"), outcomes("b")), (vec!["lost", "running"], vec!["running"]));
}

#[test]
fn two_runs_may_have_a_batch_of_one_time() {
    let rig = Rig::new();
    let log = rig.open();
    log.job("a", 1).put(completed(record("a", NOW_MS, 1)));
    log.job("a", 2).put(completed(record("a", NOW_MS, 2)));
    assert_eq!(times(&log, "a", ALL), [NOW_MS, NOW_MS]);
}

#[test]
fn old_batches_go_when_the_clock_has_moved_on() {
    let rig = Rig::new();
    let retention = Retention { age_max: Duration::from_secs(60), ..Retention::default() };
    let log = rig.open_with(retention).expect("the log opens");
    let jobs = [log.job("a", 1), log.job("b", 1)];
    jobs.iter().for_each(|job| job.put(completed(record(job.job(), NOW_MS, 1))));
    rig.clock.advance(Duration::from_secs(60));
    jobs[0].put(completed(record("a", NOW_MS + 60_000, 1)));
    assert_eq!(times(&log, "a", ALL), [NOW_MS, NOW_MS + 60_000], "it is just not too old");
    rig.clock.advance(Duration::from_millis(1));
    jobs[0].put(completed(record("a", NOW_MS + 60_001, 1)));
    assert_eq!(times(&log, "a", ALL), [NOW_MS + 60_000, NOW_MS + 60_001]);
    assert_eq!(times(&log, "b", ALL), [0; 0], "another job's batch was as old");
}

#[test]
fn the_oldest_batches_of_all_jobs_go_when_there_are_too_many_bytes() {
    let rig = Rig::new();
    let of = |job, time_ms| completed(record(job, time_ms, 1));
    let bytes = serde_json::to_vec(&of("a", NOW_MS)).expect("it is JSON").len() as u64;
    let retention = Retention { bytes_max: 3 * bytes, ..Retention::default() };
    let log = rig.open_with(retention).expect("the log opens");
    let jobs = [log.job("a", 1), log.job("b", 1)];
    for second in 0..4 {
        let job = &jobs[usize::try_from(second % 2).expect("0 or 1")];
        // Twice, as a batch that begins and ends: it counts once.
        job.put(record(job.job(), NOW_MS + second, 1));
        job.put(of(job.job(), NOW_MS + second));
        log.flush().expect("it is written");
    }
    assert_eq!(times(&log, "a", ALL), [NOW_MS + 2]);
    assert_eq!(times(&log, "b", ALL), [NOW_MS + 1, NOW_MS + 3]);
    drop(log);
    let log = rig.open_with(retention).expect("the log opens");
    log.job("a", 1).put(of("a", NOW_MS + 4));
    assert_eq!(times(&log, "b", ALL), [NOW_MS + 3], "the sum is known to the next process");
}

/// The story: a batch of ten thousand files has a record of more bytes than all were to have. It
/// left with all others as it was written, and nobody could say what had just run.
#[test]
fn the_newest_batch_stays_however_large_it_is() {
    let rig = Rig::new();
    let retention = Retention { bytes_max: 1, age_max: Duration::ZERO };
    let log = rig.open_with(retention).expect("the log opens");
    let job = log.job("a", 1);
    for second in 0..3 {
        rig.clock.advance(Duration::from_secs(1));
        job.put(record("a", NOW_MS + second, 1));
        assert_eq!(times(&log, "a", ALL), [NOW_MS + second]);
        // Its end is written too.
        job.put(completed(record("a", NOW_MS + second, 1)));
        assert_eq!(log.batches("a", ALL).expect("it is read")[0].outcome(), "completed");
    }
}

#[test]
fn a_second_process_is_told_that_the_log_is_in_use() {
    let rig = Rig::new();
    let _first = rig.open();
    let error = rig.open_with(Retention::default()).expect_err("it is locked");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("`--data`"), "{error}");
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let rig = Rig::new();
    let database = |table: &str| {
        let other = redb::Database::create(&rig.path).expect("it is made");
        let writing = other.begin_write().expect("it is alone");
        let definition = TableDefinition::<&str, &str>::new(table);
        writing
            .open_table(definition)
            .expect("a table")
            .insert("kind", "something else")
            .expect("a row");
        writing.commit().expect("it is written");
    };
    for make in [
        &|| fs::write(&rig.path, b"word,count\na,1\n").expect("written"),
        &|| fs::write(&rig.path, [0; 4096]).expect("written"),
        &|| database("words"),
        &|| database("format"),
        &|| drop(DataFolder::at(rig.path.with_file_name("other")).create()),
    ] as [&dyn Fn(); 5]
    {
        drop(fs::remove_file(&rig.path));
        make();
        let Ok(before) = fs::read(&rig.path) else { continue };
        let error = rig.open_with(Retention::default()).expect_err("it is no log");
        let words = error.to_string();
        assert!(matches!(error, StoreError::Foreign { .. }), "{words}");
        assert!(words.contains("batches.redb` is no batch log of Tidemill"), "{words}");
        if before.len() < 8192 {
            assert_eq!(fs::read(&rig.path).expect("it is there"), before);
        }
    }
}

#[test]
fn another_format_is_named_with_the_one_that_can_be_read() {
    let rig = Rig::new();
    drop(rig.open());
    let other = redb::Database::create(&rig.path).expect("it is one");
    let writing = other.begin_write().expect("it is alone");
    let format = TableDefinition::<&str, &str>::new("format");
    writing.open_table(format).expect("a table").insert("version", "2").expect("a row");
    writing.commit().expect("it is written");
    drop(other);
    let error = rig.open_with(Retention::default()).expect_err("it is newer");
    assert!(error.to_string().contains("has format `2`, this program reads and writes `1`"));
}

/// Wherever a file was cut off or altered, the answer is an error or a log, never a panic.
#[test]
fn a_file_that_was_cut_off_is_an_error_that_names_it() {
    let rig = Rig::new();
    let log = rig.open();
    let job = log.job("a", 1);
    (0..200).for_each(|number| job.put(completed(record("a", NOW_MS + number, 1))));
    drop(log);
    let whole = fs::read(&rig.path).expect("it is there");
    let cuts = [9, 100, 320, 511, 4096, 5000, whole.len() / 2, whole.len() - 4096, whole.len() - 1];
    for cut in cuts {
        fs::write(&rig.path, &whole[..cut]).expect("written");
        let words = match rig.open_with(Retention::default()) {
            Err(error) => error.to_string(),
            Ok(log) => match log.batches("a", ALL) {
                Err(error) => error.to_string(),
                Ok(found) => {
                    assert_eq!(found.len(), 200, "cut at {cut} of {}", whole.len());
                    continue;
                }
            },
        };
        assert!(words.contains("batches.redb`"), "cut at {cut}: {words}");
    }
    for at in (0..whole.len()).step_by(whole.len() / 64) {
        let mut altered = whole.clone();
        altered[at..(at + 64).min(whole.len())].fill(0xA5);
        fs::write(&rig.path, &altered).expect("written");
        if let Err(error) = rig.open_with(Retention::default()) {
            assert!(error.to_string().contains("batches.redb`"), "altered at {at}: {error}");
        }
    }
}

#[test]
fn a_folder_without_a_log_has_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = DataFolder::at(folder.path().join("data"));
    for _ in 0..2 {
        let error = data.read_batch_log().expect_err("there is none");
        assert!(matches!(error, StoreError::NoLog { .. }), "{error}");
        data.create().expect("it can be made");
    }
    drop(data.batch_log(Retention::default(), Arc::new(ManualClock::at_ms(0))).expect("it opens"));
    assert_eq!(data.read_batch_log().and_then(|log| log.jobs()).expect("it is there"), [""; 0]);
}
