//! Model: what a planned step of the host's own calls.
//!
//! Takes checked columns and constants from planning. Gives them to whoever binds a stage. Never
//! holds a name that would have to be looked up.

use arrow_array::ArrayRef;

use super::join::JoinKind;
use super::operation::BuiltInFold;
use super::operation::condition::Comparison;
use super::schema::StreamSchema;

/// One call of the host's own.
#[derive(Debug, Clone)]
pub enum VerbCall {
    /// Folds value columns, each in its own way; with none, keeps one row of each key.
    Aggregate(Vec<ColumnFold>),
    /// Makes averages of sums and counts.
    Average(Vec<Averaged>),
    /// Keeps rows by the one column it is given.
    Compare(Test),
    /// Keeps each row by chance.
    Sample {
        /// How probable it is that a row is kept.
        fraction: f64,
        /// Beside the task's own seed.
        seed: u64,
    },
    /// Brings rows in order.
    Order {
        /// By these columns, the first one counting most.
        by: Vec<OrderColumn>,
        /// Keeps only so many, the first.
        rows: Option<usize>,
    },
    /// Makes one row of all, with columns of lists.
    Glom(StreamSchema),
    /// Brings rows of a broadcast together with those it is given.
    BroadcastJoin(BroadcastJoinCall),
}

/// A join with a broadcast, its columns found.
#[derive(Debug, Clone)]
pub struct BroadcastJoinCall {
    /// The broadcast.
    pub broadcast: String,
    /// How messages call the step.
    pub label: String,
    /// The stream's columns that are to be equal to the broadcast's.
    pub on: Vec<usize>,
    /// The broadcast's.
    pub with: Vec<usize>,
    /// The broadcast's columns that come out behind the stream's.
    pub values: Vec<usize>,
    /// Which rows come out.
    pub kind: JoinKind,
    /// Whether null is a key like any other.
    pub null_equal: bool,
    /// What comes out.
    pub output: StreamSchema,
}

/// One fold of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFold {
    /// The fold; its results are folded by it too.
    pub fold: BuiltInFold,
    /// The value column it is given; `None`: it counts rows.
    pub column: Option<usize>,
    /// How messages and `explain` call it, such as `sum of amt`.
    pub label: String,
}

/// A column after averages were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Averaged {
    /// The column as it was.
    Kept(usize),
    /// The average of what was summed and counted.
    Of {
        /// The column of sums.
        sum: usize,
        /// The column of counts.
        count: usize,
    },
}

/// What the value of a row is compared with. Constants are of the column's type.
#[derive(Debug, Clone)]
pub enum Test {
    /// A constant, in a column of one row.
    Is(Comparison, ArrayRef),
    /// Several constants.
    In(ArrayRef),
    /// Nothing: it must be missing.
    IsNull,
    /// Nothing: it must be there.
    IsNotNull,
}

/// A column by which rows are brought in order. Nulls come last either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderColumn {
    /// The column.
    pub column: usize,
    /// Whether its greatest value comes first.
    pub descending: bool,
}
