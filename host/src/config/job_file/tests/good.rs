//! Config: what good job files mean, what a mistake looks like, and that no text is a panic.
//!
//! Takes good job files. Gives the pipelines they declare. Never plans them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::{GOOD, parse};
use crate::config::job_file::JobFile;
use crate::limits::{JOB_FILE_BYTES_MAX, POISON_ROWS_MAX};
use crate::model::backpressure::{Backpressure, SourceRates};
use crate::model::finding::{Finding, Part, Place};
use crate::model::operation::{Operation, OperatorRef};
use crate::model::pipeline::{Pipeline, PluginCode};
use crate::model::policy::{CatchUp, OnBadRow, OnFailure};
use crate::model::sink::{FileForm, FileFormat, SinkConnector};
use crate::model::source::{CsvFormat, Format, SourceConnector};

const EVERYTHING: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/job_files/everything.toml"));

fn everything() -> Pipeline {
    parse(EVERYTHING).unwrap_or_else(|errors| panic!("{errors}")).pipeline
}

#[test]
fn settings_and_plugins_mean_what_is_written() {
    let pipeline = everything();
    let settings = &pipeline.settings;
    assert_eq!(settings.batch_interval, Duration::from_millis(500));
    assert_eq!(settings.block_interval, Some(Duration::from_millis(50)));
    assert_eq!((settings.concurrent_jobs, settings.max_failures), (2, 1));
    assert_eq!((settings.partitions, settings.seed), (Some(8), Some(7)));
    assert_eq!(settings.graceful_stop(), Duration::from_secs(30));
    assert_eq!(settings.retained_batches, 50);
    assert_eq!((settings.retained_inputs, settings.retained_input_bytes), (Some(5), 8 << 20));
    assert_eq!((settings.block_budget_bytes, settings.on_failure), (64 << 20, OnFailure::Skip));
    let letters = PathBuf::from("folder/everything.dead-letters.jsonl");
    assert_eq!(settings.on_rejected, OnBadRow::DeadLetter(letters));
    assert_eq!(settings.catch_up, CatchUp::Merge);
    let backpressure = Backpressure {
        enabled: true,
        initial_rate: Some(1_000.0),
        max_rate: Some(50_000.0),
        min_rate: 10.0,
        proportional: 1.0,
        integral: 0.25,
        derivative: 0.5,
    };
    assert_eq!(settings.backpressure, backpressure);
    let [words, tags] = pipeline.plugins.as_slice() else { panic!("{:?}", pipeline.plugins) };
    assert_eq!(words.code, PluginCode::Component("folder/words.wasm".into()));
    assert_eq!(
        (words.memory_bytes, words.cpu_base),
        (Some(64 << 20), Some(Duration::from_secs(2)))
    );
    assert_eq!(tags.code, PluginCode::Source("folder/plugins/tags".into()));
}

#[test]
fn sources_mean_what_is_written() {
    let pipeline = everything();
    let [socket, folder, made, typed, heard, records] = pipeline.sources.as_slice() else {
        panic!("{:?}", pipeline.sources)
    };
    let SourceConnector::Socket { address } = &socket.connector else { panic!("{socket:?}") };
    assert_eq!(address, "localhost:9999");
    assert_eq!((&socket.on_bad_row, socket.line_bytes_max), (&OnBadRow::Skip, 64 << 10));
    assert_eq!(socket.schema.to_string(), "line: utf8");
    let rates = SourceRates { max_rate: Some(2_000.0), max_bytes_rate: Some(f64::from(10 << 20)) };
    assert_eq!((socket.rates, folder.rates), (rates, SourceRates::default()));
    let SourceConnector::Files { path, bounded: true } = &folder.connector else {
        panic!("{folder:?}")
    };
    assert_eq!(path, Path::new("folder/in"));
    assert_eq!(
        (folder.format, &folder.on_bad_row),
        (Format::Json, &OnBadRow::DeadLetter("folder/bad.jsonl".into()))
    );
    let columns = "user: utf8, age: int64?, tags: list<utf8?>";
    assert_eq!(folder.schema.to_string(), columns);
    assert!(matches!(
        made.connector,
        SourceConnector::Generate {
            lines_per_second: 5,
            words_per_line: 2,
            vocabulary: 3,
            lines: Some(4)
        }
    ));
    assert!(matches!(typed.connector, SourceConnector::Stdin));
    assert_eq!(
        typed.on_bad_row,
        OnBadRow::DeadLetter("folder/everything.dead-letters.jsonl".into())
    );
    let SourceConnector::Listen { address, connections_max: 8 } = &heard.connector else {
        panic!("{heard:?}")
    };
    assert_eq!(address, "127.0.0.1:0");
    let csv = CsvFormat { header: true, delimiter: b';', quote: Some(b'\'') };
    assert_eq!((heard.format, heard.schema.to_string()), (Format::Csv(csv), "n: int64?".into()));
    assert_eq!(records.format, Format::Binary { record_bytes: 16 });
    assert_eq!(records.schema.to_string(), "record: binary");
}

#[test]
fn steps_and_sinks_keep_their_order() {
    let pipeline = everything();
    let [all, counts] = pipeline.streams.as_slice() else { panic!("{:?}", pipeline.streams) };
    let words: Vec<&str> = all.steps.iter().map(|step| step.operation.step_word()).collect();
    assert_eq!(words, ["union", "flat_map", "map", "repartition"]);
    assert_eq!(all.steps[1].columns, Some(vec!["line".to_owned()]));
    assert_eq!(all.steps[1].rename, Some(vec!["tag".to_owned()]));
    assert_eq!(json!(all.steps[1].params), json!({ "mark": "#" }));
    assert!(all.steps[2].append);
    assert_eq!(all.steps[2].name.as_deref(), Some("lengths"));
    assert!(matches!(&counts.steps[1].operation, Operation::ReduceByKey(OperatorRef::BuiltIn(_))));
    assert_eq!(counts.steps[1].partitions, Some(3));
    let [second, first, third] = pipeline.sinks.as_slice() else { panic!("{:?}", pipeline.sinks) };
    assert!(matches!(second.connector, SinkConnector::Print { rows: 10 }));
    let SinkConnector::Files { prefix, empty_batches: true, form } = &first.connector else {
        panic!("{first:?}")
    };
    assert_eq!(form, &FileForm::default());
    let SinkConnector::Files { prefix: third, empty_batches: false, form } = &third.connector
    else {
        panic!("{third:?}")
    };
    let suffix = Some("old".to_owned());
    assert_eq!(form, &FileForm { format: FileFormat::Csv, gzip: true, suffix });
    assert_eq!(third, Path::new("folder/out/third"));
    assert_eq!(prefix, Path::new("folder/out/rows"));
    assert_eq!((second.on_failure, first.on_failure), (None, Some(OnFailure::Stop)));
}

#[test]
fn rows_left_out_go_to_the_jobs_own_file_unless_told_otherwise() {
    let settings = |more: &str| {
        let text = GOOD.replace("batch_interval", &format!("{more}\nbatch_interval"));
        let job = JobFile::parse("job.toml", &text, Path::new("folder")).expect("a good job");
        job.pipeline.settings
    };
    let leaves_out = settings("on_failure = \"dead-letter\"\npoison_rows_max = 5");
    assert_eq!((leaves_out.on_failure, leaves_out.poison_rows_max), (OnFailure::Stop, 5));
    assert!(matches!(leaves_out.on_rejected, OnBadRow::DeadLetter(_)));
    let told = settings("on_failure = \"dead-letter\"\non_rejected = { dead_letter = \"x\" }");
    let file = OnBadRow::DeadLetter(PathBuf::from("folder/x"));
    assert_eq!((told.on_rejected, told.poison_rows_max), (file, POISON_ROWS_MAX));
    assert_eq!(settings("").poison_rows_max, 0);
}

#[test]
fn mistake_is_shown_with_its_lines() {
    let text = GOOD.replace("from = \"lines\"", "frm = \"lines\"");
    let errors = JobFile::parse("job.toml", &text, Path::new("")).expect_err("an unknown key");
    let expected = "  × unknown key `frm`
    ╭─[job.toml:9:1]
  8 │ [streams.counts]
  9 │ frm = \"lines\"
    · ───
 10 │ steps = [
    ╰────
  help: did you mean `from`?
";
    assert_eq!(errors.snippets(), expected);
}

#[test]
fn findings_of_planning_point_at_the_part_they_mean() {
    let file = parse(GOOD).expect("a good job");
    let finding = |part| Finding::new(Place::step("counts", 0, part), "wrong");
    let located = |part| file.locate([finding(part)]).to_string();
    assert_eq!(located(Part::As), "job.toml:11:36: wrong");
    assert_eq!(located(Part::Operation), "job.toml:11:16: wrong");
    assert_eq!(located(Part::Columns), "job.toml:11:3: wrong");
}

#[test]
fn file_beyond_the_limit_is_refused_unread() {
    let found = parse(&"#".repeat(JOB_FILE_BYTES_MAX + 1)).expect_err("too long");
    let expected =
        "job.toml:1:1: a job file of 1048577 bytes is too long, at most 1048576 are allowed";
    assert_eq!(found, expected);
}

#[test]
fn deep_nesting_is_a_mistake_and_no_overflow() {
    for text in [
        format!("x = {}", "[".repeat(500_000)),
        format!("x = {}", "{a=".repeat(200_000)),
        format!("{}a = 1", "a.".repeat(400_000)),
        format!("[{}a]\nb = 1", "a.".repeat(400_000)),
        format!("[[{}a]]\nb = 1", "a.".repeat(400_000)),
    ] {
        let found = parse(&text).expect_err("too deep");
        assert!(found.contains("recur"), "{}", &found[..found.len().min(200)]);
    }
}

proptest! {
    /// Any text gives a job or a mistake.
    #[test]
    fn no_text_is_a_panic(text in "\\PC{0,200}") {
        let _ = parse(&text);
    }

    /// Neither does a good job with a piece cut out, doubled or replaced.
    #[test]
    fn no_change_of_a_good_job_is_a_panic(
        at in 0..EVERYTHING.len(),
        length in 0..40_usize,
        piece in "[\\[\\]{}\"=,.a-z0-9\\n é-]{0,20}",
    ) {
        let start = EVERYTHING.floor_char_boundary(at);
        let end = EVERYTHING.floor_char_boundary((start + length).min(EVERYTHING.len()));
        let text = format!("{}{piece}{}", &EVERYTHING[..start], &EVERYTHING[end..]);
        if let Err(errors) = JobFile::parse("job.toml", &text, Path::new("")) {
            prop_assert!(!errors.errors.is_empty());
            prop_assert!(!errors.snippets().is_empty());
        }
    }
}
