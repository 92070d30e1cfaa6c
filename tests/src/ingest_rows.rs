//! Tests of ingest: what becomes of rows, good and bad, and of sources that are no sockets.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use tidemill::ingest::ReceiverEvent;
use tidemill::model::column_type::ColumnType;
use tidemill::model::policy::OnBadRow;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::source::{Format, SourceConnector, SourceDeclaration};

use crate::ingest_rig::{Rig, is_canonical, lines, socket};

const AT_ONCE: Duration = Duration::ZERO;
const BUDGET: usize = 8 << 20;

fn json(listener: &TcpListener, on_bad_row: OnBadRow) -> SourceDeclaration {
    let columns =
        vec![Column::new("word", ColumnType::Utf8), Column::new("n", ColumnType::Int64).nullable()];
    let address = listener.local_addr().expect("it is bound");
    SourceDeclaration {
        format: Format::Json,
        schema: StreamSchema::new(columns),
        on_bad_row,
        ..socket(address)
    }
}

fn connect(on_bad_row: OnBadRow) -> (Rig, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let rig = Rig::start(json(&listener, on_bad_row), BUDGET, AT_ONCE);
    let (sender, _) = listener.accept().expect("the receiver connects");
    (rig, sender)
}

#[test]
fn bad_json_goes_to_the_dead_letter_file() {
    let path = "/dead/letters.jsonl";
    let (rig, mut sender) = connect(OnBadRow::DeadLetter(path.into()));
    let sent = b"{\"word\":\"a\",\"n\":1}\nnot json\n{\"n\":2}\n\xff\n{\"word\":\"b\"}\n";
    sender.write_all(sent).expect("it reads");
    assert_eq!(rig.rows(2), ["a", "b"]);
    let written = rig.storage.files().remove(Path::new(path)).expect("it is there");
    let written = String::from_utf8(written).expect("it is text");
    let reasons = ["a line is not JSON", "column `word` is missing", "a line is not valid UTF-8"];
    assert_eq!(written.lines().count(), 3, "{written}");
    for (line, reason) in written.lines().zip(reasons) {
        let line: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
        assert_eq!(line["source"], "lines");
        assert!(line["reason"].as_str().is_some_and(|r| r.starts_with(reason)), "{line}");
    }
}

#[test]
fn a_bad_row_fails_the_block_it_came_in() {
    let (rig, mut sender) = connect(OnBadRow::Fail);
    sender.write_all(b"{\"word\":\"a\",\"n\":\"x\"}\n{\"word\":\"b\"}\n").expect("it reads");
    let stored = rig.event_where(|event| matches!(event, ReceiverEvent::Stored(_)));
    let ReceiverEvent::Stored(info) = stored else { unreachable!("it was looked for") };
    let block = rig.manager.get(info.id).expect("it is kept");
    let failure = block.failure.as_deref().expect("it is poisoned");
    let expected = "source `lines` has 1 bad row; column `n` is `\"x\"`, expected int64: `";
    assert!(failure.starts_with(expected), "{failure}");
    assert_eq!(info.bad_rows, 1);
}

#[test]
fn blocks_of_json_are_in_canonical_form() {
    let (rig, mut sender) = connect(OnBadRow::Skip);
    let sent: String = (0..20_000).map(|n| format!("{{\"word\":\"w{n}\",\"n\":{n}}}\n")).collect();
    sender.write_all(sent.as_bytes()).expect("it reads");
    let mut rows = 0;
    while rows < 20_000 {
        if let ReceiverEvent::Stored(info) = rig.event() {
            let block = rig.manager.get(info.id).expect("it is kept");
            assert!(block.slices.iter().all(is_canonical));
            rows += info.rows;
        }
    }
}

#[test]
fn text_without_a_rate_fills_the_budget_and_no_more() {
    let connector = SourceConnector::Generate {
        lines_per_second: 0,
        words_per_line: 10,
        vocabulary: 5_000,
        lines: Some(200_000),
    };
    let rig = Rig::start(lines(connector), 2 << 20, AT_ONCE);
    let mut got = 0;
    while got < 200_000 {
        got += rig.rows(1).len();
    }
    assert_eq!(got, 200_000);
    assert!(rig.manager.gauges().held_bytes_max < 3 << 20, "{:?}", rig.manager.gauges());
}
