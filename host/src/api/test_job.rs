//! Api: a declared job under a clock that stands still: rows in its sources' place, and the rows
//! of any of its streams.
//!
//! Takes a job as a job file declares it, and datasets for its sources. Gives the datasets that its
//! streams had. Never opens a source, a sink or a dead-letter file of the job: what it reads are
//! files of broadcasts and first states that no test gives, and it writes nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;

use super::given::{DatasetQueue, Partitions, QueueSource};
use super::moved_clock::MovedClock;
use super::test_context::Collected;
use crate::driver::engine::{Engine, EngineConfig};
use crate::driver::error::{DriverError, JobFailure};
use crate::driver::handle::JobHandle;
use crate::driver::launch::{JobRequest, launch};
use crate::driver::plugins::JobPlugins;
use crate::model::broadcast::{BroadcastOrigin, BroadcastValue, BroadcastVersion};
use crate::model::operation::InitialState;
use crate::model::pipeline::Pipeline;
use crate::model::policy::OnFailure;
use crate::model::schema::StreamSchema;
use crate::model::sink::{SinkConnector, SinkDeclaration};
use crate::model::source::SourceConnector;
use crate::model::status::BatchInfo;

/// A declared job of a test.
#[derive(Debug)]
pub struct TestJob {
    clock: MovedClock,
    collected: BTreeMap<String, Collected>,
    broadcasts: Vec<TestBroadcast>,
    job: JobHandle,
}

/// What a test puts into a declared job.
#[derive(Debug, Default)]
pub struct TestInput {
    /// The datasets of each source, one for each batch; `None` stands for a batch without a
    /// dataset. A source that is missing here has empty ones, and so has each after its last.
    pub datasets: BTreeMap<String, Vec<Option<Partitions>>>,
    /// What stateful steps begin with, by their names: keys and what is kept for each.
    pub states: BTreeMap<String, Vec<RecordBatch>>,
    /// The rows of broadcasts, one list for each batch, the last one staying. One that is missing
    /// here is what the job says.
    pub broadcasts: BTreeMap<String, Vec<Vec<RecordBatch>>>,
    /// The streams whose datasets are wanted.
    pub streams: Vec<String>,
}

impl TestJob {
    /// Starts the job on an engine of its own, set up as `config` says but for its clock. A failed
    /// batch is given up and the next one runs, so that a test sees both. Rows that the job would
    /// put into a dead-letter file are left out and not written: a retry would deliver them.
    ///
    /// # Errors
    /// When a plugin cannot be loaded, the job does not fit together, or the system gives no
    /// threads.
    pub fn start(
        config: EngineConfig,
        mut pipeline: Pipeline,
        input: TestInput,
        load: impl FnOnce(&Engine) -> Result<JobPlugins, DriverError>,
    ) -> Result<Self, DriverError> {
        let clock = MovedClock::new(pipeline.settings.batch_interval);
        let config = EngineConfig { clock: Arc::new(clock.clock.clone()), ..config };
        let engine = Engine::start(config)?;
        let plugins = load(&engine)?;
        pipeline.settings.on_failure = OnFailure::Skip;
        let TestInput { mut datasets, mut states, broadcasts, streams } = input;
        let broadcasts = put_in(&mut pipeline, broadcasts)?;
        write_no_letters(&mut pipeline);
        for source in &mut pipeline.sources {
            let queue = DatasetQueue::default();
            for dataset in datasets.remove(&source.name).unwrap_or_default() {
                match dataset {
                    Some(partitions) => queue.push(partitions),
                    None => queue.push_missing(),
                }
            }
            let source_of = QueueSource { queue, one_at_a_time: true, default: Vec::new() };
            source.connector = SourceConnector::Datasets(Arc::new(source_of));
        }
        let steps = pipeline.streams.iter_mut().flat_map(|stream| &mut stream.steps);
        for step in steps {
            let rows = step.name.as_ref().and_then(|name| states.remove(name));
            if let (Some(rows), Some(state)) = (rows, step.operation.state_mut()) {
                state.initial = InitialState::Rows(rows);
            }
        }
        let mut collected = BTreeMap::new();
        pipeline.sinks = Vec::new();
        for stream in streams {
            let kept = Collected::default();
            let connector = SinkConnector::ForEachBatch(Arc::new(kept.clone()));
            let (name, from) = (format!("test of {stream}"), stream.clone());
            pipeline.sinks.push(SinkDeclaration { name, from, connector, on_failure: None });
            collected.insert(stream, kept);
        }
        let listeners = vec![clock.listener()];
        let output = Arc::new(Mutex::new(std::io::sink()));
        let job = launch(&engine, JobRequest { pipeline, plugins, listeners, output, log: None })?;
        Ok(Self { clock, collected, broadcasts, job })
    }

    /// Runs the next batch.
    ///
    /// # Errors
    /// When the job ended before, or rows cannot be its broadcast.
    pub fn next_batch(&mut self) -> Result<BatchInfo, DriverError> {
        for broadcast in &mut self.broadcasts {
            broadcast.turn()?;
        }
        match self.clock.next_batch() {
            Some(info) => Ok(info),
            None => {
                self.job.wait()?;
                let message = "the job ended before its test".to_owned();
                Err(JobFailure::Batch { time: self.clock.time(), message }.into())
            }
        }
    }

    /// The dataset that a stream had in the last batch; `None`: it had none.
    pub fn dataset(&self, stream: &str) -> Option<Partitions> {
        self.collected.get(stream)?.by_time().remove(&self.clock.time())
    }
}

/// A broadcast whose rows a test gives, batch by batch.
#[derive(Debug)]
struct TestBroadcast {
    name: String,
    schema: StreamSchema,
    value: BroadcastValue,
    rows: std::vec::IntoIter<Vec<RecordBatch>>,
}

impl TestBroadcast {
    /// The rows of the next batch, if it has some of its own.
    fn turn(&mut self) -> Result<(), DriverError> {
        if let Some(rows) = self.rows.next() {
            self.value.replace(version(&self.name, &self.schema, &rows)?);
        }
        Ok(())
    }
}

fn version(
    name: &str,
    schema: &StreamSchema,
    rows: &[RecordBatch],
) -> Result<BroadcastVersion, DriverError> {
    BroadcastVersion::new(name, schema, rows).map_err(|error| DriverError::Broadcast {
        name: name.to_owned(),
        message: error.to_string(),
    })
}

/// Has rows that do not fit, or that operators refuse, left out without a word in a file.
fn write_no_letters(pipeline: &mut Pipeline) {
    pipeline.settings.on_rejected.unwritten();
    let sources = pipeline.sources.iter_mut();
    let files =
        pipeline.broadcasts.iter_mut().filter_map(|broadcast| match &mut broadcast.origin {
            BroadcastOrigin::File(file) => Some(&mut file.records),
            BroadcastOrigin::Value(_) => None,
        });
    sources.chain(files).for_each(|records| records.on_bad_row.unwritten());
}

/// Puts rows in the place of the job's broadcasts.
fn put_in(
    pipeline: &mut Pipeline,
    mut given: BTreeMap<String, Vec<Vec<RecordBatch>>>,
) -> Result<Vec<TestBroadcast>, DriverError> {
    let mut broadcasts = Vec::new();
    for declared in &mut pipeline.broadcasts {
        let Some(rows) = given.remove(&declared.name) else { continue };
        let (name, schema) = (declared.name.clone(), declared.schema.clone());
        let value = BroadcastValue::new(version(&name, &schema, &[])?);
        declared.origin = BroadcastOrigin::Value(value.clone());
        broadcasts.push(TestBroadcast { name, schema, value, rows: rows.into_iter() });
    }
    Ok(broadcasts)
}
