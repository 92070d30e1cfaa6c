//! Api: the streaming context: sources in, one start, one end.
//!
//! Takes an engine and a batch interval. Gives streams to build on, and runs what was built. Never
//! takes further streams once it was started (as in Spark).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::declared::declare;
use super::dstream::{DStream, InBatches};
use super::given::{ConstantSource, DatasetQueue, Partitions, QueueSource};
use super::graph::{Graph, Node};
use crate::driver::engine::Engine;
use crate::driver::error::DriverError;
use crate::driver::handle::{JobControl, JobHandle};
use crate::driver::launch::{JobRequest, launch};
use crate::driver::status_board::Listener;
use crate::limits::LINE_BYTES_DEFAULT;
use crate::model::backpressure::SourceRates;
use crate::model::pipeline::JobSettings;
use crate::model::policy::OnBadRow;
use crate::model::schema::StreamSchema;
use crate::model::source::{DatasetSource, Format, SourceConnector, SourceDeclaration};
use crate::model::status::JobStatus;

/// A job being built, then running.
#[derive(Debug)]
pub struct StreamingContext {
    engine: Arc<Engine>,
    settings: JobSettings,
    name: String,
    graph: Arc<Mutex<Graph>>,
    job: Option<JobHandle>,
}

/// A call that does not fit the context's state.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// It was started before.
    #[error("the context was started before: a context starts once")]
    StartedBefore,
    /// It has not been started.
    #[error("the context has not been started")]
    NotStarted,
    /// The job has ended.
    #[error("the job has ended")]
    Ended,
    /// Nothing would be run.
    #[error("no output operations registered, so nothing to execute")]
    NoOutputs,
    /// Streams of two contexts were brought together.
    #[error("streams of two contexts were brought together: a job has one context")]
    OtherContext,
    /// The job could not be started, or failed.
    #[error(transparent)]
    Job(#[from] DriverError),
}

impl StreamingContext {
    /// A job of that batch interval with the default settings.
    pub fn new(engine: &Arc<Engine>, batch_interval: Duration) -> Self {
        Self {
            engine: Arc::clone(engine),
            settings: JobSettings { batch_interval, ..JobSettings::default() },
            name: "program".to_owned(),
            graph: Arc::default(),
            job: None,
        }
    }

    /// The settings, to be changed before the start.
    pub fn settings(&mut self) -> &mut JobSettings {
        &mut self.settings
    }

    /// Connects to `host:port` and reads lines; reconnects with back-off.
    pub fn socket_text_stream(&self, address: &str) -> DStream {
        self.lines(SourceConnector::Socket { address: address.to_owned() })
    }

    /// Reads the lines of new files of a folder.
    pub fn text_file_stream(&self, folder: impl Into<PathBuf>) -> DStream {
        self.lines(SourceConnector::Files { path: folder.into(), bounded: false })
    }

    /// Reads new files of a folder as records of so many bytes each, in one column `record`. What
    /// is left of a record at a file's end is a bad row, which fails the batch.
    pub fn binary_records_stream(
        &self,
        folder: impl Into<PathBuf>,
        record_length: usize,
    ) -> DStream {
        let connector = SourceConnector::Files { path: folder.into(), bounded: false };
        self.fixed(connector, Format::Binary { record_bytes: record_length })
    }

    /// Lines from any source the host knows.
    pub fn lines(&self, connector: SourceConnector) -> DStream {
        self.fixed(connector, Format::Lines)
    }

    fn fixed(&self, connector: SourceConnector, format: Format) -> DStream {
        let number = self.graph.lock().unwrap_or_else(PoisonError::into_inner).sources();
        self.source(SourceDeclaration {
            name: format!("source-{number}"),
            connector,
            format,
            schema: format.fixed_schema().unwrap_or_default(),
            on_bad_row: OnBadRow::default(),
            line_bytes_max: LINE_BYTES_DEFAULT,
            rates: SourceRates::default(),
        })
    }

    /// Datasets that the program pushes into the queue: one for each batch, or with
    /// `one_at_a_time` off all that wait. A batch that finds none reads `default`, which may be
    /// empty.
    pub fn queue_stream(
        &self,
        schema: StreamSchema,
        queue: &DatasetQueue,
        one_at_a_time: bool,
        default: Partitions,
    ) -> DStream {
        let queue = queue.clone();
        self.given(schema, Arc::new(QueueSource { queue, one_at_a_time, default }))
    }

    /// The same dataset in every batch.
    pub fn constant(&self, schema: StreamSchema, partitions: Partitions) -> DStream {
        self.given(schema, Arc::new(ConstantSource(partitions)))
    }

    fn given(&self, schema: StreamSchema, source: Arc<dyn DatasetSource>) -> DStream {
        self.rows(schema, SourceConnector::Datasets(source))
    }

    /// Rows of a schema from a source that makes them itself.
    pub(super) fn rows(&self, schema: StreamSchema, connector: SourceConnector) -> DStream {
        let number = self.graph.lock().unwrap_or_else(PoisonError::into_inner).sources();
        self.source(SourceDeclaration {
            name: format!("source-{number}"),
            connector,
            format: Format::Lines,
            schema,
            on_bad_row: OnBadRow::default(),
            line_bytes_max: LINE_BYTES_DEFAULT,
            rates: SourceRates::default(),
        })
    }

    /// Rows from any source, as a job file would declare it.
    pub fn source(&self, declaration: SourceDeclaration) -> DStream {
        let mut graph = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        let node = graph.add(Node::Source(declaration));
        DStream { graph: Arc::clone(&self.graph), node, of: InBatches }
    }

    /// Starts the job.
    ///
    /// # Errors
    /// When it was started before, has no output, or does not fit together.
    pub fn start(&mut self) -> Result<(), ContextError> {
        self.start_with(Vec::new())
    }

    /// Starts the job, telling the listeners what happens.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(&mut self, listeners: Vec<Listener>) -> Result<(), ContextError> {
        if self.job.is_some() {
            return Err(ContextError::StartedBefore);
        }
        let graph = self.graph.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !graph.has_outputs() {
            return Err(ContextError::NoOutputs);
        }
        if graph.has_strangers() {
            return Err(ContextError::OtherContext);
        }
        let (pipeline, plugins) =
            declare(&self.engine, &self.name, self.settings.clone(), graph.lower());
        let request = JobRequest {
            pipeline,
            plugins,
            listeners,
            output: Arc::new(Mutex::new(std::io::stdout())),
        };
        self.job = Some(launch(&self.engine, request)?);
        Ok(())
    }

    /// Waits until the job has ended.
    ///
    /// # Errors
    /// When it was not started, or what it failed of.
    pub fn await_termination(&self) -> Result<(), ContextError> {
        Ok(self.job()?.wait()?)
    }

    /// Takes no more input, works off what was received, and waits for the end.
    ///
    /// # Errors
    /// As [`Self::await_termination`].
    pub fn stop_gracefully(&self) -> Result<(), ContextError> {
        Ok(self.job()?.drain()?)
    }

    /// What stops the job from another thread.
    ///
    /// # Errors
    /// When it was not started.
    pub fn control(&self) -> Result<JobControl, ContextError> {
        Ok(self.job()?.control())
    }

    /// How the job stands.
    ///
    /// # Errors
    /// When it was not started.
    pub fn status(&self) -> Result<JobStatus, ContextError> {
        Ok(self.job()?.status())
    }

    fn job(&self) -> Result<&JobHandle, ContextError> {
        self.job.as_ref().ok_or(ContextError::NotStarted)
    }
}
