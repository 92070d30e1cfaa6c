//! Plan: what would mend a job that cannot be planned.
//!
//! Takes what is at fault. Gives a proposal, where one is known. Never repeats the fault itself.

use super::fault::PlanFault;
use crate::model::column_type::ColumnType;
use crate::model::description::OperatorKind;
use crate::model::finding::nearest;
use crate::model::parameter::ParameterError;
use crate::model::schema::{Column, StreamSchema};

impl PlanFault {
    /// What would mend it, where that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Wiring { help, .. } => help.clone(),
            Self::OperatorMissing { plugin, found, known } => {
                let word = nearest(found, known.iter().map(String::as_str))?;
                Some(format!("did you mean `{plugin}.{word}`?"))
            }
            Self::Kind { operator, found, expected, .. } => {
                Some(kind_help(operator, *found, *expected))
            }
            Self::Parameter { error: ParameterError::Unknown { found, allowed }, .. } => {
                let word = nearest(found, allowed.iter().map(String::as_str))?;
                Some(format!("did you mean `{word}`?"))
            }
            Self::Parameter { error: ParameterError::Missing { name, .. }, .. } => {
                Some(format!("set it: `params = {{ {name} = ... }}`"))
            }
            Self::ColumnCount { found, expected, .. } => Some(count_help(found, expected)),
            Self::ColumnMissing { is_key: true, .. } => {
                Some("it is a key column, and the step sees value columns only".to_owned())
            }
            Self::ColumnMissing { column, known, .. } => {
                let word = nearest(column, known.iter().map(String::as_str))?;
                Some(format!("did you mean `{word}`?"))
            }
            Self::FoldColumnMissing { made, fold, fitting, .. } => {
                let near = nearest(made, fitting.iter().map(String::as_str));
                let of = near.or(match &fitting[..] {
                    [only] => Some(only),
                    _ => None,
                });
                let of = of.map_or("...".to_owned(), |of| format!("\"{of}\""));
                let instead = format!("{made} = {{ fold = \"{fold}\", of = {of} }}");
                Some(format!("to make it of another one, write `{instead}`"))
            }
            Self::ColumnType { fitting: Some(names), .. } => {
                let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
                Some(choose_help(&names))
            }
            Self::ColumnType { found, expected, .. } => Some(type_help(found, expected)),
            Self::BesideFold { wanted, .. } => Some(wanted.clone()),
            Self::ColumnNullable { expected, .. } => Some(format!(
                "let the operator take `Option<{}>`, or make the column required where it comes \
                 from",
                in_rust(&expected.data_type)
            )),
            Self::BroadcastMissing { found, known, .. } => {
                let near = nearest(found, known.iter().map(String::as_str));
                Some(near.map_or_else(
                    || format!("declare it: `[broadcasts.{found}]`"),
                    |word| format!("did you mean `{word}`?"),
                ))
            }
            Self::BroadcastColumn { found, expected, .. } => {
                let rust = in_rust(&found.data_type);
                let rust = if found.nullable { format!("Option<{rust}>") } else { rust };
                Some(format!(
                    "make it {} in the broadcast's `schema`, or let the operator take `{rust}`",
                    expected.data_type
                ))
            }
            _ => self.mend(),
        }
    }

    /// What always mends it.
    fn mend(&self) -> Option<String> {
        match self {
            Self::NoKey { .. } => Some(
                "put `{ key_by = [\"...\"] }` before it, or let the operator before it say how \
                 many of its columns are key, such as `#[map(keys = 1)]`"
                    .to_owned(),
            ),
            Self::DuplicateColumn { mends, .. } => mends.map(str::to_owned),
            Self::JoinKeys { .. } => {
                Some("put `{ key_by = [...] }` before the join, or where the other ends".to_owned())
            }
            Self::NothingToFold { .. } => {
                Some("to count how often each key occurs, use `count_by_value`".to_owned())
            }
            Self::AppendMakesKey { .. } => {
                Some("leave `append` out, or put `{ key_by = [...] }` after the step".to_owned())
            }
            _ => None,
        }
    }
}

fn kind_help(operator: &str, found: OperatorKind, expected: OperatorKind) -> String {
    match (found, expected) {
        (OperatorKind::Reduce, _) => {
            format!("write `reduce_by_key = \"{operator}\"` or `reduce = \"{operator}\"`")
        }
        (OperatorKind::Combine, _) => format!("write `combine_by_key = \"{operator}\"`"),
        (_, OperatorKind::Reduce) => {
            format!("a fold is written with `#[reduce]`; `{operator}` is none")
        }
        (_, OperatorKind::Inverse) => {
            format!("an inverse is written with `#[inverse]`; `{operator}` is none")
        }
        (OperatorKind::Inverse, _) => {
            format!("it stands in windows, as `inverse = \"{operator}\"`")
        }
        _ => format!("write `{found} = \"{operator}\"`"),
    }
}

fn count_help(found: &StreamSchema, expected: &StreamSchema) -> String {
    if found.columns.len() < expected.columns.len() {
        return "let a step before it make the columns that are missing".to_owned();
    }
    let mut left: Vec<&Column> = found.columns.iter().collect();
    let fitting = expected.columns.iter().map(|wanted| {
        let at = left.iter().position(|column| column.satisfies(wanted));
        at.map_or("...".to_owned(), |at| format!("\"{}\"", left.remove(at).name))
    });
    let fitting: Vec<String> = fitting.collect();
    choose_help(&fitting)
}

fn choose_help(columns: &[String]) -> String {
    format!("choose the columns it is given, such as `columns = [{}]`", columns.join(", "))
}

fn type_help(found: &Column, expected: &Column) -> String {
    let rust = in_rust(&found.data_type);
    let rust = if found.nullable { format!("Option<{rust}>") } else { rust };
    format!(
        "make it {} where it comes from, in the source's `schema` or the step before, or let the \
         operator take `{rust}`",
        expected.data_type
    )
}

/// How a Rust operator takes a column.
pub(super) fn in_rust(data_type: &ColumnType) -> String {
    let plain = match data_type {
        ColumnType::Bool => "bool",
        ColumnType::Int32 => "i32",
        ColumnType::Int64 => "i64",
        ColumnType::UInt64 => "u64",
        ColumnType::Float64 => "f64",
        ColumnType::Utf8 => "&str",
        ColumnType::Binary => "&[u8]",
        ColumnType::Date32 => "Date",
        ColumnType::Timestamp => "Timestamp",
        ColumnType::Decimal128(precision, scale) => {
            return format!("Decimal<{precision}, {scale}>");
        }
        ColumnType::List(item, false) => return format!("List<{}>", in_rust(item)),
        ColumnType::List(item, true) => return format!("List<Option<{}>>", in_rust(item)),
    };
    plain.to_owned()
}
