//! Api: a job under a clock that stands still: batches of rows in, batches of rows out.
//!
//! Takes datasets, one for each batch and input. Gives the datasets that streams had. Never sleeps:
//! the clock is moved to the next batch when the one before has ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_array::RecordBatch;

use super::context::{ContextError, StreamingContext};
use super::dstream::{BoxError, DStream};
use super::given::{DatasetQueue, Partitions, line_schema, lines};
use super::moved_clock::MovedClock;
use crate::driver::engine::{Engine, EngineConfig};
use crate::driver::error::DriverError;
use crate::model::policy::OnFailure;
use crate::model::schema::StreamSchema;
use crate::model::sink::BatchFunction;
use crate::model::status::BatchInfo;
use crate::model::time::BatchTime;
use crate::sink::element::write_element;

/// A context whose time is moved by [`Self::run`].
#[derive(Debug)]
pub struct TestContext {
    /// The context on which the job is built.
    pub context: StreamingContext,
    /// The engine, for loading plugins.
    pub engine: Arc<Engine>,
    clock: MovedClock,
    started: bool,
}

/// The datasets that a stream had, by batch. A batch without one is missing.
#[derive(Debug, Clone, Default)]
pub struct Collected(Arc<Mutex<BTreeMap<BatchTime, Partitions>>>);

impl Collected {
    /// The datasets so far, the oldest first.
    pub fn by_time(&self) -> BTreeMap<BatchTime, Partitions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The rows of each dataset so far, the oldest first, as [`DStream::print`] shows them: a value
    /// as it is, several as `(a,1)`.
    pub fn shown(&self) -> Vec<Vec<String>> {
        let shown = |slice: &RecordBatch| {
            let row = |row| {
                let mut text = String::new();
                write_element(&mut text, slice, row);
                text
            };
            (0..slice.num_rows()).map(row).collect::<Vec<_>>()
        };
        let of = |partitions: &Partitions| partitions.iter().flatten().flat_map(shown).collect();
        self.by_time().values().map(of).collect()
    }
}

impl BatchFunction for Collected {
    fn call(&self, time: BatchTime, partitions: &[Vec<RecordBatch>]) -> Result<(), BoxError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(time, partitions.to_vec());
        Ok(())
    }
}

impl TestContext {
    /// A context with batches of that interval; the engine is set up as `config` says, but for its
    /// clock. A failed batch is given up and the next one runs, so that a test sees both.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(config: EngineConfig, interval: Duration) -> Result<Self, DriverError> {
        let clock = MovedClock::new(interval);
        let config = EngineConfig { clock: Arc::new(clock.clock.clone()), ..config };
        let engine = Engine::start(config)?;
        let mut context = StreamingContext::new(&engine, interval);
        context.settings().on_failure = OnFailure::Skip;
        Ok(Self { context, engine, clock, started: false })
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

    /// A stream of lines, a list of them for each batch, then of empty batches.
    pub fn lines(&self, batches: &[&[&str]]) -> DStream {
        let datasets = batches.iter().map(|batch| Some(lines(batch.iter().copied())));
        self.input(line_schema(), datasets.collect())
    }

    /// Collects the datasets of a stream.
    pub fn collect(&self, stream: &DStream) -> Collected {
        let collected = Collected::default();
        let kept = collected.clone();
        stream.for_each_batch(move |time, partitions| kept.call(time, partitions));
        collected
    }

    /// Runs so many batches, one after the other; the first call starts the job.
    ///
    /// # Errors
    /// When the job does not start, or ends before that.
    pub fn run(&mut self, batches: usize) -> Result<Vec<BatchInfo>, ContextError> {
        if !self.started {
            self.context.start_with(vec![self.clock.listener()])?;
            self.started = true;
        }
        (0..batches).map(|_| self.next_batch()).collect()
    }

    /// The time of the last batch that ran.
    pub fn time(&self) -> BatchTime {
        self.clock.time()
    }

    fn next_batch(&mut self) -> Result<BatchInfo, ContextError> {
        match self.clock.next_batch() {
            Some(info) => Ok(info),
            None => {
                self.context.await_termination()?;
                Err(ContextError::Ended)
            }
        }
    }
}
