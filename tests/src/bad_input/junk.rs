//! Binary junk where lines or JSON are expected.
//!
//! Takes bytes that follow from a seed. Gives them to sources of both formats, over a socket and on
//! standard input. Counts every line: it is a row or a bad row, and the next good line is a row.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use tidemill::ingest::ReceiverEvent;
use tidemill::model::column_type::ColumnType;
use tidemill::model::policy::OnBadRow;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::source::{Format, SourceDeclaration};
use tidemill::sys::entropy::{Entropy, SeededEntropy};

use crate::bad_input::acts_on_a_terminal;
use crate::ingest_rig::{Rig, socket};
use crate::set_up::job_folder::JobFolder;

/// Enough that every run of the decoder is full of it.
const JUNK_BYTES: usize = 2 << 20;
const BUDGET: usize = 8 << 20;
/// What comes after the junk, in both formats.
const LAST: &str = "{\"line\":\"last\"}";

/// Bytes of every value, in lines of some hundred bytes, the last one whole.
fn junk(seed: u64) -> Vec<u8> {
    let entropy = SeededEntropy::new(seed);
    let mut junk = Vec::with_capacity(JUNK_BYTES + 8);
    while junk.len() < JUNK_BYTES {
        junk.extend_from_slice(&entropy.next_u64().to_le_bytes());
    }
    junk.push(b'\n');
    junk
}

fn lines_of(junk: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = junk.strip_suffix(b"\n").unwrap_or(junk);
    whole.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn declared(address: impl ToString, format: Format) -> SourceDeclaration {
    let on_bad_row = OnBadRow::Skip;
    let schema = StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)]);
    SourceDeclaration { format, schema, on_bad_row, ..socket(address) }
}

/// Sends junk and a good line to a source; gives its rows, and how many lines were bad.
fn received(junk: &[u8], format: Format) -> (Vec<String>, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let rig = Rig::start(declared(address, format), BUDGET, Duration::ZERO);
    let (mut sender, _) = listener.accept().expect("the receiver connects");
    let mut sent = junk.to_vec();
    sent.extend_from_slice(LAST.as_bytes());
    sent.push(b'\n');
    let sending = std::thread::spawn(move || sender.write_all(&sent));
    let (mut rows, mut bad) = (Vec::new(), 0);
    while rows.last().is_none_or(|row: &String| !row.contains("last")) {
        match rig.event() {
            ReceiverEvent::Stored(info) => rows.extend(rig.take(&info)),
            ReceiverEvent::BadRows { count, first } => {
                assert!(!first.chars().any(char::is_control), "{first:?}");
                bad += count;
            }
            ReceiverEvent::Connected { .. } | ReceiverEvent::Closed { .. } => {}
            other => panic!("unexpected {other:?}"),
        }
    }
    sending.join().expect("no panic").expect("it was read");
    (rows, bad)
}

#[test]
fn junk_among_lines_is_counted_and_takes_no_good_line_with_it() {
    for seed in 0..4 {
        let junk = junk(seed);
        let (good, bad): (Vec<_>, Vec<_>) =
            lines_of(&junk).map(std::str::from_utf8).partition(Result::is_ok);
        let mut expected: Vec<String> = good.into_iter().flatten().map(ToOwned::to_owned).collect();
        assert!(!expected.is_empty() && !bad.is_empty(), "seed {seed} makes both");
        expected.push(LAST.to_owned());
        assert_eq!(received(&junk, Format::Lines), (expected, bad.len() as u64), "seed {seed}");
    }
}

#[test]
fn junk_among_json_is_counted_and_takes_no_good_line_with_it() {
    for seed in 0..4 {
        let junk = junk(seed);
        let blank = |line: &&[u8]| !line.trim_ascii().is_empty();
        let bad = lines_of(&junk).filter(blank).count() as u64;
        assert_eq!(received(&junk, Format::Json), (vec!["last".to_owned()], bad), "seed {seed}");
    }
}

fn job(on_bad_row: &str) -> JobFolder {
    JobFolder::new(&format!(
        "name = \"job\"\nbatch_interval = \"20ms\"\n\
         [sources.lines]\ntype = \"stdin\"\n{on_bad_row}\
         [sinks.console]\ntype = \"print\"\nfrom = \"lines\"\nrows = 10000\n"
    ))
}

#[test]
fn junk_on_standard_input_reaches_no_terminal() {
    let mut input = junk(5);
    input.extend_from_slice(b"\x1b]0;owned\x07\x1b[2J\nlast\n");
    let ran = job("on_bad_row = \"skip\"\n").run(&input);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("last\n"), "{}", ran.out);
    assert!(ran.err.contains("bad rows, the first: a line is not valid UTF-8: `"), "{}", ran.err);
    assert!(!acts_on_a_terminal(&ran.err) && !acts_on_a_terminal(&ran.out));
}

#[test]
fn junk_fails_the_batch_unless_the_job_says_otherwise() {
    let ran = job("").run(b"fine\n\xff\xfe\n");
    assert_eq!((ran.code, ran.rows()), (Some(1), vec![]), "{}", ran.err);
    let error = ran.err.lines().find(|line| line.starts_with("error: batch ")).unwrap_or_default();
    let expected = "source `lines` has 1 bad row; a line is not valid UTF-8: `";
    assert!(error.contains(expected), "{}", ran.err);
    assert!(ran.err.contains("1 failed"), "{}", ran.err);
    // It was told by the source, and again by the batch that failed of it.
    assert_eq!(ran.err.matches("not valid UTF-8").count(), 1, "said once: {}", ran.err);
    assert!(ran.err.contains(", 1 bad"), "and counted: {}", ran.err);
}

#[test]
fn junk_in_a_file_is_told_once_with_its_place() {
    let source = "[sources.lines]\ntype = \"files\"\npath = \"in\"\nbounded = true\n";
    let job = JobFolder::new(&format!(
        "name = \"job\"\nbatch_interval = \"20ms\"\n{source}\
         [sinks.console]\ntype = \"print\"\nfrom = \"lines\"\n"
    ));
    std::fs::create_dir(job.path().join("in")).expect("it is new");
    job.put("in/file", b"fine\n\xff\xfe\n");
    let ran = job.run(b"");
    assert_eq!((ran.code, ran.rows()), (Some(1), vec![]), "{}", ran.err);
    let error = ran.err.lines().find(|line| line.starts_with("error: batch ")).unwrap_or_default();
    assert!(error.contains("at byte 5, a line is not valid UTF-8: `"), "{}", ran.err);
    assert_eq!(ran.err.matches("in/file`").count(), 1, "said once: {}", ran.err);
    assert!(ran.err.contains(", 1 bad"), "and counted: {}", ran.err);
}
