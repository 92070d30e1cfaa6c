//! Config: broadcasts and joins with them: what good ones mean, and their mistakes.
//!
//! Takes a broadcast behind the good job. Gives its meaning, or what is said of it.

use std::path::Path;
use std::time::Duration;

use super::{GOOD, STEP, check, parse};
use crate::model::broadcast::{BroadcastFile, BroadcastOrigin, Reload};
use crate::model::join::JoinKind;
use crate::model::operation::Operation;
use crate::model::operation::verb::{BroadcastJoin, Verb};
use crate::model::policy::OnBadRow;
use crate::model::source::Format;

const TABLE: &str = "type = \"file\"\npath = \"table.jsonl\"\nformat = \"json\"\n\
                     schema = { k = \"int64\" }";

fn with(table: &str) -> String {
    format!("{GOOD}[broadcasts.table]\n{table}\n")
}

fn file(table: &str) -> BroadcastFile {
    let mut broadcasts = parse(&with(table)).expect(table).pipeline.broadcasts;
    match broadcasts.remove(0).origin {
        BroadcastOrigin::File(file) => file,
        other => panic!("a file was expected, found {other:?}"),
    }
}

/// The first line of the table is line 17.
fn refused(table: &str, expected: &str) {
    let found = parse(&with(table)).map(|_| "fine".to_owned()).unwrap_or_else(|errors| errors);
    assert_eq!(found.replace("job.toml:", ""), expected);
}

#[test]
fn a_table_is_read_as_a_source_of_files_is() {
    let read = file(TABLE);
    assert_eq!(read.path, Path::new("folder/table.jsonl"));
    assert_eq!((read.records.format, read.reload), (Format::Json, Reload::Never));
    assert_eq!(read.records.on_bad_row, OnBadRow::Fail);
    let lines = file("type = \"file\"\npath = \"a.txt\"\non_bad_row = \"skip\"");
    assert_eq!(lines.records.schema.to_string(), "line: utf8");
    assert_eq!(lines.records.on_bad_row, OnBadRow::Skip);
}

#[test]
fn reload_is_a_word_or_a_time() {
    let reload = |written: &str| file(&format!("{TABLE}\nreload = \"{written}\"")).reload;
    assert_eq!(reload("never"), Reload::Never);
    assert_eq!(reload("on-change"), Reload::OnChange);
    assert_eq!(reload("5m"), Reload::Every(Duration::from_secs(300)));
    let wrong = |written: &str, expected: &str| {
        refused(&format!("{TABLE}\nreload = \"{written}\""), expected);
    };
    wrong(
        "on change",
        "21:10: `reload` is \"on change\", allowed are `never`, `on-change` and a time such as \
         `5m`",
    );
    wrong("0s", "21:10: `reload` is 0s, allowed are 1ms to 1day");
    wrong("2days", "21:10: `reload` is 2days, allowed are 1ms to 1day");
}

#[test]
fn what_a_table_lacks_is_named() {
    refused("type = \"file\"", "16:1: broadcast `table` has no `path`, which is required");
    refused(
        "type = \"file\"\npath = \"a\"\nformat = \"csv\"",
        "19:10: broadcast `table` has no `schema`, which the format `csv` needs",
    );
    refused(
        &TABLE.replace("\"file\"", "\"socket\""),
        "17:8: `socket` is no broadcast type, allowed are `file`",
    );
}

#[test]
fn a_join_takes_the_broadcast_and_its_columns() {
    let join = |written: &str| {
        let text = GOOD.replace(STEP, written);
        let step = parse(&text).expect(written).pipeline.streams[0].steps[0].clone();
        match step.operation {
            Operation::Verb(Verb::BroadcastJoin(join)) => join,
            other => panic!("a join was expected, found {other:?}"),
        }
    };
    let plain = BroadcastJoin {
        with: "table".to_owned(),
        on: vec!["k".to_owned()],
        kind: JoinKind::Inner,
        null_equal: true,
        prefix: None,
    };
    assert_eq!(join(r#"broadcast_join = { with = "table", on = ["k"] }"#), plain);
    // One column stands as it is, as in `key_by`.
    assert_eq!(join(r#"broadcast_join = { with = "table", on = "k" }"#), plain);
    let left = BroadcastJoin {
        kind: JoinKind::LeftOuter,
        null_equal: false,
        prefix: Some("t_".to_owned()),
        ..plain
    };
    let more = r#"on = ["k"], kind = "left", null_equal = false }, as = { right = "t_" }"#;
    assert_eq!(join(&format!("broadcast_join = {{ with = \"table\", {more}")), left);
}

#[test]
fn mistakes_of_a_join_are_named() {
    check(
        STEP,
        r#"broadcast_join = { with = "table", on = ["k"], kind = "full" }"#,
        "11:59: `full` is no kind of a join with a broadcast, allowed are `inner`, `left`, `anti`",
    );
    check(
        STEP,
        r#"broadcast_join = { with = "table", on = ["k"] }, as = ["a"]"#,
        "11:59: `as` cannot stand beside `broadcast_join` as a list (say what the names of the \
         broadcast's other columns begin with: `as = { right = \"...\" }`)",
    );
}
