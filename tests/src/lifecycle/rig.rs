//! Rig: contexts of whole numbers, and what happens to them.
//!
//! Takes batches of numbers. Gives streams of them, and the job's events as they come.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use serde_json::{Value, json};
use tidemill::api::context::StreamingContext;
use tidemill::api::dstream::DStream;
use tidemill::api::given::{DatasetQueue, Partitions};
use tidemill::api::native;
use tidemill::api::test_context::{Collected, TestContext};
use tidemill::driver::engine::{Engine, EngineConfig};
use tidemill::driver::status_board::Listener;
use tidemill::model::operation::NativeOperator;
use tidemill::model::schema::StreamSchema;
use tidemill::model::status::JobEvent;
use tidemill::sys::clock::ManualClock;

use crate::conformance::rig::{config, partitions, rows_of, schema_of};
use crate::job_rig::PATIENCE;

/// Time between the batches of these tests.
pub const SECOND: Duration = Duration::from_secs(1);

/// An engine whose clock a test moves.
pub struct Bench {
    /// Its clock.
    pub clock: ManualClock,
    /// The engine.
    pub engine: Arc<Engine>,
}

impl Bench {
    /// An engine that stands still.
    pub fn new() -> Self {
        let clock = ManualClock::at_ms(86_400_000);
        let config = EngineConfig { clock: Arc::new(clock.clone()), ..config() };
        Self { clock, engine: Engine::start(config).expect("an engine starts") }
    }

    /// A context with a batch a second.
    pub fn context(&self) -> StreamingContext {
        StreamingContext::new(&self.engine, SECOND)
    }
}

/// A context that runs batch by batch.
pub fn test_context() -> TestContext {
    TestContext::new(config(), SECOND).expect("an engine starts")
}

/// One column of whole numbers.
pub fn schema() -> StreamSchema {
    schema_of(&[json!([0])])
}

/// Numbers as the rows of one partition.
pub fn dataset(numbers: &[i64]) -> Partitions {
    let rows: Vec<Value> = numbers.iter().map(|number| json!(number)).collect();
    partitions(&schema(), &rows, 1)
}

/// A stream of these batches; then come empty ones.
pub fn numbers(test: &TestContext, batches: &[&[i64]]) -> DStream {
    test.input(schema(), batches.iter().map(|batch| Some(dataset(batch))).collect())
}

/// A stream of these batches, one at a time, for a context whose clock is moved from outside.
pub fn queued(context: &StreamingContext, batches: &[&[i64]]) -> DStream {
    let queue = DatasetQueue::default();
    batches.iter().for_each(|batch| queue.push(dataset(batch)));
    context.queue_stream(schema(), &queue, true, Vec::new())
}

/// The rows of each batch that was collected.
pub fn rows(collected: &Collected) -> Vec<Vec<Value>> {
    collected.by_time().values().map(rows_of).collect()
}

/// Panics at that number.
pub fn panics_at(number: i64) -> NativeOperator {
    let checked = native::map::<i64, i64, _>("check", move |value, _| {
        assert_ne!(value, number, "an author never thought of it");
        value
    });
    checked.expect("types of streams")
}

/// Stands still until the other end of the channel is let go.
pub fn gate(open: Receiver<()>) -> NativeOperator {
    let gated = native::map::<i64, i64, _>("gate", move |value, _| {
        let _opened = open.recv();
        value
    });
    gated.expect("types of streams")
}

/// A listener, and what it hears.
pub fn ears() -> (Listener, Receiver<JobEvent>) {
    let (sender, events) = unbounded();
    (Box::new(move |event: &JobEvent| drop(sender.send(event.clone()))), events)
}

/// Waits for an event.
pub fn wait_for(events: &Receiver<JobEvent>, wanted: impl Fn(&JobEvent) -> bool) -> JobEvent {
    loop {
        let event = events.recv_timeout(PATIENCE).expect("it is told");
        if wanted(&event) {
            return event;
        }
    }
}
