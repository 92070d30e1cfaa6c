//! Datasets of files: which are read, and that every line of them is, however they are cut.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use proptest::prelude::*;
use tidemill::api::dataset::Dataset;
use tidemill::api::native::{flat_map, map};
use tidemill::model::backpressure::SourceRates;
use tidemill::model::column_type::ColumnType;
use tidemill::model::operation::BuiltInFold;
use tidemill::model::policy::OnBadRow;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::source::{CsvFormat, Format, SourceConnector, SourceDeclaration};

use super::rig::{context, failure, values};
use crate::formats::packed::PACKED;

fn lines(dataset: &Dataset) -> Vec<String> {
    let rows = dataset.collect().expect("it is made");
    let texts = rows.iter().flat_map(|slice| slice.column(0).as_string::<i32>().iter().flatten());
    texts.map(str::to_owned).collect()
}

fn put(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("there is room");
}

fn partitions(dataset: &Dataset) -> usize {
    let called = Arc::new(AtomicUsize::new(0));
    let calls = Arc::clone(&called);
    let done = dataset.for_each_partition(move |_, _| {
        calls.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    done.expect("the function does not fail");
    called.load(Ordering::Relaxed)
}

#[test]
fn a_path_names_a_file_a_folder_or_a_pattern() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("a.log", "a\n"), ("b.log", "b\nbb"), ("c.txt", "c\n"), (".d.log", "d\n")]
    {
        put(folder.path(), name, text);
    }
    let context = context();
    let of = |name: &str| lines(&context.text_file(folder.path().join(name), 1));
    assert_eq!(of("b.log"), ["b", "bb"]);
    assert_eq!(of("*.log"), ["a", "b", "bb"]);
    assert_eq!(of(""), ["a", "b", "bb", "c"]);
}

/// A packed file is read from its beginning, so it is one partition however many are asked for.
#[test]
fn packed_files_are_read_beside_others() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "b.log", "b\nc\n");
    std::fs::write(folder.path().join("a.log.gz"), PACKED).expect("there is room");
    let dataset = context().text_file(folder.path(), 4);
    assert_eq!(lines(&dataset), ["a,1", "b,2", "b", "c"]);
    std::fs::remove_file(folder.path().join("b.log")).expect("it is there");
    assert_eq!((lines(&dataset), partitions(&dataset)), (vec!["a,1".into(), "b,2".into()], 1));
}

#[test]
fn files_are_looked_for_when_an_action_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (context, path) = (context(), folder.path().join("later"));
    let dataset = context.text_file(&path, 1);
    let message = failure(dataset.count());
    let expected = format!("cannot read `{}`: it does not exist", path.display());
    assert!(message.ends_with(&expected), "{message}");
    put(folder.path(), "later", "now\n");
    assert_eq!(lines(&dataset), ["now"]);
    // Another dataset of the context has nothing to do with it.
    let missing = context.text_file(folder.path().join("never"), 1);
    assert_eq!(dataset.count().expect("it is there"), 1);
    assert!(missing.count().is_err());
}

#[test]
fn a_file_falls_into_as_many_partitions_as_were_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "a", &"some line\n".repeat(100));
    put(folder.path(), "b", "other\n");
    let context = context();
    for (asked, least) in [(0, 2), (1, 2), (7, 7), (50, 50)] {
        let dataset = context.text_file(folder.path(), asked);
        let found = partitions(&dataset);
        assert!((least..=least + 2).contains(&found), "{found} for {asked}");
        assert_eq!(dataset.count().expect("it is made"), 101);
    }
}

#[test]
fn json_rows_are_read_by_their_schema() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "rows", "{\"n\":1}\n{\"n\":20}\n");
    let schema = StreamSchema::new(vec![Column::new("n", ColumnType::Int64)]);
    let context = context();
    let dataset = context.read_json(folder.path().join("rows"), schema.clone(), 1);
    assert_eq!(dataset.schema().expect("it fits"), schema);
    assert_eq!(values(&dataset.collect().expect("it is made")), [1, 20]);
    put(folder.path(), "rows", "{\"n\":\"many\"}\n");
    assert!(failure(dataset.count()).contains("1 bad row"));
}

#[test]
fn fields_are_read_by_their_schema_however_a_file_is_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: String = (0..50).map(|n| format!("{n},\"row {n}\"\n")).collect();
    put(folder.path(), "rows.csv", &format!("n,text\n{rows}"));
    let columns = [("n", ColumnType::Int64), ("text", ColumnType::Utf8)];
    let schema = StreamSchema::new(columns.map(|(name, of)| Column::new(name, of)).to_vec());
    let format = CsvFormat { header: true, ..CsvFormat::default() };
    let context = context();
    for cut in [1, 7, 40] {
        let dataset = context.read_csv(folder.path(), schema.clone(), format, cut);
        let numbers = values(&dataset.collect().expect("it is made"));
        assert_eq!(numbers, (0..50).collect::<Vec<_>>(), "in {cut} partitions");
    }
}

/// The story: a file was cut by its bytes into as many partitions as were asked for, in the middle
/// of its records.
#[test]
fn records_are_whole_however_many_partitions_are_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let text: String = (0..100).map(|n| format!("{n:05}")).collect();
    put(folder.path(), "records", &text);
    let declaration = |partitions_min| SourceDeclaration {
        name: "records".to_owned(),
        connector: SourceConnector::FileSet { path: folder.path().into(), partitions_min },
        format: Format::Binary { record_bytes: 5 },
        schema: StreamSchema::new(vec![Column::new("record", ColumnType::Binary)]),
        on_bad_row: OnBadRow::Fail,
        line_bytes_max: 1024,
        rates: SourceRates::default(),
    };
    for cut in [1, 3, 7, 1_000] {
        let rows = context().read(declaration(cut)).collect().expect("it is made");
        let records = rows.iter().flat_map(|s| s.column(0).as_binary::<i32>().iter().flatten());
        let found: Vec<u8> = records.flatten().copied().collect();
        assert_eq!(String::from_utf8(found).expect("digits"), text, "in {cut} partitions");
    }
}

#[test]
fn words_of_files_are_counted_as_in_a_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "a", "to be\nor not\n");
    put(folder.path(), "b", "to be\n");
    let split = flat_map::<&'static str, &'static str, _>("split", |line, emit| {
        line.split(' ').for_each(|word| emit.push(word));
    });
    let pair = map::<&'static str, (&'static str, i64), _>("pair", |word, _| (word, 1));
    let counts = context()
        .text_file(folder.path(), 4)
        .flat_map(split.expect("types of streams"))
        .map(pair.expect("types of streams").with_keys(1))
        .reduce_by_key(BuiltInFold::Sum);
    let ordered = counts.take_ordered(9, &["_1"]).expect("it is made").expect("there are words");
    let words: Vec<_> = ordered.column(0).as_string::<i32>().iter().flatten().collect();
    assert_eq!(words, ["be", "not", "or", "to"]);
    let counts = ordered.project(&[1]).expect("there are two columns");
    assert_eq!(values([&counts]), [2, 1, 1, 2]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_line_comes_once_however_files_are_cut(
        texts in prop::collection::vec(prop::collection::vec("[a-c]{0,5}", 0..20), 1..4),
        partitions in 1_usize..40,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        for (number, lines) in texts.iter().enumerate() {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            put(folder.path(), &number.to_string(), &text);
        }
        let expected: Vec<String> = texts.into_iter().flatten().collect();
        prop_assert_eq!(lines(&context().text_file(folder.path(), partitions)), expected);
    }
}
