//! A source that listens: many who connect at once, and every way in which they leave.
//!
//! Takes real connections over the loopback. Gives nothing but passed or failed. Never waits on a
//! clock: it waits for what the source tells.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use tidemill::ingest::ReceiverEvent;
use tidemill::model::column_type::ColumnType;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::source::{CsvFormat, Format, SourceConnector, SourceDeclaration};

use crate::ingest_rig::{Rig, counted, lines};
use crate::job_rig::reset;
use crate::set_up::job_folder::JobFolder;
use crate::set_up::patience::patiently;

const BUDGET: usize = 8 << 20;

fn declared(connections_max: usize) -> SourceDeclaration {
    lines(SourceConnector::Listen { address: "127.0.0.1:0".to_owned(), connections_max })
}

/// A source that listens, and where.
fn start(source: SourceDeclaration, budget: usize) -> (Rig, String) {
    let rig = Rig::start(source, budget, Duration::ZERO);
    let ReceiverEvent::Told { message, warning: false } = rig.event() else {
        panic!("it tells where it listens")
    };
    let address = message.strip_prefix("listens on ").expect("it tells where it listens");
    let address = address.to_owned();
    (rig, address)
}

fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address).expect("it listens")
}

fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).expect("it reads");
}

#[test]
fn lines_of_many_connections_are_kept_whole_and_in_order() {
    let (rig, address) = start(declared(8), BUDGET);
    let senders = (0..8).map(|sender| {
        let mut stream = connect(&address);
        std::thread::spawn(move || {
            let text: String = (0..2_000).map(|n| format!("{sender} {n}\n")).collect();
            // In pieces that end within lines.
            text.as_bytes().chunks(1_009).for_each(|piece| stream.write_all(piece).expect("read"));
        })
    });
    let senders: Vec<_> = senders.collect();
    let mut next = [0; 8];
    let mut rows = 0;
    while rows < 16_000 {
        for line in rig.rows(1) {
            let (sender, number) = line.split_once(' ').expect("a line is whole");
            let sender: usize = sender.parse().expect("a line is whole");
            assert_eq!(number.parse(), Ok(next[sender]), "of sender {sender}");
            next[sender] += 1;
            rows += 1;
        }
    }
    senders.into_iter().for_each(|sender| sender.join().expect("everything was sent"));
}

#[test]
fn a_last_line_is_kept_on_a_clean_end_and_dropped_on_a_reset() {
    let (rig, address) = start(declared(8), BUDGET);
    let (mut clean, mut broken) = (connect(&address), connect(&address));
    send(&mut clean, "\u{feff}clean\npa");
    send(&mut broken, "broken\npart");
    let mut whole = rig.rows(2);
    whole.sort_unstable();
    assert_eq!(whole, ["broken", "clean"]);
    send(&mut clean, "rt");
    drop(clean);
    assert_eq!(rig.rows(1), ["part"], "nothing of another connection is in it");
    let told = reset_told(&rig, broken);
    assert_eq!(told, ReceiverEvent::PartialLineDropped { bytes: 4 });
    let mut later = connect(&address);
    send(&mut later, "later\n");
    assert_eq!(rig.rows(1), ["later"], "it still listens");
}

/// Ends a connection with a reset; gives what is told when its line is dropped.
fn reset_told(rig: &Rig, stream: TcpStream) -> ReceiverEvent {
    let peer = stream.local_addr().expect("it is connected");
    reset(stream);
    let lost = format!("lost the connection from {peer}: ");
    rig.event_where(|event| match event {
        ReceiverEvent::Told { message, warning } => *warning && message.starts_with(&lost),
        _ => false,
    });
    rig.event()
}

#[test]
fn lines_that_are_bad_are_told_whoever_sent_them() {
    let (rig, address) = start(declared(8), BUDGET);
    let (mut long, mut other) = (connect(&address), connect(&address));
    send(&mut long, &"x".repeat(2_000));
    let bad = rig.event_where(|event| matches!(event, ReceiverEvent::BadRows { .. }));
    let ReceiverEvent::BadRows { count: 1, first } = bad else { panic!("{bad:?}") };
    assert!(first.starts_with("a line is longer than 1024 bytes: `xxx"), "{first}");
    send(&mut other, "fine\n");
    assert_eq!(rig.rows(1), ["fine"]);
    send(&mut long, "rest of it\nafter\n");
    assert_eq!(rig.rows(1), ["after"], "the rest of a long line is no line");
}

#[test]
fn a_full_budget_slows_every_sender_and_loses_nothing() {
    const LINES: usize = 50_000;
    let (rig, address) = start(declared(8), 2 << 20);
    let senders = (0..4).map(|sender| {
        let mut stream = connect(&address);
        std::thread::spawn(move || {
            let text: String = (0..LINES).map(|n| format!("{sender} {n:0>290}\n")).collect();
            stream.write_all(text.as_bytes()).expect("it reads in the end");
        })
    });
    let senders: Vec<_> = senders.collect();
    // Nobody takes a block: what is held grows until no connection is read any further.
    let mut stored = Vec::new();
    while rig.manager.gauges().held_bytes < (2 << 20) - (512 << 10) {
        if let ReceiverEvent::Stored(info) = rig.event() {
            stored.push(info);
        }
    }
    assert!(senders.iter().any(|sender| !sender.is_finished()), "58 MB do not fit");
    let mut got: Vec<String> = stored.iter().flat_map(|info| rig.take(info)).collect();
    while got.len() < 4 * LINES {
        got.extend(rig.rows(1));
    }
    senders.into_iter().for_each(|sender| sender.join().expect("everything was sent"));
    assert!(rig.manager.gauges().held_bytes_max < 4 << 20, "{:?}", rig.manager.gauges());
    let counts = counted(got);
    assert_eq!((counts.len(), counts.values().max()), (4 * LINES, Some(&1)));
}

#[test]
fn further_connections_wait_until_one_ends() {
    let (rig, address) = start(declared(1), BUDGET);
    let (mut first, mut second) = (connect(&address), connect(&address));
    send(&mut second, "second\n");
    let full = "has 1 connection; further ones wait";
    rig.event_where(
        |event| matches!(event, ReceiverEvent::Told { message, .. } if message == full),
    );
    send(&mut first, "first\n");
    assert_eq!(rig.rows(1), ["first"]);
    drop(first);
    assert_eq!(rig.rows(1), ["second"]);
}

#[test]
fn each_connection_has_a_header_of_its_own() {
    let columns = vec![Column::new("t", ColumnType::Utf8), Column::new("n", ColumnType::Int64)];
    let source = SourceDeclaration {
        format: Format::Csv(CsvFormat { header: true, ..CsvFormat::default() }),
        schema: StreamSchema::new(columns),
        ..declared(8)
    };
    let (rig, address) = start(source, BUDGET);
    let (mut one, mut two) = (connect(&address), connect(&address));
    send(&mut one, "t,n\na,1\n");
    assert_eq!(rig.rows(1), ["a"]);
    send(&mut two, "n,more,t\n2,x,b\n");
    assert_eq!(rig.rows(1), ["b"]);
    send(&mut one, "c,3\n");
    assert_eq!(rig.rows(1), ["c"]);
    send(&mut two, "4,y,d\n");
    assert_eq!(rig.rows(1), ["d"]);
}

#[test]
fn a_stop_stores_what_was_received() {
    let rig = Rig::start(declared(8), BUDGET, Duration::from_secs(3600));
    let ReceiverEvent::Told { message, .. } = rig.event() else { panic!("it listens") };
    let mut stream = connect(message.trim_start_matches("listens on "));
    send(&mut stream, "whole\npart");
    patiently("bytes are held", || (rig.manager.gauges().held_bytes > 0).then_some(()));
    let Rig { supervisor, events, manager, runtime, .. } = rig;
    supervisor.stop();
    let told: Vec<ReceiverEvent> = events.try_iter().map(|(_, event)| event).collect();
    assert!(told.contains(&ReceiverEvent::PartialLineDropped { bytes: 4 }), "{told:?}");
    assert!(told.iter().any(|event| matches!(event, ReceiverEvent::Stored(i) if i.rows == 1)));
    assert_eq!(manager.gauges().blocks, 1);
    drop(runtime);
}

fn job(address: &str) -> JobFolder {
    JobFolder::new(&format!(
        "name = \"job\"\nbatch_interval = \"20ms\"\n\
         [sources.lines]\ntype = \"listen\"\naddress = \"{address}\"\n\
         [sinks.console]\ntype = \"print\"\nfrom = \"lines\"\n"
    ))
}

#[test]
fn a_job_tells_where_it_listens_and_prints_what_comes() {
    let job = job("127.0.0.1:0");
    let mut program = job.watch();
    let told = program.told("listens on 127.0.0.1:");
    let address = told.split("listens on ").nth(1).expect("an address").trim().to_owned();
    let mut stream = connect(&address);
    send(&mut stream, "hello from elsewhere\n");
    program.printed("hello from elsewhere");
    program.signal("INT");
    let ran = program.end();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn an_address_that_is_taken_is_told_before_anything_runs() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = taken.local_addr().expect("it is bound").to_string();
    let ran = job(&address).run(b"");
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    let expected = format!("source `lines` cannot listen on `{address}`: ");
    assert!(ran.err.contains(&expected) && ran.err.contains("[sources.lines]"), "{}", ran.err);
}
