//! Model: several folds in one step, each of a column of its own.
//!
//! Takes what a person wrote. Gives it to planning. Never knows a column's type.

use crate::model::operation::BuiltInFold;

/// How a column is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateFold {
    /// By a built-in fold.
    BuiltIn(BuiltInFold),
    /// Its sum by the number of its values, as float64; null where it has none.
    Average,
}

impl AggregateFold {
    /// The word under which a job file names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::BuiltIn(fold) => fold.word(),
            Self::Average => "avg",
        }
    }
}

impl From<BuiltInFold> for AggregateFold {
    fn from(fold: BuiltInFold) -> Self {
        Self::BuiltIn(fold)
    }
}

/// A column that an aggregate makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregated {
    /// Its name.
    pub name: String,
    /// How it is folded.
    pub fold: AggregateFold,
    /// The column it is folded of; `None`: the one of its own name, or for `count`, where there is
    /// none, rows.
    pub of: Option<String>,
}

impl Aggregated {
    /// A column that is folded of the one of its own name; of `count`, where there is none, the
    /// number of rows.
    pub fn new(name: &str, fold: impl Into<AggregateFold>) -> Self {
        Self { name: name.to_owned(), fold: fold.into(), of: None }
    }

    /// The same, folded of another column.
    pub fn of(mut self, column: &str) -> Self {
        self.of = Some(column.to_owned());
        self
    }
}
