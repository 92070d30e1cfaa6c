//! Tests: receivers that a program writes, in a running job.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch, StringArray};
use crossbeam_channel::{Receiver as Told, unbounded};
use tidemill::api::context::StreamingContext;
use tidemill::model::column_type::ColumnType;
use tidemill::model::receiver::{BoxError, Receiver, ReceiverHandle};
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::status::JobEvent;

use crate::job_rig::{Collected, PATIENCE, engine};

const INTERVAL: Duration = Duration::from_millis(20);

fn lines() -> StreamSchema {
    StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)])
}

/// Stores from many threads at its first start, and stays.
#[derive(Default)]
struct Threads {
    kept: Mutex<Option<ReceiverHandle>>,
}

impl Receiver for Threads {
    fn on_start(&self, handle: ReceiverHandle) -> Result<(), BoxError> {
        for number in 0..10 {
            let handle = handle.clone();
            thread::spawn(move || {
                for record in 0..1_000 {
                    handle.store_line(&format!("{number} {record}")).expect("it is taken");
                }
            });
        }
        *self.kept.lock().expect("no panic") = Some(handle);
        Ok(())
    }
}

/// Case I08.
#[test]
fn ten_threads_store_a_thousand_records_each() {
    let mut context = StreamingContext::new(&engine(), INTERVAL);
    let (sender, sums) = unbounded();
    context.receiver_stream(lines(), Threads::default()).count().for_each_batch(
        move |_, partitions| {
            let of = |slice: &RecordBatch| slice.column(0).as_primitive::<Int64Type>().value(0);
            sender.send(partitions.iter().flatten().map(of).sum::<i64>())?;
            Ok(())
        },
    );
    context.start().expect("the job starts");
    let mut sum = 0;
    while sum < 10_000 {
        sum += sums.recv_timeout(PATIENCE).expect("a batch comes");
    }
    context.stop_gracefully().expect("the job drains");
    assert_eq!(sum + sums.try_iter().sum::<i64>(), 10_000);
}

/// Stores one pair a start, and then goes wrong in a way of its own.
struct Unlucky(Mutex<u32>);

impl Receiver for Unlucky {
    fn on_start(&self, handle: ReceiverHandle) -> Result<(), BoxError> {
        let mut starts = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *starts += 1;
        let start = *starts;
        drop(starts);
        let key = Arc::new(StringArray::from(vec!["start"]));
        let one = Arc::new(Int64Array::from(vec![1]));
        handle.store(RecordBatch::try_new(handle.schema().clone(), vec![key, one])?)?;
        match start {
            1 => Err("the queue is gone".into()),
            2 => panic!("a fault of its author's"),
            3 => Ok(()),
            _ => {
                handle.report_error("nothing to worry about");
                while !handle.is_stopped() {
                    thread::yield_now();
                }
                Ok(())
            }
        }
    }
}

/// The trap: in Spark a pusher that failed ended in silence. Here each end is told, and followed
/// by another start; what was stored before it is in a batch.
#[test]
fn a_receiver_is_never_silently_dead() {
    let schema = StreamSchema::new(vec![
        Column::new("key", ColumnType::Utf8),
        Column::new("n", ColumnType::Int64),
    ]);
    let mut context = StreamingContext::new(&engine(), INTERVAL);
    let unlucky = Unlucky(Mutex::new(0));
    let collected = Collected::of(&context.receiver_stream(schema, unlucky));
    let (sender, events): (_, Told<JobEvent>) = unbounded();
    let listener = Box::new(move |event: &JobEvent| drop(sender.send(event.clone())));
    context.start_with(vec![listener]).expect("the job starts");
    let counts = collected.counts_until(|counts| counts.values().sum::<i64>() == 4);
    assert_eq!(counts, BTreeMap::from([("start".to_owned(), 4)]));
    context.stop_gracefully().expect("the job drains");
    drop(context);
    let told: Vec<(String, bool)> = events
        .iter()
        .filter_map(|event| match event {
            JobEvent::Source { message, warning, .. } => Some((message, warning)),
            _ => None,
        })
        .collect();
    for (beginning, warns) in [
        ("`on_start` failed: the queue is gone; starting again in ", true),
        ("`on_start` panicked: a fault of its author's; starting again in ", true),
        ("the receiver ended by itself: `on_start` has returned and no handle is left", true),
        ("nothing to worry about", true),
        ("receiver started", false),
    ] {
        let found = told.iter().find(|(message, _)| message.starts_with(beginning));
        let (_, warning) = found.unwrap_or_else(|| panic!("`{beginning}` is not in {told:?}"));
        assert_eq!(*warning, warns, "{beginning}");
    }
    let starts = told.iter().filter(|(message, _)| message == "receiver started").count();
    assert_eq!(starts, 4);
}
