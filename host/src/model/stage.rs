//! Model: a job as planned: stages cut at shuffles, and what a task of each does.
//!
//! Takes a checked pipeline from planning. Gives it to scheduling and execution. Never holds a
//! plugin's code: calls name a plugin, and a batch binds the name to a digest when it begins.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::id::{BlockId, SinkId, SourceId, StageId};
use super::join::JoinKind;
use super::operation::{BuiltInFold, InitialState};
use super::operator::SharedOperator;
use super::partition_store::StoredPartition;
use super::schema::{Column, StreamSchema};
use super::storage_level::StorageLevel;
use super::transform::DatasetFunction;
use super::verb_call::VerbCall;

#[cfg(test)]
mod sample;

/// A planned job. Parents have lower numbers, so running stages in order is always legal.
#[derive(Debug, Clone)]
pub struct JobPlan {
    /// The stages, each at the index of its number.
    pub stages: Vec<Stage>,
    /// Which stage's dataset each sink is given, in the order outputs run in.
    pub sinks: Vec<(SinkId, StageId)>,
}

/// A shuffle-free section of a job: one task per partition of its input.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its number.
    pub id: StageId,
    /// The stream whose steps it runs, for messages.
    pub stream: String,
    /// Where its partitions come from.
    pub input: StageInput,
    /// Time between its datasets: a multiple of the batch interval, aligned to the epoch.
    pub slide: Duration,
    /// How long its datasets are kept beyond their batch, for windows that read them later.
    pub remember: Duration,
    /// At which level they are kept; `None`: as streams are.
    pub level: Option<StorageLevel>,
    /// What becomes of it in a batch in which a parent has no dataset.
    pub without_parent: WithoutParent,
    /// The rows before the first step.
    pub input_schema: StreamSchema,
    /// What is done to each slice, in order.
    pub steps: Vec<PlannedStep>,
    /// What becomes of the rows after the last step.
    pub output: StageOutput,
}

impl Stage {
    /// The rows after the last step (before any combining for a shuffle).
    pub fn output_schema(&self) -> &StreamSchema {
        self.steps.last().map_or(&self.input_schema, |step| &step.output)
    }

    /// Whether slices must be joined before the first step: a whole-partition operator runs.
    pub fn whole_partitions(&self) -> bool {
        self.steps.iter().any(|step| step.whole_partition)
    }

    /// Every call of an operator, in the order in which rows meet them.
    pub fn calls(&self) -> Vec<&OperatorCall> {
        let mut calls = Vec::new();
        if let StageInput::Keyed(keyed) = &self.input {
            match &keyed.gather {
                Gather::Fold(fold) => calls.push(&fold.call),
                Gather::Slide(slide) => calls.extend([&slide.fold.call, &slide.inverse]),
                Gather::State(state) => calls.push(&state.call),
                Gather::Append | Gather::Group { .. } | Gather::Join(_) => {}
            }
        }
        calls.extend(self.steps.iter().filter_map(|step| Some(&step.call.as_ref()?.0)));
        if let StageOutput::Shuffle { combine: Some(fold), .. } = &self.output {
            calls.push(&fold.call);
        }
        calls
    }
}

/// What a stage does in a batch in which a parent has no dataset, which is not the same as an
/// empty one (Spark's `None`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutParent {
    /// It has none either.
    HasNone,
    /// The batch fails, as Spark's does: several streams are brought together, or rows counted.
    Fails,
    /// It runs all the same: windows and state read more than this batch.
    Runs,
}

/// Where a stage's partitions come from.
#[derive(Debug, Clone)]
pub enum StageInput {
    /// One partition per block or file range of the source in the batch.
    Source(SourceId),
    /// The partitions of these parents' datasets, one parent after the other.
    Datasets(Vec<StageId>),
    /// The partitions of a parent's datasets of a window, the oldest first.
    Window {
        /// The parent.
        from: StageId,
        /// How far it reaches back from the batch time, which it includes.
        length: Duration,
    },
    /// Each partition reads the partitions of its own number.
    Keyed(KeyedInput),
    /// What a stateful stage keeps after the batch, by partition.
    Snapshots(StageId),
    /// One task reads its parents whole and makes all partitions of the dataset.
    Transform(TransformPlan),
}

/// A program's function over whole datasets.
#[derive(Clone)]
pub struct TransformPlan {
    /// What it is given, in this order.
    pub parents: Vec<StageId>,
    /// The columns of each.
    pub schemas: Vec<StreamSchema>,
    /// The function.
    pub function: Arc<dyn DatasetFunction>,
}

impl std::fmt::Debug for TransformPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TransformPlan {{ parents: {:?} }}", self.parents)
    }
}

impl StageInput {
    /// The stages that it reads.
    pub fn parents(&self) -> Vec<StageId> {
        match self {
            Self::Source(_) => Vec::new(),
            Self::Datasets(parents) => parents.clone(),
            Self::Window { from, .. } | Self::Snapshots(from) => vec![*from],
            Self::Keyed(keyed) => keyed.reads.iter().map(|read| read.from).collect(),
            Self::Transform(transform) => transform.parents.clone(),
        }
    }
}

/// The input of partitions whose keys stay together: what a shuffle wrote for them, or what was
/// shuffled the same way before.
#[derive(Debug, Clone)]
pub struct KeyedInput {
    /// What is read.
    pub reads: Vec<Read>,
    /// How many partitions there are.
    pub partitions: usize,
    /// What is done with what was read before the first step.
    pub gather: Gather,
}

/// One thing that a keyed partition reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// The stage.
    pub from: StageId,
    /// Of which batches.
    pub span: Span,
}

/// Which batches of a parent are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// The batch itself.
    Batch,
    /// Those of a window, the oldest first.
    Window(Duration),
    /// Three parts: the stage's own dataset of the window before, what has left since, what has
    /// come since. Without the first, the second is empty and the third the whole window.
    Sliding(Duration),
}

impl Read {
    /// Into how many runs of slices it falls.
    pub fn parts(self) -> usize {
        match self.span {
            Span::Batch | Span::Window(_) => 1,
            Span::Sliding(_) => 3,
        }
    }
}

/// What a reduce task does with what it reads, map outputs being taken in map partition order.
#[derive(Debug, Clone)]
pub enum Gather {
    /// Nothing: slices one after the other.
    Append,
    /// Groups by the key columns and folds partial results.
    Fold(FoldPlan),
    /// Groups by the key columns and gathers each value column into a list.
    Group {
        /// Key columns, from the first.
        keys: usize,
    },
    /// Takes what has left out of the window before and folds in what has come.
    Slide(SlidePlan),
    /// Brings the rows of two reads together by key.
    Join(JoinPlan),
    /// Looks up and changes what is kept for each key.
    State(StatePlan),
}

/// What a stateful operator is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateMode {
    /// Each value, in the order they came, and each key for which nothing came for so long.
    Map {
        /// How long; `None`: for ever.
        timeout: Option<Duration>,
    },
    /// Each key that has values or a state.
    Update {
        /// Only keys that have values are called for and come out.
        changed_only: bool,
    },
}

/// A step that keeps something for each key.
#[derive(Debug, Clone)]
pub struct StatePlan {
    /// The step's name, which owns the state.
    pub name: String,
    /// The operator, or a fold that goes on from batch to batch.
    pub call: OperatorCall,
    /// Whether it is such a fold.
    pub running_fold: bool,
    /// What it is called for.
    pub mode: StateMode,
    /// The key columns that the operator is shown.
    pub shown: Vec<usize>,
    /// The value columns.
    pub values: Vec<Column>,
    /// Keys and what is kept for each, which is what an update gives.
    pub output: StreamSchema,
    /// What comes out of the step: that, or what the operator gives under the names of the step.
    pub shows: StreamSchema,
    /// The operator's version of what is kept.
    pub version: u32,
    /// Of each average that is kept, the columns of its sum and its count among what is kept.
    pub averages: Vec<(usize, usize)>,
    /// What the step begins with.
    pub initial: InitialState,
}

/// A join of rows whose keys are their first columns.
#[derive(Debug, Clone)]
pub struct JoinPlan {
    /// Which rows come out.
    pub kind: JoinKind,
    /// Key columns, from the first.
    pub keys: usize,
    /// Whether null is a key like any other.
    pub null_equal: bool,
    /// The rows of the first read.
    pub left: StreamSchema,
    /// The rows of the second.
    pub right: StreamSchema,
    /// What comes out.
    pub output: StreamSchema,
}

/// An incremental window: partial results by key, kept from one window to the next.
#[derive(Debug, Clone)]
pub struct SlidePlan {
    /// How partial results are folded; its output is that of the partials.
    pub fold: FoldPlan,
    /// Takes partial results out of others, row by row.
    pub inverse: OperatorCall,
    /// Whether a key none of whose partial results are left goes too. Spark keeps it for ever
    /// unless a filter drops it.
    pub forget_gone: bool,
    /// Keys, folded values, and in how many batches of the window the key occurs.
    pub output: StreamSchema,
}

/// A fold of value columns by key columns.
#[derive(Debug, Clone)]
pub struct FoldPlan {
    /// The operator.
    pub call: OperatorCall,
    /// Key columns, from the first; with none, all rows are one group.
    pub keys: usize,
    /// Whether no rows at all still give one row of zeros (`count`).
    pub zero_when_empty: bool,
    /// Keys and folded values.
    pub output: StreamSchema,
}

/// What becomes of a stage's rows.
#[derive(Debug, Clone)]
pub enum StageOutput {
    /// Kept until the batch ends: sinks and later stages read it.
    Dataset,
    /// Written by partition for one later stage.
    Shuffle {
        /// How a row finds its partition.
        by: Partitioner,
        /// Reduce partitions.
        partitions: usize,
        /// Folded per slice or partition first.
        combine: Option<FoldPlan>,
    },
}

/// How a row finds its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioner {
    /// By the frozen hash of so many key columns; with none, all rows go to partition 0.
    Hash {
        /// Key columns, from the first.
        keys: usize,
    },
    /// In turn, from a start drawn from the task's seed.
    RoundRobin,
}

/// One narrow step.
#[derive(Debug, Clone)]
pub struct PlannedStep {
    /// How messages and `explain` name it, such as `flat_map words.split -> map words.pair`.
    pub label: String,
    /// The input columns the operator is given, or that are kept where there is no call.
    pub project: Vec<usize>,
    /// What is called, if anything.
    pub call: Option<(OperatorCall, Attach)>,
    /// Whether the operator must be given its partition in one call.
    pub whole_partition: bool,
    /// The rows after the step.
    pub output: StreamSchema,
}

/// How an operator's answer becomes the step's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attach {
    /// It is the rows. A selection keeps rows of the step's whole input.
    Replace,
    /// The first so many columns of the step's input stand before it, by origin.
    Keys(usize),
    /// All columns of the step's input stand before it, by origin.
    Append,
    /// It is the rows, in as many slices as they make.
    Slices,
}

/// What a step or a fold calls.
#[derive(Debug, Clone)]
pub enum OperatorCall {
    /// Operators of one plugin in one call.
    Guest {
        /// The plugin's name in the job.
        plugin: String,
        /// The operators, in order; a fold has exactly one.
        chain: Vec<ChainStep>,
    },
    /// A fold the host brings.
    BuiltIn(BuiltInFold),
    /// Counts rows; as a fold of no value columns to one `int64`.
    CountRows,
    /// Takes sums and counts out of others.
    Subtract,
    /// A verb of the host's own.
    Verb(VerbCall),
    /// A closure of an embedding program.
    Native(SharedOperator),
}

/// One operator of a guest chain.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainStep {
    /// Its name in the plugin.
    pub operator: String,
    /// Its parameters, complete.
    pub parameters: Map<String, Value>,
}

/// One partition of a source in a batch.
#[derive(Debug, Clone)]
pub enum PartitionInput {
    /// Rows that a program gave.
    Rows {
        /// The source.
        source: SourceId,
        /// The rows.
        slices: Vec<arrow_array::RecordBatch>,
    },
    /// Rows that are kept somewhere.
    Stored {
        /// The source.
        source: SourceId,
        /// Where they are.
        partition: Arc<dyn StoredPartition>,
    },
    /// A stored block.
    Block(BlockId),
    /// Lines of a file that begin in a range of its bytes.
    FileRange(FileRange),
}

/// A range of a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileRange {
    /// The source.
    pub source: SourceId,
    /// Which of the source's files it is, counted as they are found: a name that is used again is
    /// another file.
    pub file: u64,
    /// Where the file is.
    pub path: PathBuf,
    /// The first byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
}
