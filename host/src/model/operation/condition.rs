//! Model: which rows a `where` keeps, by one of their columns.
//!
//! Takes what a person wrote. Gives it to planning. Never knows the column's type: constants are
//! checked against it when a job is planned.

use serde_json::Value;

use crate::model::text::escape;

/// Bytes of a condition that are shown of it: a line's worth.
const SHOWN_BYTES: usize = 80;

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
    /// The condition in words, as `explain` shows it; of a long one the beginning.
    pub fn text(&self) -> String {
        let whole = match self {
            Self::Is(comparison, constant) => format!("{} {constant}", comparison.word()),
            Self::In(constants) => {
                let constants: Vec<String> = constants.iter().map(Value::to_string).collect();
                format!("in {}", constants.join(", "))
            }
            Self::IsNull => "is_null".to_owned(),
            Self::IsNotNull => "is_not_null".to_owned(),
        };
        escape(&whole, SHOWN_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_condition_is_shown_by_its_beginning() {
        let of = |count| Condition::In((0..count).map(Value::from).collect()).text();
        assert_eq!(of(3), "in 0, 1, 2");
        assert!(of(1024).starts_with("in 0, 1, 2") && of(1024).len() <= SHOWN_BYTES + 3);
        let text = Condition::Is(Comparison::Equal, Value::from("\u{202e}x")).text();
        assert_eq!(text, "= \"\\u{202e}x\"");
    }
}
