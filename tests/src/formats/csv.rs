//! CSV: from files and sockets, and to files.
//!
//! Takes lines as people and other programs write them. Gives nothing but passed or failed.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use tidemill::ingest::ReceiverEvent;
use tidemill::model::column_type::ColumnType;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::source::{CsvFormat, Format, SourceDeclaration};

use super::{PRINT, job, written};
use crate::ingest_rig::{Rig, socket};

const SOURCE: &str = "format = { type = \"csv\", header = true }\n\
                      schema = { user = \"utf8\", age = \"int64?\", day = \"date32\" }";

#[test]
fn files_with_a_header_are_read_and_written_again() {
    let file = "\u{feff}day,more,user,age\r\n2000-02-29,x,\"a, \"\"b\"\"\",\r\n2001-01-01,y,c,7";
    let sinks = format!(
        "{PRINT}\n[sinks.out]\ntype = \"files\"\npath = \"out\"\nfrom = \"rows\"\nformat = \"csv\""
    );
    let job = job(SOURCE, &sinks, &[("a.csv", file.as_bytes())]);
    let ran = job.run(b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.rows(), ["(a, \"b\",null,2000-02-29)", "(c,7,2001-01-01)"]);
    let [file] = written(&job).try_into().expect("one partition is one file");
    assert!(file.ends_with("part-00000.csv"), "{file:?}");
    let expected = "user,age,day\n\"a, \"\"b\"\"\",,2000-02-29\nc,7,2001-01-01\n";
    assert_eq!(fs::read_to_string(file).expect("it is text"), expected);
}

#[test]
fn fields_without_a_header_stand_as_the_schema_does() {
    let source = "format = { type = \"csv\", delimiter = \"\\t\", quote = \"\" }\n\
                  schema = { t = \"utf8\", n = \"int64\" }";
    let job = job(source, PRINT, &[("a.tsv", b"5\" pipe\t1\n\t2\n")]);
    let ran = job.run(b"");
    assert_eq!((ran.code, ran.rows()), (Some(0), vec!["(5\" pipe,1)", "(,2)"]), "{}", ran.err);
}

/// The story: an empty text that the sink had written as two quotes came back as a null.
#[test]
fn what_the_sink_writes_is_read_as_it_was() {
    let source = "format = { type = \"csv\", header = true }\n\
                  schema = { user = \"utf8?\", x = \"float64\", n = \"int64?\" }";
    let file =
        "user,x,n\n\"a,b\",NaN,\n\"\",-Infinity,5\n,1.5,\n\"\"\"\",Infinity,-1\n\u{e9} ,-0.5,0\n";
    let sinks = format!(
        "{PRINT}\n[sinks.out]\ntype = \"files\"\npath = \"out\"\nfrom = \"rows\"\nformat = \"csv\""
    );
    let job = job(source, &sinks, &[("a.csv", file.as_bytes())]);
    let ran = job.run(b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let rows = [
        "(a,b,NaN,null)",
        "(,-Infinity,5)",
        "(null,1.5,null)",
        "(\",Infinity,-1)",
        "(\u{e9} ,-0.5,0)",
    ];
    assert_eq!(ran.rows(), rows);
    let [written] = written(&job).try_into().expect("one partition is one file");
    assert_eq!(fs::read_to_string(written).expect("it is text"), file);
}

#[test]
fn a_bad_line_is_told_with_its_place_and_column() {
    let file = b"day,user,age\n2000-02-29,a,seven\n";
    for (on_bad_row, code) in [("", 1), ("\non_bad_row = \"skip\"", 0)] {
        let ran = job(&format!("{SOURCE}{on_bad_row}"), PRINT, &[("a.csv", file)]).run(b"");
        assert_eq!(ran.code, Some(code), "{}", ran.err);
        let expected = "at byte 13, column `age` is `seven`, expected int64: `2000-02-29,a,seven`";
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
}

#[test]
fn a_header_without_a_column_fails_its_batch() {
    let ran = job(SOURCE, PRINT, &[("a.csv", b"user,day\na,2000-02-29\n")]).run(b"");
    assert_eq!((ran.code, ran.rows()), (Some(1), vec![]), "{}", ran.err);
    let expected = "has 2 bad rows in `";
    assert!(ran.err.contains(expected), "{}", ran.err);
    let expected = "the header has no column `age`, it has `user`, `day`";
    assert!(ran.err.contains(expected), "{}", ran.err);
}

#[test]
fn a_quoted_line_break_is_named_and_takes_no_row_with_it() {
    let source = format!("{SOURCE}\non_bad_row = \"dead-letter\"");
    let file = b"day,user,age\n2000-02-29,\"a\nb\",7\n2000-03-01,c,8\n";
    let job = job(&source, PRINT, &[("a.csv", file)]);
    let ran = job.run(b"");
    assert_eq!((ran.code, ran.rows()), (Some(0), vec!["(c,8,2000-03-01)"]), "{}", ran.err);
    let letters = fs::read_to_string(job.path().join("job.dead-letters.jsonl")).expect("kept");
    assert_eq!(letters.lines().count(), 2, "{letters}");
    assert!(letters.contains("line breaks in fields are not supported"), "{letters}");
}

#[test]
fn lists_are_refused_before_anything_runs() {
    let source = "format = \"json\"\nschema = { tags = \"list<utf8>\" }";
    let sink = "[sinks.out]\ntype = \"files\"\npath = \"out\"\nfrom = \"rows\"\nformat = \"csv\"";
    let job = job(source, sink, &[("a", b"{\"tags\":[]}\n")]);
    for ran in [job.run(b""), job.explain()] {
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        let expected = "column `tags` is list<utf8>, and `csv` has no lists";
        assert!(ran.err.contains(expected) && ran.err.contains("[sinks.out]"), "{}", ran.err);
    }
    assert!(!job.path().join("out").exists());
}

#[test]
fn each_connection_of_a_socket_has_a_header_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let columns = vec![Column::new("t", ColumnType::Utf8), Column::new("n", ColumnType::Int64)];
    let declared = SourceDeclaration {
        format: Format::Csv(CsvFormat { header: true, ..CsvFormat::default() }),
        schema: StreamSchema::new(columns),
        ..socket(listener.local_addr().expect("it is bound"))
    };
    let rig = Rig::start(declared, 8 << 20, Duration::ZERO);
    for (text, expected) in
        [("n,t\n1,a\n2,b", vec!["a", "b"]), ("t,n\nc,3\n", vec!["c"]), ("n\n1\n", vec![])]
    {
        let (mut sender, _) = listener.accept().expect("the receiver connects");
        sender.write_all(text.as_bytes()).expect("it reads");
        drop(sender);
        rig.event_where(|event| matches!(event, ReceiverEvent::Connected { .. }));
        let mut told = vec![rig.event()];
        while !matches!(told.last(), Some(ReceiverEvent::Closed { .. })) {
            told.push(rig.event());
        }
        rig.supervisor.seal();
        told.extend(rig.events.try_iter().map(|(_, event)| event));
        let mut rows = Vec::new();
        for event in &told {
            if let ReceiverEvent::Stored(info) = event {
                rows.extend(rig.take(info));
            }
        }
        assert_eq!(rows, expected);
        let bad = told.iter().any(|event| matches!(event, ReceiverEvent::BadRows { count: 2, .. }));
        assert_eq!(bad, expected.is_empty(), "{told:?}");
    }
}
