//! Tests of sinks: a folder of files counted, and written as folders of files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::time::{Duration, SystemTime};

use tempfile::tempdir;
use tidemill::api::context::StreamingContext;
use tidemill::model::source::SourceConnector;

use crate::job_rig::engine;
use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::tidemill_fed;

#[test]
fn files_are_counted_into_files_and_the_job_ends() {
    let folder = tempdir().expect("a folder can be made");
    let input = folder.path().join("in");
    fs::create_dir(&input).expect("it is new");
    fs::write(input.join("one.txt"), "\u{feff}a\r\nb\n").expect("there is room");
    fs::write(input.join("two.txt"), "a\na").expect("there is room");
    fs::write(input.join(".hidden"), "x\n").expect("there is room");

    let mut context = StreamingContext::new(&engine(), Duration::from_millis(20));
    let lines = context.lines(SourceConnector::Files { path: input, bounded: true });
    lines.count_by_value().save_as_json_files(folder.path().join("out/counts"));
    context.start().expect("the job starts");
    context.await_termination().expect("it ends by itself");

    let written = fs::read_dir(folder.path().join("out")).expect("it was made");
    let written: Vec<_> = written.map(|entry| entry.expect("it is there").path()).collect();
    assert_eq!(written.len(), 1, "one batch has rows, and nothing is left aside: {written:?}");
    let name = written[0].file_name().and_then(|name| name.to_str()).unwrap_or_default();
    assert!(name.strip_prefix("counts-").is_some_and(|t| t.parse::<i64>().is_ok()), "{name}");
    let mut counts = BTreeMap::new();
    for part in fs::read_dir(&written[0]).expect("it is a folder") {
        let path = part.expect("it is there").path();
        assert!(path.to_string_lossy().ends_with(".jsonl"), "{path:?}");
        for line in fs::read_to_string(path).expect("it is text").lines() {
            let row: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
            let row = row.as_object().expect("each line is an object");
            let mut values = row.values();
            let word = values.next().and_then(|word| word.as_str()).expect("a word").to_owned();
            let count = values.next().and_then(|count| count.as_i64()).expect("a count");
            *counts.entry(word).or_insert(0) += count;
        }
    }
    assert_eq!(counts, BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 1)]));
}

/// The story: two bounded runs within a batch interval took the same batch time, and the second one
/// failed at the folder that the first had made.
#[test]
fn a_run_begins_behind_the_folders_that_an_earlier_one_has_left() {
    let job = JobFolder::new(
        "name = \"job\"\nbatch_interval = \"1h\"\n\
         [sources.lines]\ntype = \"files\"\npath = \"in\"\n\
         [sinks.out]\ntype = \"files\"\npath = \"out\"\nfrom = \"lines\"\n",
    );
    fs::create_dir(job.path().join("in")).expect("it is new");
    fs::write(job.path().join("in/a"), "a\n").expect("there is room");
    let arguments = [&job.arguments("run")[..], &["--bounded"]].concat();
    let mut times = Vec::new();
    for runs in 1..=3 {
        let ran = tidemill_fed(job.path(), &arguments, b"");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let made = fs::read_dir(job.path().join("out")).expect("it was made");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("it is there").file_name().into_string().expect("it is text")
        };
        let mut made: Vec<String> = made.map(name).collect();
        made.sort_unstable();
        assert_eq!(made.len(), runs, "{made:?}");
        times = made;
    }
    let times = times.iter().filter_map(|name| name.strip_prefix("out-")?.parse::<i64>().ok());
    let times: Vec<i64> = times.collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 3_600_000), "{times:?}");
}

#[test]
fn a_missing_folder_is_named_when_the_job_starts() {
    let folder = tempdir().expect("a folder can be made");
    let missing = folder.path().join("missing");
    let mut context = StreamingContext::new(&engine(), Duration::from_millis(20));
    context.text_file_stream(&missing).print(1);
    let error = context.start().expect_err("there is no such folder").to_string();
    let expected = format!("cannot list `{}`: it does not exist", missing.display());
    assert!(error.ends_with(&expected), "{error}");
}

#[test]
fn a_file_that_appears_is_read_once() {
    let folder = tempdir().expect("a folder can be made");
    fs::write(folder.path().join("old.txt"), "old\n").expect("there is room");
    let mut context = StreamingContext::new(&engine(), Duration::from_millis(20));
    let lines = context.text_file_stream(folder.path());
    let counted = crate::job_rig::Collected::of(&lines.count_by_value());
    context.start().expect("the job starts");
    let mut new = fs::File::create(folder.path().join(".new")).expect("there is room");
    new.write_all(b"new\nnew\n").expect("there is room");
    // File systems note times coarsely: it must not seem as old as the job.
    new.set_modified(SystemTime::now() + Duration::from_millis(50)).expect("it is ours");
    fs::rename(folder.path().join(".new"), folder.path().join("new")).expect("it is there");
    let counts = counted.counts_until(|counts| !counts.is_empty());
    assert_eq!(counts, BTreeMap::from([("new".to_owned(), 2)]));
    context.stop_gracefully().expect("the job drains");
}

/// Jobs that end by themselves take the coming tick as their batch's time: two runs within one
/// interval made the same folder, and the second one's rows replaced the first one's.
#[test]
fn a_second_run_within_the_interval_replaces_nothing() {
    let job = JobFolder::new(
        "name = \"job\"\nbatch_interval = \"1h\"\n[sources.lines]\ntype = \"stdin\"\n\
         [sinks.counts]\ntype = \"files\"\npath = \"out\"\nfrom = \"lines\"\n",
    );
    for runs in 1..=3 {
        let ran = job.run(b"a\n");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let made = fs::read_dir(job.path().join("out")).expect("it was made");
        assert_eq!(made.count(), runs, "it begins behind the folders of the runs before");
    }
    for batch in fs::read_dir(job.path().join("out")).expect("it was made") {
        let rows = fs::read_to_string(batch.expect("it is there").path().join("part-00000.jsonl"));
        assert_eq!(rows.expect("it is left as it was"), "{\"line\":\"a\"}\n");
    }
}
