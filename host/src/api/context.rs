//! Api: the streaming context: sources in, one start, one end.
//!
//! Takes an engine and a batch interval. Gives streams to build on, and runs what was built. Never
//! takes further streams once it was started or stopped, nor starts twice (as in Spark).

mod lifecycle;
mod swapping;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::dstream::{DStream, InBatches};
use super::given::{ConstantSource, DatasetQueue, Partitions, QueueSource};
use super::graph::{Graph, Node};
use super::misuse::Misuse;
use crate::driver::accumulator::Accumulator;
use crate::driver::engine::Engine;
use crate::driver::error::DriverError;
use crate::driver::handle::JobHandle;
use crate::driver::listener_bus::ListenerBus;
use crate::driver::swap::SwapError;
use crate::limits::LINE_BYTES_DEFAULT;
use crate::model::backpressure::SourceRates;
use crate::model::pipeline::JobSettings;
use crate::model::policy::OnBadRow;
use crate::model::schema::StreamSchema;
use crate::model::source::{DatasetSource, Format, SourceConnector, SourceDeclaration};

/// A job being built, then running.
#[derive(Debug)]
pub struct StreamingContext {
    engine: Arc<Engine>,
    settings: JobSettings,
    name: String,
    graph: Arc<Mutex<Graph>>,
    listeners: Arc<ListenerBus>,
    /// Whether a start failed, or somebody asked for a stop.
    stopped: AtomicBool,
    job: Option<JobHandle>,
}

/// Where a context stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContextState {
    /// Sources, steps and outputs can be added.
    Initialized,
    /// Its job runs.
    Active,
    /// Its job has ended, its start has failed, or it was stopped before. It cannot be started.
    Stopped,
}

/// A call that does not fit the context's state, or a failure of its job.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// It was stopped, or its job has ended.
    #[error("the context was stopped: it cannot be started again, make another one on its engine")]
    Stopped,
    /// It has not been started.
    #[error("the context has not been started")]
    NotStarted,
    /// The job has ended.
    #[error("the job has ended")]
    Ended,
    /// Nothing would be run.
    #[error("no output operations registered, so nothing to execute")]
    NoOutputs,
    /// A listener would wait for the end, which waits for the listener.
    #[error("a listener of the context cannot wait for its end: let another thread do so")]
    InListener,
    /// What is to be set before the start came later.
    #[error("`{what}` is set before the context is started or stopped")]
    TooLate {
        /// What was to be set.
        what: &'static str,
    },
    /// It can be set once.
    #[error(
        "datasets are remembered for {} already: that is set once",
        humantime::format_duration(*.0)
    )]
    RememberedBefore(Duration),
    /// No time at all.
    #[error("datasets cannot be remembered for 0s, expected 1ms at least")]
    RemembersNothing,
    /// A wrong call of a method that gives a stream.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// Its plugins were not swapped.
    #[error(transparent)]
    Swap(#[from] SwapError),
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
            listeners: Arc::default(),
            stopped: AtomicBool::new(false),
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
        let number = self.lock().sources();
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
        let number = self.lock().sources();
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
        let node = self.lock().add(Node::Source(declaration));
        DStream { graph: Arc::clone(&self.graph), node, of: InBatches }
    }

    /// A sum that closures and other functions of the program add to, and the program reads. What a
    /// task adds counts once, when its batch has succeeded, and stands in the batch's record under
    /// that name. Sums of one name are shown as one.
    pub fn accumulator(&self, name: &str) -> Accumulator {
        Accumulator::new(name)
    }

    /// Whether the stream is one of this context.
    pub(super) fn owns(&self, stream: &DStream) -> bool {
        Arc::ptr_eq(&self.graph, &stream.graph)
    }

    /// A stream that stands for none, which the start will refuse.
    pub(super) fn wrong_streams(&self, step: &'static str, streams: &[DStream]) -> DStream {
        self.lock().misused(match streams.is_empty() {
            true => Misuse::NoStreams { step },
            false => Misuse::OtherContext { step },
        });
        // Nobody looks for its node: a graph with a wrong call is never run.
        DStream { graph: Arc::clone(&self.graph), node: usize::MAX, of: InBatches }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Graph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
