//! Plan: operators that stand beside a fold over windows: what they are given, and what to write.
//!
//! Takes what is wrong with one. Gives the same with words that mend it where it stands: its
//! columns cannot be chosen, and another word for the step would not help. Never checks anything.

use super::checked::Mismatch;
use super::fault::PlanFault;
use super::help::in_rust;
use crate::model::column_type::ColumnType;
use crate::model::schema::{Column, StreamSchema};

/// What is wrong with the `filter` of a fold that makes these columns.
pub(super) fn filter(folded: &StreamSchema, mismatch: Mismatch) -> Mismatch {
    let arguments = (0..).zip(&folded.columns).map(|(at, column)| argument(at, column));
    let arguments: Vec<String> = arguments.collect();
    let of = if folded.keys > 0 { "the key and what was folded" } else { "what was folded" };
    said("filter", mismatch, |name| {
        let name = name.unwrap_or("is_shown");
        let written = format!("#[filter] fn {name}({}) -> bool", arguments.join(", "));
        format!("a `filter` beside a fold is given {of}: write `{written}`")
    })
}

/// What is wrong with the `inverse` of a fold that makes these columns.
pub(super) fn inverse(folded: &StreamSchema, mismatch: Mismatch) -> Mismatch {
    let types = |of: fn(&Column) -> String| -> String {
        let all: Vec<String> = folded.value_columns().iter().map(of).collect();
        if all.len() == 1 { all.concat() } else { format!("({})", all.join(", ")) }
    };
    let (taken, given) = (types(taken), types(given));
    said("inverse", mismatch, |name| {
        let name = name.unwrap_or("without");
        let written = format!("#[inverse] fn {name}(folded: {taken}, left: {taken}) -> {given}");
        format!(
            "an `inverse` is given a folded value and one that was folded into it, and gives the \
             first without the second: write `{written}`"
        )
    })
}

/// The same fault with what is wanted under the key, if it is one of kind or columns. The
/// operator's own name is of use only where it is of the right kind.
fn said(
    key: &'static str,
    (part, fault): Mismatch,
    wanted: impl Fn(Option<&str>) -> String,
) -> Mismatch {
    let own = match &fault {
        PlanFault::Kind { .. } => None,
        PlanFault::ColumnCount { operator, .. }
        | PlanFault::ColumnType { operator, .. }
        | PlanFault::ColumnNullable { operator, .. }
        | PlanFault::ColumnMissing { who: operator, .. } => operator.rsplit('.').next(),
        _ => return (part, fault),
    };
    let wanted = wanted(own.filter(|name| is_plain(name)));
    (part, PlanFault::BesideFold { key, wanted, why: Box::new(fault) })
}

fn argument(at: usize, column: &Column) -> String {
    let name = if is_plain(&column.name) { column.name.clone() } else { format!("_{}", at + 1) };
    format!("{name}: {}", taken(column))
}

/// Whether a name is one of Rust's, as far as names of columns are told apart by that.
fn is_plain(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(is_word) && name.starts_with(|c: char| !c.is_ascii_digit()) && name != "_"
}

fn taken(column: &Column) -> String {
    optional(column, in_rust(&column.data_type))
}

fn given(column: &Column) -> String {
    let owned = match column.data_type {
        ColumnType::Utf8 => "String".to_owned(),
        ColumnType::Binary => "Vec<u8>".to_owned(),
        _ => in_rust(&column.data_type),
    };
    optional(column, owned)
}

fn optional(column: &Column, rust: String) -> String {
    if column.nullable { format!("Option<{rust}>") } else { rust }
}
