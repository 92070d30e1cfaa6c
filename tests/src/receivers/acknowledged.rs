//! Tests: a block that is acknowledged is known, and the example that relies on it.

use std::io::{BufRead, BufReader, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::{RecordBatch, StringArray};
use crossbeam_channel::{Sender, unbounded};
use tidemill::api::context::StreamingContext;
use tidemill::ingest::ReceiverEvent;
use tidemill::limits::BLOCK_BYTES_MAX;
use tidemill::model::receiver::{BoxError, Receiver, ReceiverHandle, SharedReceiver, StoreError};
use tidemill::model::source::SourceConnector;

use crate::ingest_rig::{Rig, lines, texts};
use crate::job_rig::{Feeder, PATIENCE, engine};

#[path = "../../../host/examples/custom_receiver.rs"]
#[expect(dead_code, reason = "its `main` is for people")]
mod custom_receiver;

const AT_TICKS: Duration = Duration::from_secs(3600);

/// Gives its handle to a test.
struct Lent(Mutex<Option<Sender<ReceiverHandle>>>);

impl Receiver for Lent {
    fn on_start(&self, handle: ReceiverHandle) -> Result<(), BoxError> {
        let sender = self.0.lock().expect("no panic").take().ok_or("it is started once")?;
        Ok(sender.send(handle)?)
    }
}

fn lent() -> (Rig, ReceiverHandle) {
    let (sender, handles) = unbounded();
    let receiver = SharedReceiver(Arc::new(Lent(Mutex::new(Some(sender)))));
    let rig = Rig::start(lines(SourceConnector::Receiver(receiver)), 64 << 20, AT_TICKS);
    let handle = handles.recv_timeout(PATIENCE).expect("the receiver starts");
    (rig, handle)
}

fn rows(handle: &ReceiverHandle, lines: &[&str]) -> RecordBatch {
    let lines = Arc::new(StringArray::from(lines.to_vec()));
    RecordBatch::try_new(handle.schema().clone(), vec![lines]).expect("lines are rows")
}

#[test]
fn a_block_is_acknowledged_when_it_is_known() {
    let (rig, handle) = lent();
    let block = rows(&handle, &["one", "two"]);
    let storing = std::thread::spawn(move || handle.store_block(block).map(|()| handle));
    assert_eq!(rig.event(), ReceiverEvent::Started);
    let ReceiverEvent::Stored(info) = rig.event() else { panic!("the block is stored first") };
    let ReceiverEvent::Acknowledge(acknowledgement) = rig.event() else {
        panic!("it waits for word of it")
    };
    assert!(!storing.is_finished(), "nobody has heard of the block");
    acknowledgement.give();
    storing.join().expect("no panic").expect("it is known now");
    assert_eq!(rig.take(&info), ["one", "two"]);
}

#[test]
fn a_block_keeps_the_order_of_the_rows_before_it() {
    let (rig, handle) = lent();
    handle.store_line("first").expect("it is taken");
    let block = rows(&handle, &["second", "third"]);
    let storing = std::thread::spawn(move || handle.store_block(block).map(|()| handle));
    let mut got = Vec::new();
    loop {
        match rig.event() {
            ReceiverEvent::Stored(info) => got.push(rig.take(&info)),
            ReceiverEvent::Acknowledge(acknowledgement) => break acknowledgement.give(),
            _ => {}
        }
    }
    assert_eq!(got, [vec!["first".to_owned()], vec!["second".to_owned(), "third".to_owned()]]);
    storing.join().expect("no panic").expect("it is known now");
}

#[test]
fn a_block_that_nobody_acknowledges_is_refused_when_the_job_ends() {
    let (rig, handle) = lent();
    let block = rows(&handle, &["one"]);
    let storing = std::thread::spawn(move || handle.store_block(block));
    let event = rig.event_where(|event| matches!(event, ReceiverEvent::Acknowledge(_)));
    // As the events of a job that has ended are.
    drop(event);
    assert_eq!(storing.join().expect("no panic"), Err(StoreError::Stopped));
}

#[test]
fn a_block_that_is_too_large_is_refused() {
    let (_rig, handle) = lent();
    let long = "x".repeat(BLOCK_BYTES_MAX);
    let refused = handle.store_block(rows(&handle, &[&long])).expect_err("it is too large");
    assert!(matches!(refused, StoreError::Block { bytes_max: BLOCK_BYTES_MAX, .. }), "{refused}");
    assert!(handle.store_block(rows(&handle, &[])).is_ok(), "nothing needs no block");
}

#[test]
fn storing_inside_an_asynchronous_runtime_is_refused() {
    let (rig, handle) = lent();
    let refused = rig.runtime.block_on(async { handle.store_line("one") });
    assert_eq!(refused, Err(StoreError::Asynchronous));
}

#[test]
fn bundles_of_the_example_are_acknowledged_and_counted() {
    let feeder = Feeder::new();
    let mut context = StreamingContext::new(&engine(), Duration::from_millis(20));
    let (sender, received) = unbounded();
    custom_receiver::bundles(&context, &feeder.address()).for_each_batch(move |_, partitions| {
        sender.send(partitions.iter().flatten().flat_map(texts).collect::<Vec<_>>())?;
        Ok(())
    });
    context.start().expect("the job starts");
    for bundle in [["a", "b"], ["c", "d"]] {
        // Each over a connection of its own: the receiver connects again by itself.
        let mut stream = feeder.accept();
        write!(stream, "{}\n\nnot acknowledged\n", bundle.join("\n")).expect("it reads");
        let mut answer = String::new();
        BufReader::new(&stream).read_line(&mut answer).expect("it answers");
        assert_eq!(answer, "stored 2\n");
    }
    let mut got = Vec::new();
    while got.len() < 4 {
        got.extend(received.recv_timeout(PATIENCE).expect("a batch comes"));
    }
    assert_eq!(got, ["a", "b", "c", "d"]);
    context.stop_gracefully().expect("the job drains");
}
