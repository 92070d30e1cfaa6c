//! Model: which rows a `where` keeps, by one of their columns.
//!
//! Takes what a person wrote. Gives it to planning. Never knows the column's type: constants are
//! checked against it when a job is planned.

use serde_json::Value;

/// How a value stands to a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// They are equal.
    Equal,
    /// They are not.
    NotEqual,
    /// It is less.
    Less,
    /// It is less or equal.
    AtMost,
    /// It is greater or equal.
    AtLeast,
    /// It is greater.
    Greater,
}

impl Comparison {
    /// The sign by which a job file names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::Greater => ">",
        }
    }
}

/// What a row's value must be. A null is nothing but null: every comparison with it is false, as
/// in SQL.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// It stands so to a constant.
    Is(Comparison, Value),
    /// It equals one of these constants.
    In(Vec<Value>),
    /// It is missing.
    IsNull,
    /// It is there.
    IsNotNull,
}

impl Condition {
    /// The condition in words, as `explain` shows it.
    pub fn text(&self) -> String {
        match self {
            Self::Is(comparison, constant) => format!("{} {constant}", comparison.word()),
            Self::In(constants) => {
                let constants: Vec<String> = constants.iter().map(Value::to_string).collect();
                format!("in {}", constants.join(", "))
            }
            Self::IsNull => "is_null".to_owned(),
            Self::IsNotNull => "is_not_null".to_owned(),
        }
    }
}
