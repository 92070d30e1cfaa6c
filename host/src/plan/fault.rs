//! Plan: what can keep a job from being planned, in words that say what would mend it.
//!
//! Takes what was found and what was expected. Gives a sentence and, where one is known, a
//! proposal. Never shows more of a schema than its columns.

use std::time::Duration;

use super::PlanError;
use crate::limits::{COLUMNS_MAX, LIST_DEPTH_MAX, UNION_WIDTH_MAX};
use crate::model::description::OperatorKind;
use crate::model::finding::{Finding, list_words};
use crate::model::parameter::ParameterError;
use crate::model::schema::{Column, StreamSchema};
use crate::model::text::number_of;

/// What keeps a job from being planned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanFault {
    /// Names, rings and what stands beside a step: found without any plugin.
    #[error("{message}")]
    Wiring {
        /// What was found.
        message: String,
        /// What would mend it.
        help: Option<String>,
    },
    /// The plugin is declared but not loaded.
    #[error("plugin `{plugin}` is not loaded")]
    PluginNotLoaded {
        /// The plugin.
        plugin: String,
    },
    /// The plugin has no such operator.
    #[error(
        "plugin `{plugin}` has no operator `{found}`; it has {}",
        list_words(.known.iter().map(String::as_str))
    )]
    OperatorMissing {
        /// The plugin.
        plugin: String,
        /// The operator as the job names it.
        found: String,
        /// The operators it has.
        known: Vec<String>,
    },
    /// The operator is of another kind than the step.
    #[error("operator `{operator}` is a {found}, the step is a {step}")]
    Kind {
        /// The operator.
        operator: String,
        /// Its kind.
        found: OperatorKind,
        /// The step's word.
        step: &'static str,
        /// The kind that the step takes.
        expected: OperatorKind,
    },
    /// An operator beside a fold over windows is not what belongs there.
    #[error("{}", beside_fold(.key, .why))]
    BesideFold {
        /// The key that it stands under.
        key: &'static str,
        /// What is wrong with it.
        why: Box<PlanFault>,
        /// What belongs there.
        wanted: String,
    },
    /// Rows that a stateful step is to begin with have other columns than it keeps.
    #[error("the rows to begin with are ({found}), the step keeps ({expected})")]
    InitialState {
        /// Their columns.
        found: String,
        /// Keys and what is kept.
        expected: StreamSchema,
    },
    /// A parameter does not fit its declaration.
    #[error("operator `{operator}`: {error}")]
    Parameter {
        /// The operator.
        operator: String,
        /// What does not fit.
        error: ParameterError,
    },
    /// The number of columns is another.
    #[error(
        "operator `{operator}` takes {} ({expected}), found {} ({found})",
        columns(.expected.columns.len()),
        columns(.found.columns.len())
    )]
    ColumnCount {
        /// The operator.
        operator: String,
        /// What it is given.
        found: StreamSchema,
        /// What it takes.
        expected: StreamSchema,
    },
    /// A column of that name is not there.
    #[error(
        "`{who}` needs column `{column}`, found {}",
        list_words(.known.iter().map(String::as_str))
    )]
    ColumnMissing {
        /// The step or operator.
        who: String,
        /// The column.
        column: String,
        /// The columns that are there.
        known: Vec<String>,
        /// The column is there as key, but `who` sees values only.
        is_key: bool,
    },
    /// A fold is asked of a column of the name of what it makes, and there is none.
    #[error(
        "`{step}` makes `{made}` of the column `{made}`, found {}",
        list_words(.known.iter().map(String::as_str))
    )]
    FoldColumnMissing {
        /// The step's word.
        step: &'static str,
        /// The column to make.
        made: String,
        /// The fold.
        fold: &'static str,
        /// The columns that are there.
        known: Vec<String>,
        /// Those of them that it takes.
        fitting: Vec<String>,
    },
    /// A column is of another type.
    #[error(
        "operator `{operator}`: column `{}` is {}, expected {} (its `{}`)",
        .found.name, .found.data_type, .expected.data_type, .expected.name
    )]
    ColumnType {
        /// The operator.
        operator: String,
        /// The column of the stream.
        found: Column,
        /// The operator's column.
        expected: Column,
        /// Columns that would all fit, where there are such.
        fitting: Option<Vec<String>>,
    },
    /// A column may lack values that the operator requires.
    #[error(
        "operator `{operator}`: column `{}` is nullable {}, expected {} that is never null",
        .found.name, .found.data_type, .expected.data_type
    )]
    ColumnNullable {
        /// The operator.
        operator: String,
        /// The column of the stream.
        found: Column,
        /// The operator's column.
        expected: Column,
    },
    /// The job has no such broadcast.
    #[error(
        "`{who}` reads broadcast `{found}`, the job has {}",
        list_words(.known.iter().map(String::as_str))
    )]
    BroadcastMissing {
        /// The operator or step.
        who: String,
        /// The broadcast as it is named there.
        found: String,
        /// The broadcasts of the job.
        known: Vec<String>,
    },
    /// A broadcast has another number of columns than the operator takes by position.
    #[error(
        "operator `{operator}` takes {} ({expected}) of broadcast `{broadcast}`, which has {} \
         ({found})",
        columns(.expected.columns.len()),
        columns(.found.columns.len())
    )]
    BroadcastColumnCount {
        /// The operator.
        operator: String,
        /// The broadcast.
        broadcast: String,
        /// Its columns.
        found: StreamSchema,
        /// What the operator takes.
        expected: StreamSchema,
    },
    /// A column of a broadcast is of another type than the operator takes, or may lack values.
    #[error(
        "operator `{operator}`: column `{}` of broadcast `{broadcast}` is {}{}, expected {}{} \
         (its `{}`)",
        .found.name, nullable(.found), .found.data_type, .expected.data_type, required(.expected),
        .expected.name
    )]
    BroadcastColumn {
        /// The operator.
        operator: String,
        /// The broadcast.
        broadcast: String,
        /// The broadcast's column.
        found: Column,
        /// The operator's column.
        expected: Column,
    },
    /// A column of a join is of another type in the broadcast.
    #[error(
        "column `{}` of broadcast `{broadcast}` is {}, here it is {}: both must be alike",
        .found.name, .found.data_type, .expected.data_type
    )]
    BroadcastKey {
        /// The broadcast.
        broadcast: String,
        /// Its column.
        found: Column,
        /// The stream's.
        expected: Column,
    },
    /// A constant is no value of the column it is compared with.
    #[error("column `{}` is compared with `{found}`, expected {allowed}", .column.name)]
    Constant {
        /// The column.
        column: Column,
        /// The constant as it was written.
        found: String,
        /// What the column holds.
        allowed: String,
    },
    /// The step works by key and the stream has none.
    #[error("`{step}` works by key, and the stream has none ({found})")]
    NoKey {
        /// The step's word.
        step: &'static str,
        /// The stream.
        found: StreamSchema,
    },
    /// A list cannot be a key.
    #[error("column `{}` is {}, and a list cannot be a key", .column.name, .column.data_type)]
    ListAsKey {
        /// The column.
        column: Column,
    },
    /// `as` has another number of names than the step makes columns.
    #[error(
        "`as` has {}, the step makes {} ({made})",
        names(*.found), columns(.made.columns.len())
    )]
    RenameCount {
        /// The number of names.
        found: usize,
        /// The columns the step makes.
        made: StreamSchema,
    },
    /// Two columns after the step would have one name.
    #[error("two columns would be called `{name}` after `{step}`")]
    DuplicateColumn {
        /// The name.
        name: String,
        /// The step's label.
        step: String,
        /// What stands beside the step against that, if anything may.
        mends: Option<&'static str>,
    },
    /// A column name is empty or holds what no name should.
    #[error("{name:?} is no column name")]
    ColumnName {
        /// The name as it was written.
        name: String,
    },
    /// The schemas of a union differ.
    #[error("`{other}` cannot be appended: {difference}")]
    UnionMismatch {
        /// The other stream.
        other: String,
        /// What differs.
        difference: String,
    },
    /// The keys of two streams are of other types.
    #[error("the key of `{other}` is ({found}), here it is ({expected}): both must be alike")]
    JoinKeys {
        /// The other stream.
        other: String,
        /// Its key columns.
        found: StreamSchema,
        /// The key columns of this stream.
        expected: StreamSchema,
    },
    /// Streams that are brought together have datasets at other times.
    #[error(
        "`{other}` has a dataset every {}, here there is one every {}: both must be the same",
        humantime::format_duration(*.found), humantime::format_duration(*.expected)
    )]
    OtherSlide {
        /// The other stream.
        other: String,
        /// Time between its datasets.
        found: Duration,
        /// Time between the datasets of this stream.
        expected: Duration,
    },
    /// A window does not fall on the grid of the datasets before it.
    #[error(
        "the window's {what} is {}, expected a multiple of {}, the time between datasets here",
        humantime::format_duration(*.found), humantime::format_duration(*.grid)
    )]
    WindowGrid {
        /// `length` or `slide`.
        what: &'static str,
        /// What it is.
        found: Duration,
        /// Time between datasets.
        grid: Duration,
    },
    /// Unions of unions bring too much together.
    #[error("unions bring {found} sets of partitions together, allowed are {UNION_WIDTH_MAX}")]
    UnionWidth {
        /// The sets, each of a source or a shuffle.
        found: usize,
    },
    /// A built-in fold does not take the type.
    #[error(
        "`{fold}` of column `{}` is not possible: found {}, allowed are {allowed}",
        .found.name, .found.data_type
    )]
    FoldType {
        /// The fold.
        fold: &'static str,
        /// The column.
        found: Column,
        /// The types it takes.
        allowed: &'static str,
    },
    /// There is no value column to fold.
    #[error("`{step}` has nothing to fold: every column is key ({found})")]
    NothingToFold {
        /// The step's word.
        step: &'static str,
        /// The stream.
        found: StreamSchema,
    },
    /// A fold gives back other columns than it takes.
    #[error("operator `{operator}` folds ({input}) to ({output}); a fold gives what it takes")]
    FoldChangesType {
        /// The operator.
        operator: String,
        /// What it takes.
        input: StreamSchema,
        /// What it gives.
        output: StreamSchema,
    },
    /// Gathering would nest lists deeper than the border takes.
    #[error(
        "gathering column `{}` ({}) would nest lists {} deep, allowed are {LIST_DEPTH_MAX}",
        .found.name, .found.data_type, .found.data_type.list_depth() + 1
    )]
    ListTooDeep {
        /// The column.
        found: Column,
    },
    /// `append` keeps the stream's key, and the operator makes one of its own.
    #[error("operator `{operator}` makes a key of its own, `append` keeps the stream's")]
    AppendMakesKey {
        /// The operator.
        operator: String,
    },
    /// More columns than a schema may have.
    #[error("{found} columns after `{step}`, allowed are {COLUMNS_MAX}")]
    TooManyColumns {
        /// The number of columns.
        found: usize,
        /// The step's label.
        step: String,
    },
    /// The plugin's description of the operator contradicts itself.
    #[error("operator `{operator}` is described with {}", .what)]
    Description {
        /// The operator.
        operator: String,
        /// What it contradicts.
        what: String,
    },
}

impl PlanFault {
    pub(super) fn from_finding(finding: Finding) -> PlanError {
        let Finding { place, message, help } = finding;
        PlanError { place, fault: Self::Wiring { message, help } }
    }
}

fn beside_fold(key: &str, why: &PlanFault) -> String {
    match why {
        PlanFault::Kind { operator, found, .. } => {
            format!("operator `{operator}` is a {found}, `{key}` takes one with `#[{key}]`")
        }
        other => other.to_string(),
    }
}

fn nullable(column: &Column) -> &'static str {
    if column.nullable { "nullable " } else { "" }
}

fn required(column: &Column) -> &'static str {
    if column.nullable { "" } else { " that is never null" }
}

/// So many columns, in words.
pub(super) fn columns(count: usize) -> String {
    number_of(count, "column", "columns")
}

fn names(count: usize) -> String {
    number_of(count, "name", "names")
}
