//! Api: datasets, the whole of something at once: Spark's RDDs with the verbs of streams.
//!
//! Takes files, or rows of the program. Gives datasets on which actions can be run. Nothing is
//! read before an action asks, and then again for each, unless the dataset is kept.

mod actions;
mod keep;
mod partition_function;
mod rows;
mod run;
mod sample;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::dstream::Lineage;
use super::given::{ConstantSource, Partitions};
use super::graph::{Graph, Node};
use crate::driver::accumulator::Accumulator;
use crate::driver::engine::Engine;
use crate::driver::error::{DriverError, JobFailure};
use crate::limits::LINE_BYTES_DEFAULT;
use crate::model::backpressure::SourceRates;
use crate::model::column_type::ColumnType;
use crate::model::partition_store::PartitionStore;
use crate::model::pipeline::JobSettings;
use crate::model::policy::{OnBadRow, OnFailure};
use crate::model::schema::{Column, StreamSchema};
use crate::model::source::{CsvFormat, Format, SourceConnector, SourceDeclaration};
use crate::model::storage_level::StorageLevel;
use crate::model::time::BatchTime;

pub use keep::DatasetStorage;

/// Rows that are there as a whole, and how they come about. Clones are the same dataset: what is
/// kept of it is kept once.
pub type Dataset = Lineage<AsWhole>;

/// Rows that are there as a whole.
#[derive(Debug, Clone)]
pub struct AsWhole(Arc<Machine>);

/// What makes datasets and runs their actions, as jobs of one batch on the engine.
#[derive(Debug)]
pub struct DatasetContext {
    pub(super) graph: Arc<Mutex<Graph>>,
    machine: Arc<Machine>,
}

#[derive(Debug)]
struct Machine {
    engine: Arc<Engine>,
    settings: JobSettings,
    /// The same for all actions, as the seed is: what is made again is the same again.
    time: BatchTime,
    store: Arc<dyn PartitionStore>,
    /// Datasets to keep, by node of the graph.
    kept: Mutex<BTreeMap<usize, keep::KeptDataset>>,
}

/// Why an action gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// It needs a row.
    #[error("`{action}` needs at least one row, the dataset is empty")]
    Empty {
        /// The action.
        action: &'static str,
    },
    /// It was persisted at another level.
    #[error("the dataset is kept as {found}, asked for is {asked}: `unpersist` it first")]
    Level {
        /// Its level.
        found: StorageLevel,
        /// The other one.
        asked: StorageLevel,
    },
    /// A source that has no end, or comes in its own time.
    #[error("source `{source_name}` is not there as a whole: datasets are made of files or rows")]
    Source {
        /// The source.
        source_name: String,
    },
    /// Datasets of two contexts were brought together.
    #[error("datasets of two contexts were brought together")]
    OtherContext,
    /// A task or an output failed.
    #[error("{0}")]
    Failed(String),
    /// Rows that cannot be sorted or put together.
    #[error("columns do not fit together: {0}")]
    Columns(#[from] arrow_schema::ArrowError),
    /// The job could not be started.
    #[error(transparent)]
    Job(DriverError),
}

impl From<DriverError> for DatasetError {
    fn from(error: DriverError) -> Self {
        match error {
            // A dataset's only batch has no time that means anything.
            DriverError::Failed(JobFailure::Batch { message, .. }) => Self::Failed(message),
            error => Self::Job(error),
        }
    }
}

impl DatasetContext {
    /// Datasets on that engine, with the default settings.
    pub fn new(engine: &Arc<Engine>) -> Self {
        Self::with_settings(engine, JobSettings::default())
    }

    /// Datasets on that engine. Of the settings, the block budget bounds what is kept of them in
    /// memory; those about batches mean nothing here.
    pub fn with_settings(engine: &Arc<Engine>, settings: JobSettings) -> Self {
        let seed = settings.seed.unwrap_or_else(|| engine.config.entropy.next_u64());
        let settings = JobSettings { seed: Some(seed), on_failure: OnFailure::Stop, ..settings };
        let machine = Machine {
            engine: Arc::clone(engine),
            time: BatchTime::first_after(engine.config.clock.now_ms(), settings.batch_interval),
            store: engine.partition_store(settings.block_budget_bytes),
            settings,
            kept: Mutex::default(),
        };
        Self { graph: Arc::default(), machine: Arc::new(machine) }
    }

    /// A sum that closures and other functions of the program add to, and the program reads. What a
    /// task adds counts once, when its action has succeeded; another action counts again what it
    /// makes again.
    pub fn accumulator(&self, name: &str) -> Accumulator {
        Accumulator::new(name)
    }

    /// The lines of a file, of the files of a folder, or of those that a pattern names, in at least
    /// so many partitions where they have as many bytes. It is looked for when an action runs.
    pub fn text_file(&self, path: impl Into<PathBuf>, partitions_min: usize) -> Dataset {
        let line = StreamSchema::new(vec![Column::new("line", ColumnType::Utf8)]);
        self.files(path.into(), partitions_min, Format::Lines, line)
    }

    /// The rows of files of JSON lines, found as [`Self::text_file`] does.
    pub fn read_json(
        &self,
        path: impl AsRef<Path>,
        schema: StreamSchema,
        partitions_min: usize,
    ) -> Dataset {
        self.files(path.as_ref().to_owned(), partitions_min, Format::Json, schema)
    }

    /// The rows of files of fields, found as [`Self::text_file`] does.
    pub fn read_csv(
        &self,
        path: impl AsRef<Path>,
        schema: StreamSchema,
        format: CsvFormat,
        partitions_min: usize,
    ) -> Dataset {
        self.files(path.as_ref().to_owned(), partitions_min, Format::Csv(format), schema)
    }

    /// Rows that the program has, in those partitions.
    pub fn parallelize(&self, schema: StreamSchema, partitions: Partitions) -> Dataset {
        let connector = SourceConnector::Datasets(Arc::new(ConstantSource(partitions)));
        self.read(self.declaration(connector, Format::Lines, schema))
    }

    /// Rows of any source that is there as a whole, as a job file would declare it.
    pub fn read(&self, declaration: SourceDeclaration) -> Dataset {
        let mut graph = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        let node = graph.add(Node::Source(declaration));
        let of = AsWhole(Arc::clone(&self.machine));
        Dataset { graph: Arc::clone(&self.graph), node, of }
    }

    fn files(
        &self,
        path: PathBuf,
        partitions_min: usize,
        format: Format,
        schema: StreamSchema,
    ) -> Dataset {
        let connector = SourceConnector::FileSet { path, partitions_min };
        self.read(self.declaration(connector, format, schema))
    }

    fn declaration(
        &self,
        connector: SourceConnector,
        format: Format,
        schema: StreamSchema,
    ) -> SourceDeclaration {
        let number = self.graph.lock().unwrap_or_else(PoisonError::into_inner).sources();
        SourceDeclaration {
            name: format!("source-{number}"),
            connector,
            format,
            schema,
            on_bad_row: OnBadRow::default(),
            line_bytes_max: LINE_BYTES_DEFAULT,
            rates: SourceRates::default(),
        }
    }
}
