//! What Spark's `saveAs..Files` write: text, and files that a program reads again.
//!
//! Takes streams under a clock that is moved by hand. Gives nothing but passed or failed.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tidemill::api::object_files::read_object_files;
use tidemill::api::test_context::TestContext;
use tidemill::model::status::BatchOutcome;

use crate::conformance::rig::{config, partitions, schema_of};

const BATCHES: fn() -> Value = || json!([[["a,b", 1], ["c\n", 2], ["d", 3]], []]);

/// Runs two batches of two partitions each, saved by `save`.
fn saved(save: impl FnOnce(&tidemill::api::dstream::DStream)) -> (TestContext, i64) {
    let batches = BATCHES();
    let batches = batches.as_array().expect("batches");
    let schema = schema_of(batches);
    let mut test = TestContext::new(config(), Duration::from_secs(1)).expect("an engine starts");
    let dataset = |rows: &Value| Some(partitions(&schema, rows.as_array().expect("rows"), 2));
    let stream = test.input(schema.clone(), batches.iter().map(dataset).collect());
    save(&stream);
    for info in test.run(2).expect("the job runs") {
        assert_eq!(info.outcome, BatchOutcome::Completed);
    }
    let last = test.time().0;
    (test, last)
}

#[test]
fn text_files_are_named_and_filled_as_spark_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let prefix = folder.path().join("words");
    let (_test, last) = saved(|stream| {
        stream.save_as_text_files(&prefix, "txt");
        stream.count().save_as_text_files(folder.path().join("count"), "");
    });
    let read = |name: String| fs::read_to_string(folder.path().join(name)).expect("it is written");
    let first = last - 1_000;
    assert_eq!(read(format!("words-{first}.txt/part-00000")), "(a,b,1)\n");
    assert_eq!(read(format!("words-{first}.txt/part-00001")), "(c\\n,2)\n(d,3)\n");
    assert_eq!(read(format!("words-{last}.txt/part-00000")), "", "an empty batch has a folder too");
    assert_eq!(read(format!("count-{first}/part-00000")), "3\n");
}

#[test]
fn object_files_give_back_the_partitions_that_were_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let prefix = folder.path().join("words");
    let (_test, last) = saved(|stream| stream.save_as_object_files(&prefix, ""));
    let batches = BATCHES();
    let batches = batches.as_array().expect("batches");
    let schema = schema_of(batches);
    for (batch, time) in batches.iter().zip([last - 1_000, last]) {
        let saved = folder.path().join(format!("words-{time}"));
        let read = read_object_files(&saved).expect("it is whole");
        let mut expected = partitions(&schema, batch.as_array().expect("rows"), 2);
        // A slice without rows is none.
        expected.iter_mut().for_each(|slices| slices.retain(|slice| slice.num_rows() > 0));
        assert_eq!(read, expected, "the batch of {time}");
        let part = saved.join("part-00001.arrow");
        let whole = fs::read(&part).expect("it is there");
        fs::write(&part, &whole[..whole.len() - 1]).expect("there is room");
        let error = read_object_files(&saved).expect_err("it is torn").to_string();
        let expected = format!("cannot read `{}`: it is no whole Arrow file: ", part.display());
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn a_folder_without_partitions_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("part-00000.csv"), "a\n").expect("there is room");
    let error = read_object_files(folder.path()).expect_err("nothing is there").to_string();
    let expected = format!("`{}` holds no file `part-*.arrow`", folder.path().display());
    assert_eq!(error, expected);
    let missing = folder.path().join("missing");
    let error = read_object_files(&missing).expect_err("nothing is there").to_string();
    assert_eq!(error, format!("cannot list `{}`: it does not exist", missing.display()));
}
