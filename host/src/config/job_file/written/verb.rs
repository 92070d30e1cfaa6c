//! Config: the host's own verbs as they are written.
//!
//! Takes TOML through serde. Gives structs in which every value knows its place. Never decides what
//! keys mean together.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::job_file::constant::{Constant, OneOrMore};
use crate::config::job_file::quantity::HumanDuration;
use crate::config::job_file::value::{At, Named, Real, ShortOr, Vocabulary, Whole, Word};
use crate::model::operation::BuiltInFold;
use crate::model::operation::aggregate::AggregateFold;
use crate::model::operation::condition::Comparison;

/// Columns to make, by name: the fold of the column of that name, or of another.
pub(in crate::config::job_file) type FoldsText =
    Named<At<ShortOr<Word<AggregateFold>, FoldOfText>>>;

impl Vocabulary for AggregateFold {
    const WHAT: &'static str = "fold";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("sum", Self::BuiltIn(BuiltInFold::Sum)),
        ("count", Self::BuiltIn(BuiltInFold::Count)),
        ("min", Self::BuiltIn(BuiltInFold::Min)),
        ("max", Self::BuiltIn(BuiltInFold::Max)),
        ("avg", Self::Average),
    ];
}

/// A fold of another column.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a fold, or a table such as `{ fold = \"min\", of = \"amt\" }`")]
pub(in crate::config::job_file) struct FoldOfText {
    /// The fold.
    pub(in crate::config::job_file) fold: At<Word<AggregateFold>>,
    /// The column that is folded.
    pub(in crate::config::job_file) of: At<String>,
}

/// What a running aggregate begins with, and which keys it gives.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config::job_file) struct RunningText {
    /// A file of JSON lines with the keys and what is kept for each at the beginning; of an
    /// average `mean` that is `mean.sum` and `mean.count`.
    pub(in crate::config::job_file) initial: Option<At<String>>,
    /// Whether only keys come out for which something came. Default: false.
    #[serde(default)]
    pub(in crate::config::job_file) changed_only: bool,
}

/// Folds of several columns over a window.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table such as `{ aggregate = { n = \"count\" }, length = \"60s\" }`")]
pub(in crate::config::job_file) struct AggregateWindowText {
    /// The columns to make.
    pub(in crate::config::job_file) aggregate: At<FoldsText>,
    /// How far the window reaches back: a multiple of the time between batches before it.
    pub(in crate::config::job_file) length: At<HumanDuration>,
    /// Time between windows, such a multiple too. Default: one window each batch.
    pub(in crate::config::job_file) slide: Option<At<HumanDuration>>,
}

/// How the value of a row stands to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config::job_file) enum Is {
    Compared(Comparison),
    In,
    Null,
    NotNull,
}

impl Vocabulary for Is {
    const WHAT: &'static str = "comparison";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("=", Self::Compared(Comparison::Equal)),
        ("!=", Self::Compared(Comparison::NotEqual)),
        ("<", Self::Compared(Comparison::Less)),
        ("<=", Self::Compared(Comparison::AtMost)),
        (">=", Self::Compared(Comparison::AtLeast)),
        (">", Self::Compared(Comparison::Greater)),
        ("in", Self::In),
        ("is_null", Self::Null),
        ("is_not_null", Self::NotNull),
    ];
}

/// A condition on one column.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table such as `{ column = \"amt\", is = \">\", to = 100 }`")]
pub(in crate::config::job_file) struct WhereText {
    /// The column.
    pub(in crate::config::job_file) column: At<String>,
    /// How it stands to `to`.
    pub(in crate::config::job_file) is: At<Word<Is>>,
    /// A constant, written as the column's values are; for `in` a list of them.
    pub(in crate::config::job_file) to: Option<At<Constant>>,
}

/// An order of rows.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config::job_file) struct SortText {
    /// The columns, the first one counting most. A `-` before a name turns its order round.
    pub(in crate::config::job_file) by: At<OneOrMore>,
    /// Whether the greatest comes first. Default: false.
    pub(in crate::config::job_file) descending: Option<At<bool>>,
}

/// The first rows in an order.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "a table such as `{ n = 10, by = \"amt\" }`")]
pub(in crate::config::job_file) struct TopText {
    /// How many.
    pub(in crate::config::job_file) n: At<Whole>,
    /// The columns, the first one counting most. A `-` before a name turns its order round.
    pub(in crate::config::job_file) by: At<OneOrMore>,
    /// Whether the greatest comes first. Default: true.
    pub(in crate::config::job_file) descending: Option<At<bool>>,
}

/// Rows by chance.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config::job_file) struct SampleText {
    /// How probable it is that a row is kept, from 0 to 1.
    pub(in crate::config::job_file) fraction: At<Real>,
    /// Beside the seed of the task. Default: 0.
    pub(in crate::config::job_file) seed: Option<At<Whole>>,
}
