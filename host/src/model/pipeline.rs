//! Model: a job as declared, by a job file or by a program.
//!
//! Takes what a person wrote, already of the right types. Gives it to planning. Never checks
//! schemas: that needs the plugins' descriptions and is planning's work.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::description::{OperatorDescription, OperatorKind};
use super::join::Join;
use super::operator::SharedOperator;
use super::schema::StreamSchema;

/// A job as declared.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The job's name.
    pub name: String,
    /// Its settings.
    pub settings: JobSettings,
    /// The plugins its steps name.
    pub plugins: Vec<PluginDeclaration>,
    /// Its sources; a source's name is also the name of its stream.
    pub sources: Vec<SourceDeclaration>,
    /// Its streams, in declared order (a stream may name a later one).
    pub streams: Vec<StreamDeclaration>,
    /// Its sinks, in declared order, which is the order outputs run in.
    pub sinks: Vec<SinkDeclaration>,
}

/// A plugin of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginDeclaration {
    /// Its name in the job.
    pub name: String,
    /// Where its code is.
    pub code: PluginCode,
    /// Memory of one instance in bytes; `None`: the host's limit.
    pub memory_bytes: Option<usize>,
    /// CPU time a task is granted beside what its input earns; `None`: the host's limit.
    pub cpu_base: Option<Duration>,
}

/// Where a plugin's code is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginCode {
    /// A component file.
    Component(PathBuf),
    /// A folder of source, built when the job starts.
    Source(PathBuf),
}

/// Settings of a whole job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSettings {
    /// Time between batches.
    pub batch_interval: Duration,
    /// The longest a block stays open; `None`: as long as gives each slot a block a batch, at
    /// most [`crate::limits::BLOCK_INTERVAL_MAX`].
    pub block_interval: Option<Duration>,
    /// Batches that may run at once (Spark's `spark.streaming.concurrentJobs`).
    pub concurrent_jobs: usize,
    /// What becomes of a job whose batch failed.
    pub on_failure: OnFailure,
    /// What becomes of rows that operators refuse.
    pub on_rejected: OnBadRow,
    /// Attempts of a task before its batch fails.
    pub max_failures: u32,
    /// Partitions of a shuffle that says nothing itself; `None`: the number of cores.
    pub partitions: Option<usize>,
    /// Bytes of blocks held before receivers stop reading.
    pub block_budget_bytes: usize,
    /// Seed of the job's hashes and of its tasks; `None`: drawn at the first start.
    pub seed: Option<u64>,
}

impl Default for JobSettings {
    /// One-second batches, one at a time; the first failure stops the job.
    fn default() -> Self {
        Self {
            batch_interval: Duration::from_secs(1),
            block_interval: None,
            concurrent_jobs: 1,
            on_failure: OnFailure::Stop,
            on_rejected: OnBadRow::Fail,
            max_failures: crate::limits::TASK_FAILURES_MAX,
            partitions: None,
            block_budget_bytes: crate::limits::BLOCK_BUDGET_BYTES_DEFAULT,
            seed: None,
        }
    }
}

/// What becomes of a job or a sink when a batch of it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnFailure {
    /// The job stops with the error.
    #[default]
    Stop,
    /// The batch is given up and marked; the next one runs.
    Skip,
}

/// One source.
#[derive(Debug, Clone)]
pub struct SourceDeclaration {
    /// Its name.
    pub name: String,
    /// Where records come from.
    pub connector: SourceConnector,
    /// How a record becomes a row.
    pub format: Format,
    /// The rows' schema; one column `line` for the format `lines`.
    pub schema: StreamSchema,
    /// What becomes of a record that does not fit.
    pub on_bad_row: OnBadRow,
    /// The longest line in bytes; a longer one is a bad row.
    pub line_bytes_max: usize,
}

/// Where records come from.
#[derive(Debug, Clone)]
pub enum SourceConnector {
    /// Connects to `host:port` and reads lines; reconnects with back-off.
    Socket {
        /// `host:port`, resolved at each connect.
        address: String,
    },
    /// Reads new files of a folder (Spark's rules).
    Files {
        /// The folder.
        path: PathBuf,
        /// Reads what is there and ends.
        bounded: bool,
    },
    /// Makes text at a set rate, for demos and benches.
    Generate {
        /// Lines a second.
        lines_per_second: u64,
        /// Words a line.
        words_per_line: usize,
        /// Different words.
        vocabulary: usize,
        /// Lines in all; `None`: without end.
        lines: Option<u64>,
    },
    /// Reads standard input to its end.
    Stdin,
    /// Datasets that a program makes.
    Datasets(Arc<dyn DatasetSource>),
}

/// A source of whole datasets, asked once for each batch (Spark's queue and constant streams).
pub trait DatasetSource: Send + Sync + std::fmt::Debug {
    /// The dataset of a batch. It must not wait: the job's loop asks.
    fn dataset(&self, time: super::time::BatchTime) -> GivenDataset;
}

/// What a program gives for one batch.
#[derive(Debug, Clone, PartialEq)]
pub enum GivenDataset {
    /// A dataset: each partition a run of slices of the source's schema.
    Partitions(Vec<Vec<arrow_array::RecordBatch>>),
    /// None at all, which is not the same as an empty one.
    Missing,
    /// Nothing any more.
    Ended,
}

/// How a record becomes a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Each line is a row of one column.
    Lines,
    /// Each line is a JSON object.
    Json,
}

/// What becomes of a record that does not fit its schema or is no valid text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OnBadRow {
    /// The batch fails.
    #[default]
    Fail,
    /// It is counted and left out.
    Skip,
    /// It is appended to this file with its reason, and left out.
    DeadLetter(PathBuf),
}

/// A named chain of steps.
#[derive(Debug, Clone)]
pub struct StreamDeclaration {
    /// Its name, unique among streams and sources.
    pub name: String,
    /// The stream or source it starts from.
    pub from: String,
    /// What is done to it.
    pub steps: Vec<StepDeclaration>,
}

/// One step of a stream.
#[derive(Debug, Clone)]
pub struct StepDeclaration {
    /// What it does.
    pub operation: Operation,
    /// A name of its own, for messages and, later, for state.
    pub name: Option<String>,
    /// Parameters set for its operator.
    pub params: Map<String, Value>,
    /// New names for its output columns, all of them.
    pub rename: Option<Vec<String>>,
    /// The input columns its operator is given, by name and in this order.
    pub columns: Option<Vec<String>>,
    /// Whether the operator gives back only new columns, the host carrying the others.
    pub append: bool,
    /// Partitions of its shuffle.
    pub partitions: Option<usize>,
}

impl StepDeclaration {
    /// A step with nothing beside its operation.
    pub fn new(operation: Operation) -> Self {
        Self {
            operation,
            name: None,
            params: Map::new(),
            rename: None,
            columns: None,
            append: false,
            partitions: None,
        }
    }
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Operation {
    /// An operator of rows: its kind (`map`, `filter` and so on) is the step word used.
    Apply(OperatorKind, OperatorRef),
    /// Folds the values of each key.
    ReduceByKey(OperatorRef),
    /// Folds all rows of the batch to one; an empty batch gives none.
    Reduce(OperatorRef),
    /// Gathers the values of each key into lists.
    GroupByKey,
    /// The number of rows; 0 for an empty batch.
    Count,
    /// How often each row occurs.
    CountByValue,
    /// Appends the partitions of other streams of equal schema.
    Union(Vec<String>),
    /// Brings another stream's rows of the same batch together with this one's, by key.
    Join(Join),
    /// Spreads rows over so many partitions.
    Repartition(usize),
    /// Makes these columns the key, moving them to the front.
    KeyBy(Vec<String>),
    /// Keeps these columns, in this order. Key columns that are kept stay key if they come first.
    Select(Vec<String>),
    /// The rows of all batches of a window, the oldest first.
    Window(WindowSpan),
    /// Folds the rows of a window, by key or all of them.
    FoldByWindow(FoldByWindow),
    /// The number of rows of a window; 0 where there are none.
    CountByWindow(WindowSpan),
    /// How often each row occurs in a window.
    CountByValueAndWindow(WindowSpan),
    /// Gathers the values that each key has in a window into lists, in the order they came.
    GroupByKeyAndWindow(WindowSpan),
}

/// How far a window reaches back, and how often there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpan {
    /// How far it reaches back from a batch time, which it includes.
    pub length: Duration,
    /// Time between windows, on a grid that begins at the epoch; `None`: one each batch.
    pub slide: Option<Duration>,
}

/// A fold over a window.
#[derive(Debug, Clone)]
pub struct FoldByWindow {
    /// Whether the values of each key are folded, or whole rows.
    pub by_key: bool,
    /// The fold.
    pub fold: OperatorRef,
    /// Takes out again what was folded in: then a window is made of the one before. A built-in
    /// fold brings its own where it has an exact one.
    pub inverse: Option<OperatorRef>,
    /// Keeps results or hides them; with it, a key goes when the last of its values has left.
    pub filter: Option<OperatorRef>,
    /// The window.
    pub window: WindowSpan,
}

impl Operation {
    /// The plugins whose operators it calls.
    pub fn plugins(&self) -> impl Iterator<Item = &str> {
        self.operators().into_iter().filter_map(|operator| match operator {
            OperatorRef::Guest { plugin, .. } => Some(plugin.as_str()),
            OperatorRef::BuiltIn(_) | OperatorRef::Native(_) => None,
        })
    }

    /// The other streams it reads.
    pub fn others(&self) -> &[String] {
        match self {
            Self::Union(names) => names,
            Self::Join(join) => std::slice::from_ref(&join.with),
            _ => &[],
        }
    }

    /// Names the other streams it reads, as many as there are.
    pub fn name_others(&mut self, names: Vec<String>) {
        match self {
            Self::Union(others) => *others = names,
            Self::Join(join) => join.with = names.into_iter().next().unwrap_or_default(),
            _ => {}
        }
    }

    /// The operators it calls.
    pub fn operators(&self) -> Vec<&OperatorRef> {
        match self {
            Self::Apply(_, operator) | Self::ReduceByKey(operator) | Self::Reduce(operator) => {
                vec![operator]
            }
            Self::FoldByWindow(FoldByWindow { fold, inverse, filter, .. }) => {
                [Some(fold), inverse.as_ref(), filter.as_ref()].into_iter().flatten().collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Where an operator comes from.
#[derive(Debug, Clone)]
pub enum OperatorRef {
    /// An operator of a plugin of the job.
    Guest {
        /// The plugin's name in the job.
        plugin: String,
        /// The operator's name in the plugin.
        operator: String,
    },
    /// A fold the host brings.
    BuiltIn(BuiltInFold),
    /// A closure of an embedding program.
    Native(NativeOperator),
}

/// A closure of an embedding program with what planning must know of it.
#[derive(Debug, Clone)]
pub struct NativeOperator {
    /// Its kind and its columns; `name` is how messages call it.
    pub description: OperatorDescription,
    /// The closure.
    pub operator: SharedOperator,
}

/// The folds the host brings, over each value column. Nulls are ignored; an integer sum that
/// overflows fails the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuiltInFold {
    /// Adds up.
    Sum,
    /// Counts values that are not null, as int64.
    Count,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

impl BuiltInFold {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sum, Self::Count, Self::Min, Self::Max];

    /// The word under which a job file names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
        }
    }

    /// The fold of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fold| fold.word() == word)
    }
}

/// Where a stream's batches go.
#[derive(Debug, Clone)]
pub struct SinkDeclaration {
    /// Its name.
    pub name: String,
    /// The stream it is given.
    pub from: String,
    /// Where rows go.
    pub connector: SinkConnector,
    /// What becomes of the job when publishing failed; `None`: as the job says.
    pub on_failure: Option<OnFailure>,
}

/// Where rows go.
#[derive(Clone)]
pub enum SinkConnector {
    /// Prints the first rows of each batch, as Spark's `print` does.
    Print {
        /// Rows at most.
        rows: usize,
    },
    /// JSON lines, one folder per batch, written aside and renamed.
    Files {
        /// The folder's path up to the batch time: `prefix-<T ms>`.
        prefix: PathBuf,
        /// Whether an empty batch makes a folder.
        empty_batches: bool,
    },
    /// A function of an embedding program (Spark's `foreachRDD`).
    ForEachBatch(Arc<dyn BatchFunction>),
}

impl std::fmt::Debug for SinkConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Print { rows } => write!(f, "Print {{ rows: {rows} }}"),
            Self::Files { prefix, .. } => write!(f, "Files {{ prefix: {prefix:?} }}"),
            Self::ForEachBatch(_) => f.write_str("ForEachBatch"),
        }
    }
}

/// A function that an embedding program runs on each batch of a stream.
pub trait BatchFunction: Send + Sync {
    /// Is given the batch's partitions, each a run of slices.
    ///
    /// # Errors
    /// An error fails the output as a sink's failure does.
    fn call(
        &self,
        time: super::time::BatchTime,
        partitions: &[Vec<arrow_array::RecordBatch>],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// Parses the address part of a socket source far enough to name what is wrong with it.
///
/// # Errors
/// Says what was found where `host:port` was expected.
pub fn check_socket_address(address: &str) -> Result<(), String> {
    if address.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0) => {
            Ok(())
        }
        Some((_, port)) if port.parse::<u16>().is_err() => {
            Err(format!("`{address}` has port `{port}`, expected 1 to 65535"))
        }
        _ => Err(format!("`{address}` is no address, expected `host:port`")),
    }
}
