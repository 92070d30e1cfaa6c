//! Api: a job under a clock that stands still: batches of rows in, batches of rows out.
//!
//! Takes datasets, one for each batch and input. Gives the datasets that streams had. Never sleeps:
//! the clock is moved to the next batch when the one before has ended.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::context::{ContextError, StreamingContext};
use super::dstream::DStream;
use super::given::{DatasetQueue, Partitions};
use crate::driver::engine::{Engine, EngineConfig};
use crate::driver::error::DriverError;
use crate::driver::status_board::Listener;
use crate::model::policy::OnFailure;
use crate::model::schema::StreamSchema;
use crate::model::status::{BatchInfo, JobEvent};
use crate::model::time::{BatchTime, interval_ms};
use crate::sys::clock::ManualClock;

/// Where tests begin: a whole day after the epoch, so that windows of any slide begin there too.
const START_MS: i64 = 86_400_000;

/// A context whose time is moved by [`Self::run`].
#[derive(Debug)]
pub struct TestContext {
    /// The context on which the job is built.
    pub context: StreamingContext,
    /// The engine, for loading plugins.
    pub engine: Arc<Engine>,
    clock: ManualClock,
    interval: Duration,
    events: Option<Receiver<JobEvent>>,
    time: BatchTime,
}

/// The datasets that a stream had, by batch. A batch without one is missing.
#[derive(Debug, Clone, Default)]
pub struct Collected(Arc<Mutex<BTreeMap<BatchTime, Partitions>>>);

impl Collected {
    /// The datasets so far, the oldest first.
    pub fn by_time(&self) -> BTreeMap<BatchTime, Partitions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TestContext {
    /// A context with batches of that interval; the engine is set up as `config` says, but for its
    /// clock. A failed batch is given up and the next one runs, so that a test sees both.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(config: EngineConfig, interval: Duration) -> Result<Self, DriverError> {
        let clock = ManualClock::at_ms(START_MS);
        let config = EngineConfig { clock: Arc::new(clock.clone()), ..config };
        let engine = Engine::start(config)?;
        let mut context = StreamingContext::new(&engine, interval);
        context.settings().on_failure = OnFailure::Skip;
        let time = BatchTime::first_after(START_MS - interval_ms(interval), interval);
        Ok(Self { context, engine, clock, interval, events: None, time })
    }

    /// A stream of these datasets, one for each batch, then empty ones; `None` stands for a batch
    /// without a dataset.
    pub fn input(&self, schema: StreamSchema, datasets: Vec<Option<Partitions>>) -> DStream {
        let queue = DatasetQueue::default();
        for dataset in datasets {
            match dataset {
                Some(partitions) => queue.push(partitions),
                None => queue.push_missing(),
            }
        }
        self.context.queue_stream(schema, &queue, true, Vec::new())
    }

    /// Collects the datasets of a stream.
    pub fn collect(&self, stream: &DStream) -> Collected {
        let collected = Collected::default();
        let kept = Arc::clone(&collected.0);
        stream.for_each_batch(move |time, partitions| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.insert(time, partitions.to_vec());
            Ok(())
        });
        collected
    }

    /// Runs so many batches, one after the other; the first call starts the job.
    ///
    /// # Errors
    /// When the job does not start, or ends before that.
    pub fn run(&mut self, batches: usize) -> Result<Vec<BatchInfo>, ContextError> {
        if self.events.is_none() {
            let (sender, events) = channel();
            let listener: Listener = Box::new(move |event| {
                // A test that is over hears nothing.
                let _sent = sender.send(event.clone());
            });
            self.context.start_with(vec![listener])?;
            self.events = Some(events);
        }
        (0..batches).map(|_| self.next_batch()).collect()
    }

    /// The time of the last batch that ran.
    pub fn time(&self) -> BatchTime {
        self.time
    }

    fn next_batch(&mut self) -> Result<BatchInfo, ContextError> {
        let Some(events) = &self.events else { return Err(ContextError::NotStarted) };
        self.clock.advance(self.interval);
        self.time = self.time.next(self.interval);
        for event in events {
            match event {
                JobEvent::BatchEnded(info) if info.time == self.time => return Ok(info),
                JobEvent::Stopped => break,
                _ => {}
            }
        }
        self.context.await_termination()?;
        Err(ContextError::Ended)
    }
}
