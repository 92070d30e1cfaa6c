//! Model: the small grammar of column types that the border and job files share.
//!
//! Takes and gives words such as `utf8` or `list<int64?>`. Never relies on Arrow's printed names,
//! which are not stable between releases.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};

use crate::limits::LIST_DEPTH_MAX;

/// The type of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// One bit a row.
    Bool,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// 64-bit unsigned integer.
    UInt64,
    /// IEEE 754 double.
    Float64,
    /// Text, at most 2 GiB a batch.
    Utf8,
    /// Bytes, at most 2 GiB a batch.
    Binary,
    /// Days since 1970-01-01.
    Date32,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// Fixed point: digits in all, digits after the point.
    Decimal128(u8, i8),
    /// A list a row; the flag says whether items may be null.
    List(Box<ColumnType>, bool),
}

/// A word that is no column type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no column type; allowed are {ALLOWED}")]
pub struct ColumnTypeError {
    /// The word as it was found.
    pub found: String,
}

/// The grammar in a sentence, for error messages.
pub const ALLOWED: &str = "bool, int32, int64, uint64, float64, utf8, binary, date32, timestamp, \
     decimal128(p,s), and list<T> or list<T?> of these to depth 2";

impl ColumnType {
    /// Arrow's type with the same layout.
    pub fn to_arrow(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::UInt64 => DataType::UInt64,
            Self::Float64 => DataType::Float64,
            Self::Utf8 => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Date32 => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
            Self::Decimal128(precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::List(item, nullable) => {
                DataType::List(Arc::new(Field::new("item", item.to_arrow(), *nullable)))
            }
        }
    }

    /// The column type of an Arrow type, if it is one of ours.
    pub fn from_arrow(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Bool,
            DataType::Int32 => Self::Int32,
            DataType::Int64 => Self::Int64,
            DataType::UInt64 => Self::UInt64,
            DataType::Float64 => Self::Float64,
            DataType::Utf8 => Self::Utf8,
            DataType::Binary => Self::Binary,
            DataType::Date32 => Self::Date32,
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC" => {
                Self::Timestamp
            }
            DataType::Decimal128(precision, scale) => Self::Decimal128(*precision, *scale),
            DataType::List(item) => {
                Self::List(Box::new(Self::from_arrow(item.data_type())?), item.is_nullable())
            }
            _ => return None,
        })
    }

    /// How many lists are wrapped around the innermost type.
    pub fn list_depth(&self) -> usize {
        match self {
            Self::List(item, _) => 1 + item.list_depth(),
            _ => 0,
        }
    }

    /// The type of a word inside so many lists. It is a stranger's word: the depth is looked at
    /// before going deeper.
    fn parse(word: &str, depth: usize) -> Option<Self> {
        let word = word.trim();
        if depth > LIST_DEPTH_MAX {
            return None;
        }
        if let Some(inner) = word.strip_prefix("list<").and_then(|rest| rest.strip_suffix('>')) {
            let (inner, nullable) = match inner.trim().strip_suffix('?') {
                Some(item) => (item, true),
                None => (inner, false),
            };
            return Some(Self::List(Box::new(Self::parse(inner, depth + 1)?), nullable));
        }
        if let Some(inner) = word.strip_prefix("decimal128(").and_then(|w| w.strip_suffix(')')) {
            let (precision, scale) = inner.split_once(',')?;
            let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
            let allowed = (1..=38).contains(&precision) && (0..=precision as i8).contains(&scale);
            return allowed.then_some(Self::Decimal128(precision, scale));
        }
        Some(match word {
            "bool" => Self::Bool,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "uint64" => Self::UInt64,
            "float64" => Self::Float64,
            "utf8" => Self::Utf8,
            "binary" => Self::Binary,
            "date32" => Self::Date32,
            "timestamp" => Self::Timestamp,
            _ => return None,
        })
    }
}

impl FromStr for ColumnType {
    type Err = ColumnTypeError;

    fn from_str(word: &str) -> Result<Self, ColumnTypeError> {
        Self::parse(word, 0)
            .ok_or_else(|| ColumnTypeError { found: word.chars().take(80).collect() })
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int32 => f.write_str("int32"),
            Self::Int64 => f.write_str("int64"),
            Self::UInt64 => f.write_str("uint64"),
            Self::Float64 => f.write_str("float64"),
            Self::Utf8 => f.write_str("utf8"),
            Self::Binary => f.write_str("binary"),
            Self::Date32 => f.write_str("date32"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Decimal128(precision, scale) => write!(f, "decimal128({precision},{scale})"),
            Self::List(item, nullable) => {
                write!(f, "list<{item}{}>", if *nullable { "?" } else { "" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_grammar_survives_a_round_trip() {
        for word in [
            "bool",
            "int32",
            "int64",
            "uint64",
            "float64",
            "utf8",
            "binary",
            "date32",
            "timestamp",
            "decimal128(18,2)",
            "list<int64?>",
            "list<list<utf8>?>",
        ] {
            let parsed: ColumnType = word.parse().expect(word);
            assert_eq!(parsed.to_string(), word);
            assert_eq!(ColumnType::from_arrow(&parsed.to_arrow()), Some(parsed));
        }
    }

    #[test]
    fn words_outside_the_grammar_are_refused() {
        for word in ["", "string", "list<list<list<bool>>>", "decimal128(39,0)", "decimal128(2,3)"]
        {
            let error = word.parse::<ColumnType>().expect_err(word);
            assert!(error.to_string().contains("timestamp"), "{error}");
        }
        // Deep enough to use up any stack, if it were followed down.
        let deep = format!("{}bool{}", "list<".repeat(1 << 20), ">".repeat(1 << 20));
        assert_eq!(deep.parse::<ColumnType>().expect_err("it is too deep").found.len(), 80);
    }
}
