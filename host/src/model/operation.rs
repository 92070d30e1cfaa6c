//! Model: a step as declared: an operation, the operators it calls, and what stands beside it.
//!
//! Takes what a person wrote. Gives it to planning. Never knows the columns before it.

pub mod aggregate;
pub mod condition;
pub mod verb;

use std::path::PathBuf;
use std::time::Duration;

use arrow_array::RecordBatch;
use serde_json::{Map, Value};

use super::description::{OperatorDescription, OperatorKind};
use super::join::Join;
use super::operator::SharedOperator;
use super::transform::Transform;
use verb::Verb;

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
    /// A program's function from whole datasets to one.
    Transform(Transform),
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
    /// Folds the values of each key to a result of another type.
    CombineByKey(OperatorRef),
    /// Keeps something for each key, made anew in every batch of its values.
    UpdateStateByKey(StateStep),
    /// Keeps something for each key, looked up and changed value by value.
    MapWithState(StateStep),
    /// A verb of the host's own.
    Verb(Verb),
}

/// A step that keeps something for each key. The step's name owns what is kept.
#[derive(Debug, Clone)]
pub struct StateStep {
    /// The operator. `update_state_by_key` takes a fold, too, which goes on from batch to batch.
    pub operator: OperatorRef,
    /// What it begins with, and how long it keeps what.
    pub keeps: Keeps,
}

impl StateStep {
    /// A step that begins with nothing and has no time-out.
    pub fn new(operator: OperatorRef) -> Self {
        Self { operator, keeps: Keeps::default() }
    }
}

/// What stands beside the operator of a stateful step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Keeps {
    /// What it begins with.
    pub initial: InitialState,
    /// For `map_with_state`: how long nothing may come for a key before it goes.
    pub timeout: Option<Duration>,
    /// For `update_state_by_key` and a running `aggregate`: only keys that have values are called
    /// for and come out.
    pub changed_only: bool,
    /// For `map_with_state`: the name of a stream of all keys with what is kept after each batch.
    pub snapshots: Option<String>,
}

/// What a stateful step begins with.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum InitialState {
    /// Nothing.
    #[default]
    Empty,
    /// Rows of keys and what is kept for each.
    Rows(Vec<RecordBatch>),
    /// A file of such rows as JSON lines.
    File(PathBuf),
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
    /// Whether it makes each partition of the partition of its number, and moves no row to another.
    pub fn is_narrow(&self) -> bool {
        match self {
            Self::Apply(..) | Self::KeyBy(_) | Self::Select(_) => true,
            Self::Verb(verb) => {
                matches!(
                    verb,
                    Verb::Rename(_)
                        | Verb::Where(..)
                        | Verb::Sample { .. }
                        | Verb::Glom
                        | Verb::BroadcastJoin(_)
                )
            }
            _ => false,
        }
    }

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
            Self::Transform(transform) => &transform.others,
            _ => &[],
        }
    }

    /// Names the other streams it reads, as many as there are.
    pub fn name_others(&mut self, names: Vec<String>) {
        match self {
            Self::Union(others) => *others = names,
            Self::Transform(transform) => transform.others = names,
            Self::Join(join) => join.with = names.into_iter().next().unwrap_or_default(),
            _ => {}
        }
    }

    /// What it keeps for each key, if it does.
    pub fn state(&self) -> Option<&Keeps> {
        match self {
            Self::UpdateStateByKey(state) | Self::MapWithState(state) => Some(&state.keeps),
            Self::Verb(Verb::RunningAggregate(_, keeps)) => Some(keeps),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn state_mut(&mut self) -> Option<&mut Keeps> {
        match self {
            Self::UpdateStateByKey(state) | Self::MapWithState(state) => Some(&mut state.keeps),
            Self::Verb(Verb::RunningAggregate(_, keeps)) => Some(keeps),
            _ => None,
        }
    }

    /// The operators it calls.
    pub fn operators(&self) -> Vec<&OperatorRef> {
        match self {
            Self::Apply(_, operator)
            | Self::ReduceByKey(operator)
            | Self::CombineByKey(operator)
            | Self::Reduce(operator) => vec![operator],
            Self::UpdateStateByKey(state) | Self::MapWithState(state) => vec![&state.operator],
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
