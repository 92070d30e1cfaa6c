//! Cases of sources that read files, and of queues.
//!
//! Takes the cases `I..` of files and queues. Gives real files times by a clock that is moved by
//! hand. Never runs one in real time.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use arrow_array::cast::AsArray;
use serde_json::{Value, json};
use tempfile::tempdir;
use tidemill::api::given::DatasetQueue;
use tidemill::api::test_context::{Collected, TestContext};

use super::rig::{config, partitions, rows_of, schema_of};

/// Time between batches, in all of these cases.
const BATCH_MS: i64 = 2_000;

fn context() -> TestContext {
    let interval = Duration::from_millis(BATCH_MS.unsigned_abs());
    TestContext::new(config(), interval).expect("an engine starts")
}

/// Puts a file there as one should: written under a hidden name, then renamed.
fn put(folder: &Path, name: &str, bytes: &[u8], modified_ms: i64) {
    let hidden = folder.join(format!(".{name}"));
    let mut file = File::create(&hidden).expect("there is room");
    file.write_all(bytes).expect("there is room");
    let modified = UNIX_EPOCH + Duration::from_millis(modified_ms.unsigned_abs());
    file.set_modified(modified).expect("it is ours");
    fs::rename(hidden, folder.join(name)).expect("it is there");
}

/// All lines of all batches.
fn lines_of(collected: &Collected) -> BTreeSet<String> {
    let all = collected.by_time();
    let rows = all.values().flat_map(rows_of);
    rows.map(|row| row.as_str().expect("a line").to_owned()).collect()
}

fn numbers(numbers: std::ops::RangeInclusive<u32>) -> BTreeSet<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// I03: a file that is there before the start is not read, one a batch after it is.
#[test]
fn only_files_that_are_newer_than_the_start_are_read() {
    let folder = tempdir().expect("a folder");
    let mut test = context();
    put(folder.path(), "0", b"0\n", test.time().0 - 2_000);
    let collected = test.collect(&test.context.text_file_stream(folder.path()));
    for number in 1..=5 {
        let now_ms = test.time().0 + BATCH_MS / 2;
        put(folder.path(), &number.to_string(), format!("{number}\n").as_bytes(), now_ms);
        test.run(1).expect("the job runs");
        assert_eq!(lines_of(&collected), numbers(1..=number), "after batch {number}");
    }
    test.run(1).expect("the job runs");
    let rows: usize = collected.by_time().values().map(|batch| rows_of(batch).len()).sum();
    assert_eq!(rows, 5, "each is read once");
}

/// I05: a pattern names folders, whose files are read; a file beside those folders is not.
#[test]
fn files_of_every_folder_that_a_pattern_names_are_read() {
    let folder = tempdir().expect("a folder");
    let mut test = context();
    let collected = test.collect(&test.context.text_file_stream(folder.path().join("*/")));
    let folders = ["tmp1", "tmp2"].map(|name| folder.path().join(name));
    folders.iter().for_each(|folder| fs::create_dir(folder).expect("it is new"));
    for number in 0..=10_u32 {
        let now_ms = test.time().0 + BATCH_MS / 2;
        let into = match number {
            0 => folder.path(),
            1..=5 => &folders[0],
            _ => &folders[1],
        };
        put(into, &number.to_string(), format!("{number}\n").as_bytes(), now_ms);
        test.run(1).expect("the job runs");
    }
    assert_eq!(lines_of(&collected), numbers(1..=10));
}

/// I07: each file is one batch of records of a byte.
#[test]
fn records_of_a_length_are_read_in_order() {
    let folder = tempdir().expect("a folder");
    let mut test = context();
    let records = test.context.binary_records_stream(folder.path(), 1);
    let collected = test.collect(&records);
    for number in 0..3_u8 {
        let bytes = [1, 2, 3, 4, 5].map(|byte| byte + number);
        put(folder.path(), &number.to_string(), &bytes, test.time().0 + BATCH_MS / 2);
        test.run(1).expect("the job runs");
        let batches = collected.by_time();
        let slices = batches[&test.time()].iter().flatten();
        let records = slices.flat_map(|slice| {
            let column = slice.column(0).as_binary::<i32>().clone();
            column.iter().flatten().map(<[u8]>::to_vec).collect::<Vec<_>>()
        });
        let records: Vec<Vec<u8>> = records.collect();
        assert_eq!(records, bytes.map(|byte| vec![byte]), "batch {number}");
    }
}

/// I01, and the other way to read a queue: two datasets are put into it for each batch while there
/// are any.
#[test]
fn a_queue_gives_a_batch_one_dataset_or_all_that_wait() {
    let texts: Vec<Value> = (1..=5).map(|number| json!(number.to_string())).collect();
    let schema = schema_of(&[json!(texts)]);
    for (one_at_a_time, expected) in [
        (true, json!([["1"], ["2"], ["3"], ["4"], ["5"]])),
        (false, json!([["1", "2"], ["3", "4"], ["5"], [], []])),
    ] {
        let (mut test, queue) = (context(), DatasetQueue::default());
        let stream = test.context.queue_stream(schema.clone(), &queue, one_at_a_time, Vec::new());
        let collected = test.collect(&stream);
        let mut waiting = texts.chunks(1).map(|text| partitions(&schema, text, 1));
        for _ in 0..5 {
            waiting.by_ref().take(2).for_each(|dataset| queue.push(dataset));
            test.run(1).expect("the job runs");
        }
        let batches: Vec<Vec<Value>> = collected.by_time().values().map(rows_of).collect();
        assert_eq!(json!(batches), expected, "one at a time: {one_at_a_time}");
    }
}

#[test]
fn records_of_no_length_are_refused_at_the_start() {
    let folder = tempdir().expect("a folder");
    let mut test = context();
    test.context.binary_records_stream(folder.path(), 0).print(1);
    let error = test.run(1).expect_err("no record is of no byte").to_string();
    let expected =
        "source `source-0` cannot be read: `record_bytes` is 0, allowed are 1 to 16777216";
    assert_eq!(error, expected);
}
