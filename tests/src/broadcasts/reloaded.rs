//! Files of broadcasts: read when a job starts, and again when it is time, between two batches.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidemill::api::test_context::{Collected, TestContext};
use tidemill::model::backpressure::SourceRates;
use tidemill::model::broadcast::{BroadcastFile, Reload};
use tidemill::model::join::JoinKind;
use tidemill::model::policy::OnBadRow;
use tidemill::model::source::{Format, SourceConnector, SourceDeclaration};
use tidemill::model::status::JobEvent;

use super::rig::{by_batch, context, input, ran, schema};

/// A job that joins the number 1 with a file, batch by batch.
struct Job {
    test: TestContext,
    collected: Collected,
    file: PathBuf,
    told: Arc<Mutex<Vec<(String, bool)>>>,
    _folder: TempDir,
}

fn file(path: &Path, reload: Reload, on_bad_row: OnBadRow) -> BroadcastFile {
    let records = SourceDeclaration {
        name: "table".to_owned(),
        connector: SourceConnector::Files { path: path.to_owned(), bounded: true },
        format: Format::Json,
        schema: schema("k: int64, name: utf8"),
        on_bad_row,
        line_bytes_max: 1 << 20,
        rates: SourceRates::default(),
    };
    BroadcastFile { path: path.to_owned(), records, reload }
}

fn row(name: &str) -> String {
    format!("{{\"k\":1,\"name\":\"{name}\"}}\n")
}

impl Job {
    fn new(reload: Reload, on_bad_row: OnBadRow, text: &str) -> Self {
        let (mut test, folder) = (context(), tempfile::tempdir().expect("a folder can be made"));
        let path = folder.path().join("table.jsonl");
        fs::write(&path, text).expect("there is room");
        test.context.broadcast_file("table", file(&path, reload, on_bad_row)).expect("it is new");
        let stream = input(&test, &schema("k: int64"), &json!([[1]]), 20);
        let joined = stream.broadcast_join("table", &["k"], JoinKind::Inner);
        let collected = test.collect(&joined);
        let told: Arc<Mutex<Vec<(String, bool)>>> = Arc::default();
        let hears = Arc::clone(&told);
        let listener = Box::new(move |event: &JobEvent| {
            if let JobEvent::Broadcast { name, message, warning } = event {
                let told = (format!("{name}: {message}"), *warning);
                hears.lock().expect("nobody panics").push(told);
            }
        });
        test.context.add_listener(listener).expect("there are threads");
        test.context.settings().graceful_stop_timeout = Some(Duration::from_secs(60));
        Self { test, collected, file: path, told, _folder: folder }
    }

    /// The names that the next batches find.
    fn names(&mut self, batches: usize) -> Vec<Value> {
        ran(&mut self.test, batches);
        let all = by_batch(&self.collected);
        let last = &all[all.len() - batches..];
        last.iter().map(|rows| rows.first().map_or(json!(null), |row| row[1].clone())).collect()
    }

    fn write(&self, text: &str) {
        fs::write(&self.file, text).expect("there is room");
    }

    /// What was told in all, once the job has ended: listeners have heard everything then.
    fn told(self) -> Vec<(String, bool)> {
        let Self { test, told, .. } = self;
        drop(test);
        let told = told.lock().expect("nobody panics");
        told.clone()
    }
}

#[test]
fn a_file_is_read_again_when_its_time_has_come() {
    let every = Reload::Every(Duration::from_secs(3));
    let mut job = Job::new(every, OnBadRow::Fail, &row("Ada"));
    assert_eq!(job.names(1), [json!("Ada")]);
    job.write(&row("Bob"));
    assert_eq!(job.names(2), [json!("Ada"), json!("Bob")], "three seconds are over at the third");
    job.write(&row("Eve"));
    assert_eq!(job.names(3), [json!("Bob"), json!("Bob"), json!("Eve")]);
}

#[test]
fn a_file_is_read_again_when_it_has_changed() {
    let mut job = Job::new(Reload::OnChange, OnBadRow::Fail, &row("Ada"));
    assert_eq!(job.names(2), [json!("Ada"), json!("Ada")]);
    job.write(&row("Robert"));
    assert_eq!(job.names(2), [json!("Robert"), json!("Robert")]);
    let told = job.told();
    assert_eq!(told, [("table: read again: 1 row".to_owned(), false)], "it is read once");
}

#[test]
fn a_file_that_is_never_read_again_stays_as_it_was() {
    let mut job = Job::new(Reload::Never, OnBadRow::Fail, &row("Ada"));
    job.names(1);
    job.write(&row("Robert"));
    assert_eq!(job.names(2), [json!("Ada"), json!("Ada")]);
}

/// The story: a table was written anew while a job read it, half of a line was there, and every
/// lookup failed until somebody started the job again.
#[test]
fn what_cannot_be_read_leaves_the_rows_that_were_there() {
    let mut job = Job::new(Reload::OnChange, OnBadRow::Fail, &row("Ada"));
    job.names(1);
    job.write("{\"k\":1,\"na");
    assert_eq!(job.names(2), [json!("Ada"), json!("Ada")]);
    fs::remove_file(&job.file).expect("it is there");
    assert_eq!(job.names(2), [json!("Ada"), json!("Ada")]);
    job.write(&row("Robert"));
    assert_eq!(job.names(1), [json!("Robert")]);
    let told = job.told();
    let words = ["has 1 bad row", "it does not exist", "read again: 1 row"];
    assert_eq!(told.len(), words.len(), "each is told once: {told:?}");
    for ((told, warning), word) in told.iter().zip(words) {
        assert!(told.contains(word), "{told}");
        let kept = "could not be read again, the rows it had stay";
        assert_eq!((told.contains(kept), *warning), (!word.starts_with("read"), *warning));
        assert_eq!(*warning, !word.starts_with("read"));
    }
}

#[test]
fn bad_rows_are_left_out_where_a_job_says_so() {
    let text = format!("nonsense\n{}", row("Ada"));
    let mut job = Job::new(Reload::Never, OnBadRow::Skip, &text);
    assert_eq!(job.names(1), [json!("Ada")]);
    let told = job.told();
    assert!(matches!(&told[..], [(told, true)] if told.contains("1 bad row was left out")));
}

/// Why a job with such a file does not start.
fn refused(make: impl FnOnce(&Path) -> PathBuf) -> String {
    let (mut test, folder) = (context(), tempfile::tempdir().expect("a folder can be made"));
    let path = make(folder.path());
    let file = file(&path, Reload::OnChange, OnBadRow::Fail);
    test.context.broadcast_file("table", file).expect("it is new");
    let stream = input(&test, &schema("k: int64"), &json!([[1]]), 1);
    test.collect(&stream.broadcast_join("table", &["k"], JoinKind::Inner));
    test.run(1).expect_err("there is nothing to begin with").to_string()
}

#[test]
fn a_job_does_not_start_without_its_rows() {
    let missing = refused(|folder| folder.join("missing.jsonl"));
    assert!(missing.starts_with("broadcast `table` cannot be used: cannot read `"), "{missing}");
    assert!(missing.ends_with("missing.jsonl`: it does not exist"), "{missing}");
    let bad = refused(|folder| {
        let path = folder.join("bad.jsonl");
        fs::write(&path, "{\"k\":\"one\",\"name\":\"Ada\"}\n").expect("there is room");
        path
    });
    assert!(bad.starts_with("broadcast `table` cannot be used: `"), "{bad}");
    assert!(bad.contains("has 1 bad row; at byte 0, column `k`"), "{bad}");
    let large = refused(|folder| {
        let path = folder.join("large.jsonl");
        let file = fs::File::create(&path).expect("there is room");
        file.set_len((256 << 20) + 1).expect("a file may have holes");
        path
    });
    assert!(large.ends_with("has 268435457 bytes, allowed are 268435456"), "{large}");
}
