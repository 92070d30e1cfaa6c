//! How much of the batch log is kept: old batches leave as the arguments say, and whoever asks for
//! batches is answered from the rest.
//!
//! Takes data folders with batches of earlier runs, made by hand. Gives them to the program.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidemill::store::batch_record::{BatchRecord, EndRecord, OutcomeRecord};
use tidemill::store::data_folder::DataFolder;
use tidemill::store::retention::Retention;
use tidemill::sys::clock::{Clock, SystemClock};

use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::tidemill;
use crate::set_up::watched::watch;

const COUNTS: &str = "name = \"counts\"\nbatch_interval = \"20ms\"\n\
                      [sources.lines]\ntype = \"generate\"\nlines_per_second = 2000\nLINES\n\
                      [streams.counts]\nfrom = \"lines\"\nsteps = [{ count = true }]\n\
                      [sinks.out]\ntype = \"print\"\nfrom = \"counts\"\n";
/// Bytes of a record made by hand, nearly all of them its reason.
const RECORD_BYTES: usize = 2000;

/// A job that ends after some batches.
fn ending() -> JobFolder {
    JobFolder::new(&COUNTS.replace("LINES", "lines = 100"))
}

/// Leaves so many batches of that job and age, a millisecond apart, as an earlier run has.
fn left(job: &JobFolder, data: &str, batches: i64, age: Duration) {
    let folder = DataFolder::at(job.path().join(data));
    folder.create().expect("a folder");
    let clock = Arc::new(SystemClock::new());
    let first_ms = clock.now_ms() - i64::try_from(age.as_millis()).expect("some time");
    let log = folder.batch_log(Retention::default(), clock).expect("nobody else has it");
    let run = log.job("counts", 1);
    for time_ms in first_ms..first_ms + batches {
        let why = "x".repeat(RECORD_BYTES);
        run.put(BatchRecord {
            job: "counts".to_owned(),
            time_ms,
            run_us: 1,
            parent_ms: None,
            seed: "7".to_owned(),
            inputs: Vec::new(),
            plans: Vec::new(),
            submitted_us: 0,
            started_us: 0,
            end: Some(EndRecord::without_work(OutcomeRecord::Failed, why, 1)),
            shadow: None,
        });
    }
    log.flush().expect("it is written");
}

/// What `batches` gives, the oldest first: those left by hand, and the others.
fn batches(job: &JobFolder, data: &str) -> (Vec<Value>, Vec<Value>) {
    let ran =
        tidemill(job.path(), &["batches", "counts", "--json", "-n", "1000", "--data", data], "");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    let all = ran.out.lines().map(|line| serde_json::from_str(line).expect("it is JSON"));
    all.partition(|batch: &Value| batch["run_us"] == 1)
}

fn run_with(job: &JobFolder, data: &str, more: &[&str]) {
    let arguments = [&job.arguments("run")[..], &["--data", data], more].concat();
    let ran = tidemill(job.path(), &arguments, "");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn batches_older_than_the_given_age_leave() {
    let job = ending();
    left(&job, "data", 50, Duration::from_secs(2 * 60 * 60));
    assert_eq!(batches(&job, "data").0.len(), 50);
    run_with(&job, "data", &["--log-retention", "3h"]);
    let (left, new) = batches(&job, "data");
    assert_eq!((left.len(), new.is_empty()), (50, false), "they are young enough");
    run_with(&job, "data", &["--log-retention", "1h"]);
    let (left, newer) = batches(&job, "data");
    assert!(left.is_empty(), "{left:?}");
    assert!(newer.len() > new.len() && newer[..new.len()] == new[..], "the others stay");
}

#[test]
fn oldest_batches_leave_when_there_are_more_than_the_given_bytes() {
    const BYTES_MAX: usize = 96 * 1024;
    let job = ending();
    left(&job, "data", 100, Duration::from_secs(60));
    let before = batches(&job, "data").0;
    run_with(&job, "data", &["--log-bytes", "96 KiB"]);
    let (left, new) = batches(&job, "data");
    assert!(!new.is_empty() && left.len() < before.len(), "{} are left", left.len());
    assert_eq!(left, before[before.len() - left.len()..], "the oldest have left");
    let bytes: usize = left.iter().chain(&new).map(|batch| batch.to_string().len()).sum();
    assert!(bytes <= BYTES_MAX, "{bytes} bytes are left");
    assert!(bytes > BYTES_MAX - 2 * RECORD_BYTES, "{bytes} bytes are left: it is no more than due");
}

#[test]
fn server_keeps_as_much_as_it_is_told() {
    let job = JobFolder::new(&COUNTS.replace("LINES", ""));
    left(&job, "served", 50, Duration::from_secs(2 * 60 * 60));
    let serve = ["serve", "--data", "served", "--control", "127.0.0.1:0"];
    let limits = ["--log-retention", "1h", "--log-bytes", "1MiB"];
    let mut server = watch(job.path(), &[&serve[..], &limits].concat());
    server.told("control: http://127.0.0.1:");
    let submitted = tidemill(job.path(), &["submit", "job.toml", "--data", "served"], "");
    assert_eq!(submitted.code, Some(0), "{}", submitted.err);
    server.printed("Time: ");
    // Asked while it runs, and when it has ended.
    let (left, new) = batches(&job, "served");
    assert_eq!((left.len(), new.is_empty()), (0, false));
    server.signal("TERM");
    assert_eq!(server.end().code, Some(0));
    assert_eq!(batches(&job, "served").0.len(), 0);
}

#[test]
fn what_is_no_age_or_size_or_too_little_is_refused() {
    let job = ending();
    let is_refused = |command: &[&str], argument: &str, value: &str, words: &str| {
        let ran = tidemill(job.path(), &[command, &[argument, value]].concat(), "");
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{argument} {value}");
        let found = format!("invalid value '{value}' for '{argument} <");
        assert!(ran.err.contains(&found) && ran.err.contains(words), "{}", ran.err);
    };
    for command in [&["run", "job.toml"][..], &["serve"]] {
        for value in ["0s", "59s", "1ms"] {
            is_refused(command, "--log-retention", value, "it is 1m at least");
        }
        for value in ["0B", "1B", "63KiB", "64kB"] {
            is_refused(command, "--log-bytes", value, "it is 64KiB at least");
        }
        for value in ["7", "soon", ""] {
            is_refused(command, "--log-retention", value, "expected a duration such as \"200ms\"");
        }
        for value in ["64", "64kib", "1.5MiB", "99999999999GiB"] {
            is_refused(command, "--log-bytes", value, "expected a size such as \"64KiB\"");
        }
    }
    assert!(!job.path().join(".tidemill").exists(), "nothing has begun");
}
