//! Receivers around slow batches and graceful stops: what is stored is in exactly one batch.
//!
//! Takes receivers that a test leads by the hand. Gives the rows of every batch. The clock is moved
//! only where a test says so.

use std::sync::{Arc, Mutex};

use arrow_array::{Int64Array, RecordBatch};
use crossbeam_channel::{Receiver as Channel, Sender, bounded, unbounded};
use serde_json::{Value, json};
use tidemill::api::context::StreamingContext;
use tidemill::api::dstream::DStream;
use tidemill::api::native;
use tidemill::model::receiver::{BoxError, Receiver, ReceiverHandle};
use tidemill::model::status::{BatchSubmission, JobEvent};

use super::rig::{Bench, SECOND, ears, queued, schema, wait_for};
use crate::conformance::rig::rows_of;
use crate::job_rig::PATIENCE;

/// Numbers as rows of [`schema`].
fn rows(numbers: impl IntoIterator<Item = i64>) -> RecordBatch {
    let numbers = Arc::new(Int64Array::from_iter_values(numbers));
    RecordBatch::try_new(schema().to_arrow(), vec![numbers]).expect("numbers are rows")
}

/// The rows of each batch, as it is published.
fn published(stream: &DStream) -> Channel<Vec<Value>> {
    let (sender, batches) = unbounded();
    stream.for_each_batch(move |_, partitions| Ok(sender.send(rows_of(&partitions.to_vec()))?));
    batches
}

/// Stores one number for each word from outside, and is not done before the fifteenth.
struct Slow {
    words: Channel<()>,
    stopping: Sender<()>,
    done: (Sender<()>, Channel<()>),
}

impl Receiver for Slow {
    fn on_start(&self, handle: ReceiverHandle) -> Result<(), BoxError> {
        for number in 1..=15 {
            self.words.recv()?;
            handle.store(rows([number]))?;
        }
        self.done.0.send(())?;
        // It has nothing left to do, but a receiver that ends is started again.
        while !handle.is_stopped() {
            std::thread::yield_now();
        }
        Ok(())
    }

    fn on_stop(&self) {
        let _heard = self.stopping.send(());
        let _done = self.done.1.recv_timeout(PATIENCE);
    }
}

/// Case Y04: a graceful stop waits for a receiver that has more to store, and works it off.
#[test]
fn a_graceful_stop_waits_for_a_slow_receiver() {
    let bench = Bench::new();
    let mut context = bench.context();
    let ((word, words), (stopping, stops)) = (unbounded(), unbounded());
    let slow = Slow { words, stopping, done: bounded(1) };
    let batches = published(&context.receiver_stream(schema(), slow));
    context.start().expect("it starts");
    (0..5).for_each(|_| word.send(()).expect("it listens"));
    let stopper = std::thread::spawn(move || context.stop_gracefully());
    stops.recv_timeout(PATIENCE).expect("it is told to stop");
    (0..10).for_each(|_| word.send(()).expect("it listens"));
    stopper.join().expect("it ends").expect("everything was worked off");
    let all: Vec<Value> = batches.iter().flatten().collect();
    assert_eq!(json!(all), json!((1..=15).collect::<Vec<_>>()));
}

/// Gives its handle to a test.
struct Lent(Mutex<Option<Sender<ReceiverHandle>>>);

impl Receiver for Lent {
    fn on_start(&self, handle: ReceiverHandle) -> Result<(), BoxError> {
        let sender = self.0.lock().expect("no panic").take().ok_or("it is started once")?;
        Ok(sender.send(handle)?)
    }
}

/// A stream of what a test stores.
fn lent(context: &StreamingContext) -> (DStream, Channel<ReceiverHandle>) {
    let (sender, handles) = unbounded();
    let receiver = Lent(Mutex::new(Some(sender)));
    (context.receiver_stream(schema(), receiver), handles)
}

fn submission(event: JobEvent) -> BatchSubmission {
    match event {
        JobEvent::BatchSubmitted(batch) => batch,
        other => panic!("{other:?}"),
    }
}

/// Case Y06. What was lost in Spark (SPARK-6222): while a batch took long, later ones were made,
/// and the blocks of the slow batch were thrown away with what those had done with.
#[test]
fn blocks_of_a_batch_that_does_not_end_are_kept_for_it() {
    for concurrent_jobs in [1, 8] {
        let bench = Bench::new();
        let mut context = bench.context();
        context.settings().concurrent_jobs = concurrent_jobs;
        let (stream, handles) = lent(&context);
        let (opener, open) = bounded::<()>(0);
        let stands = native::map::<i64, i64, _>("stands", move |number, _| {
            let _opened = (number == 3).then(|| open.recv());
            number
        });
        // A block is read once more behind the one that stands still.
        let batches = published(&stream.map(stands.expect("whole numbers")).union(&stream));
        let (listener, events) = ears();
        context.start_with(vec![listener]).expect("it starts");
        let handle = handles.recv_timeout(PATIENCE).expect("it starts");
        for number in 1..=10 {
            handle.store_block(rows([number])).expect("it is known");
            bench.clock.advance(SECOND);
            let told = wait_for(&events, |event| matches!(event, JobEvent::BatchSubmitted(_)));
            assert_eq!(submission(told).rows(), 1, "batch {number}");
        }
        drop(opener);
        context.stop_gracefully().expect("all of them end");
        let batches: Vec<Vec<Value>> = batches.try_iter().filter(|rows| !rows.is_empty()).collect();
        let expected: Vec<[i64; 2]> = (1..=10).map(|number| [number, number]).collect();
        assert_eq!(json!(batches), json!(expected), "{concurrent_jobs} at once");
    }
}

/// Case H01: rows are counted however they are stored. Spark did not know how many there were in a
/// block of bytes; here each is decoded, and counted.
#[test]
fn rows_are_counted_however_they_are_stored() {
    let bench = Bench::new();
    let mut context = bench.context();
    let (stream, handles) = lent(&context);
    stream.for_each_batch(|_, _| Ok(()));
    let (listener, events) = ears();
    context.start_with(vec![listener]).expect("it starts");
    let handle = handles.recv_timeout(PATIENCE).expect("it starts");
    let stored = |count: i64| {
        handle.store_block(rows(0..count)).expect("it is known");
        bench.clock.advance(SECOND);
        submission(wait_for(&events, |event| matches!(event, JobEvent::BatchSubmitted(_)))).rows()
    };
    assert_eq!([25, 50, 75, 100].map(stored), [25, 50, 75, 100]);
    (0..30).for_each(|number| handle.store(rows([number])).expect("it is taken"));
    handle.store(rows(0..20)).expect("it is taken");
    // A block is known only after what was stored before it.
    assert_eq!(stored(150), 200);
    context.stop().expect("it stops");
}

/// A source that nothing reads is none too many: what it receives goes with its batches.
#[test]
fn blocks_that_nobody_reads_are_let_go_with_their_batch() {
    let bench = Bench::new();
    let mut context = bench.context();
    let (_unread, handles) = lent(&context);
    queued(&context, &[&[1], &[2]]).for_each_batch(|_, _| Ok(()));
    let (listener, events) = ears();
    context.start_with(vec![listener]).expect("it starts");
    let handle = handles.recv_timeout(PATIENCE).expect("it starts");
    for _ in 0..3 {
        handle.store_block(rows(0..100)).expect("it is known");
        bench.clock.advance(SECOND);
        wait_for(&events, |event| matches!(event, JobEvent::BatchEnded(_)));
    }
    context.stop_gracefully().expect("it stops");
    let (held, most) = context.status().expect("it ran").held_bytes;
    assert_eq!(held, 0);
    assert!(most > 0, "there was something to let go");
}
