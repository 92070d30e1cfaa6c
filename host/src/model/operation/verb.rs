//! Model: the host's own verbs: steps that need no plugin.
//!
//! Takes what a person wrote. Gives it to planning, and what is wrong with its numbers before any
//! column is known. Never knows a column's type.

use super::aggregate::Aggregated;
use super::condition::Condition;
use crate::limits::{COLUMNS_MAX, CONSTANTS_MAX, PARTITIONS_MAX, TOP_ROWS_MAX};
use crate::model::join::JoinKind;
use crate::model::operation::{Keeps, WindowSpan};

/// What a step of the host's own does.
#[derive(Debug, Clone, PartialEq)]
pub enum Verb {
    /// Folds columns, each in its own way: of each key, or of the batch where there is no key.
    Aggregate(Vec<Aggregated>),
    /// The same, going on from batch to batch: what was folded so far is kept for each key.
    RunningAggregate(Vec<Aggregated>, Keeps),
    /// The same over a window, of each key.
    AggregateByKeyAndWindow(Vec<Aggregated>, WindowSpan),
    /// Gives columns new names: old and new.
    Rename(Vec<(String, String)>),
    /// Keeps rows by one of their columns.
    Where(String, Condition),
    /// Keeps one of each different row, the first.
    Distinct,
    /// Brings the rows of a batch in order.
    SortBy(RowOrder),
    /// Keeps so many rows of a batch, the first in an order.
    Top(usize, RowOrder),
    /// Keeps each row by chance.
    Sample {
        /// How probable it is that a row is kept.
        fraction: f64,
        /// Beside the task's own seed.
        seed: u64,
    },
    /// Makes one row of each partition, its columns in lists.
    Glom,
    /// Brings the rows of a key together, in so many partitions.
    PartitionBy(usize),
    /// Brings the rows of a broadcast together with the stream's, where they are.
    BroadcastJoin(BroadcastJoin),
}

/// A join with a broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastJoin {
    /// The broadcast.
    pub with: String,
    /// Columns of both that are to be equal.
    pub on: Vec<String>,
    /// Which rows come out: an inner join, a left outer join or an anti join.
    pub kind: JoinKind,
    /// Whether null is a key like any other, or matches nothing.
    pub null_equal: bool,
    /// Stands before the names of the broadcast's other columns.
    pub prefix: Option<String>,
}

/// An order of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowOrder {
    /// Columns, the first one counting most. A `-` before a name turns its order round.
    pub by: Vec<String>,
    /// Whether the greatest comes first.
    pub descending: bool,
}

impl Verb {
    /// The key under which a job file writes it.
    pub fn step_word(&self) -> &'static str {
        match self {
            Self::Aggregate(_) | Self::RunningAggregate(..) => "aggregate",
            Self::AggregateByKeyAndWindow(..) => "aggregate_by_key_and_window",
            Self::Rename(_) => "rename",
            Self::Where(..) => "where",
            Self::Distinct => "distinct",
            Self::SortBy(_) => "sort_by",
            Self::Top(..) => "top",
            Self::Sample { .. } => "sample",
            Self::Glom => "glom",
            Self::PartitionBy(_) => "partition_by",
            Self::BroadcastJoin(_) => "broadcast_join",
        }
    }

    /// Whether `partitions` may stand beside it.
    pub fn takes_partitions(&self) -> bool {
        matches!(
            self,
            Self::Aggregate(_)
                | Self::RunningAggregate(..)
                | Self::AggregateByKeyAndWindow(..)
                | Self::Distinct
        )
    }

    /// Why `partitions` may not.
    pub fn why_no_partitions(&self) -> &'static str {
        match self {
            Self::SortBy(_) | Self::Top(..) => "rows in order are in one partition",
            Self::PartitionBy(_) => "its own number says how many",
            _ => "it keeps the partitions as they are",
        }
    }

    /// What is wrong with its numbers.
    pub fn fault(&self) -> Option<String> {
        let word = self.step_word();
        let count = |found: usize, what: &str, max: usize| {
            let message = format!("`{word}` has {found} {what}, allowed are 1 to {max}");
            (!(1..=max).contains(&found)).then_some(message)
        };
        match self {
            Self::Aggregate(folds)
            | Self::RunningAggregate(folds, _)
            | Self::AggregateByKeyAndWindow(folds, _) => count(folds.len(), "columns", COLUMNS_MAX),
            Self::Rename(names) => count(names.len(), "names", COLUMNS_MAX),
            Self::Where(_, Condition::In(constants)) => {
                count(constants.len(), "constants", CONSTANTS_MAX)
            }
            Self::SortBy(order) => count(order.by.len(), "columns", COLUMNS_MAX),
            Self::Top(rows, order) => {
                let rows = count(*rows, "rows", TOP_ROWS_MAX);
                rows.or_else(|| count(order.by.len(), "columns", COLUMNS_MAX))
            }
            Self::Sample { fraction, .. } => (!(0.0..=1.0).contains(fraction))
                .then(|| format!("`fraction` is {fraction}, allowed are 0 to 1")),
            Self::PartitionBy(partitions) => count(*partitions, "partitions", PARTITIONS_MAX),
            Self::BroadcastJoin(join) => match join.kind {
                JoinKind::Inner | JoinKind::LeftOuter | JoinKind::Anti => {
                    count(join.on.len(), "columns in `on`", COLUMNS_MAX)
                }
                other => Some(format!(
                    "`{word}` is a `{}`, allowed are `join`, `left_outer_join` and `anti_join`: a \
                     task sees its own rows only",
                    other.step_word()
                )),
            },
            Self::Where(..) | Self::Distinct | Self::Glom => None,
        }
    }
}
