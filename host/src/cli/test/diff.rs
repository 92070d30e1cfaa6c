//! Cli: what a stream had against what it was to have, row by row.
//!
//! Takes a dataset and what was expected. Gives the rows that are missing and those that are too
//! many, or nothing. Never says more than a person can read at once.

use std::collections::BTreeMap;

use serde_json::Value;
use tidemill::api::given::Partitions;
use tidemill::model::status::BatchOutcome;
use tidemill::sink::json_lines::json_lines;

use super::case::Expected;

/// Rows of a difference that are shown.
const SHOWN_MAX: usize = 20;

/// How rows are compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    /// The stream's columns; none: those of the rows that it had.
    pub(super) columns: &'a [String],
    /// Whether the order of rows counts.
    pub(super) in_order: bool,
}

/// Compares; `None` when all is as expected.
pub(super) fn compare(
    outcome: &BatchOutcome,
    found: Option<Partitions>,
    expected: &Expected,
    shape: Shape<'_>,
) -> Option<String> {
    match (expected, outcome) {
        (Expected::Any, _) => None,
        (Expected::Failure(words), BatchOutcome::Failed { message }) => (!message
            .contains(words.as_str()))
        .then(|| format!("    it failed, but without `{words}`: {message}\n")),
        (Expected::Failure(words), BatchOutcome::Completed) => {
            Some(format!("    it did not fail, expected was `{words}`\n"))
        }
        // The failure is told by itself.
        (_, BatchOutcome::Failed { .. }) => None,
        (Expected::Missing, _) => found.map(|found| {
            let rows = rows_of(&found).len();
            format!("    it has a dataset of {rows} rows, expected was none\n")
        }),
        (Expected::Rows(expected), _) => match found {
            None => Some("    it has no dataset (an empty one would be `[]`)\n".to_owned()),
            Some(found) => rows_differ(&rows_of(&found), expected, shape),
        },
    }
}

/// The rows of a dataset as objects.
fn rows_of(partitions: &Partitions) -> Vec<Value> {
    let lines: Vec<u8> = partitions.iter().flatten().flat_map(json_lines).collect();
    let lines = String::from_utf8_lossy(&lines).into_owned();
    lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn rows_differ(found: &[Value], expected: &[Value], of: Shape<'_>) -> Option<String> {
    let names: Vec<&String> = match of.columns {
        [] => {
            let first = found.first().and_then(Value::as_object);
            first.into_iter().flat_map(|row| row.keys()).collect()
        }
        columns => columns.iter().collect(),
    };
    let expected: Vec<String> =
        expected.iter().map(|row| expected_shape(&names, row).to_string()).collect();
    let found: Vec<String> = found.iter().map(|row| shape(row).to_string()).collect();
    let same = if of.in_order { found == expected } else { counted(&found) == counted(&expected) };
    if same {
        return None;
    }
    let (have, want) = (counted(&found), counted(&expected));
    let lines = |sign: char, of: &BTreeMap<&String, i64>, other: &BTreeMap<&String, i64>| {
        let more = of.iter().map(|(row, count)| (*row, count - other.get(*row).unwrap_or(&0)));
        let more = more.filter(|(_, more)| *more > 0);
        more.flat_map(|(row, more)| {
            let line = format!("    {sign} {row}\n");
            std::iter::repeat_n(line, usize::try_from(more).unwrap_or(0))
        })
        .collect::<Vec<String>>()
    };
    let mut all = lines('-', &want, &have);
    all.extend(lines('+', &have, &want));
    if all.is_empty() {
        all.push("    the same rows in another order; found were\n".to_owned());
        all.extend(found.iter().map(|row| format!("      {row}\n")));
    }
    let listed: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    if !listed.is_empty() {
        all.insert(0, format!("    columns {}\n", listed.join(", ")));
    }
    let more = all.len().saturating_sub(SHOWN_MAX);
    all.truncate(SHOWN_MAX);
    if more > 0 {
        all.push(format!("    and {more} rows more\n"));
    }
    Some(all.concat())
}

/// An object's columns in the order of the stream's, in whichever they are written. One with other
/// columns stays an object, which no row equals.
fn expected_shape(names: &[&String], row: &Value) -> Value {
    match row {
        Value::Object(columns) if !names.is_empty() => {
            let cells: Option<Vec<Value>> =
                names.iter().map(|name| columns.get(*name).map(plain)).collect();
            cells.filter(|cells| cells.len() == columns.len()).map_or(row.clone(), Value::Array)
        }
        row => shape(row),
    }
}

fn counted(rows: &[String]) -> BTreeMap<&String, i64> {
    let mut counts = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row).or_insert(0) += 1);
    counts
}

/// A row in the form in which rows are compared: a list of its columns, numbers as short as may be.
fn shape(row: &Value) -> Value {
    let cells: Vec<Value> = match row {
        Value::Object(columns) => columns.values().map(plain).collect(),
        Value::Array(cells) => cells.iter().map(plain).collect(),
        cell => vec![plain(cell)],
    };
    Value::Array(cells)
}

/// `1.0` is 1.
fn plain(cell: &Value) -> Value {
    match cell {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                Value::from(float as i64)
            }
            _ => cell.clone(),
        },
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The story: names of columns that a stream does not have were passed over, so that a case
    /// with a slip in each of them was as good as right.
    #[test]
    fn rows_by_name_have_the_stream_s_columns() {
        let found = [json!({"user": "ada", "n": 1.0})];
        let of = Shape { columns: &[], in_order: false };
        let differ = |row: Value| rows_differ(&found, &[row], of);
        assert_eq!(differ(json!({"n": 1, "user": "ada"})), None);
        assert_eq!(differ(json!(["ada", 1])), None);
        for wrong in [
            json!({"who": "ada", "n": 1}),
            json!({"user": "ada"}),
            json!({"user": "ada", "n": 1, "more": null}),
        ] {
            let told = format!("    columns user, n\n    - {wrong}\n    + [\"ada\",1]\n");
            assert_eq!(differ(wrong), Some(told));
        }
    }

    #[test]
    fn rows_that_are_missing_stand_below_the_names_of_their_columns() {
        let columns = ["user".to_owned(), "n".to_owned()];
        let of = Shape { columns: &columns, in_order: true };
        let told = rows_differ(&[], &[json!({"n": 1, "user": "ada"})], of);
        assert_eq!(told.as_deref(), Some("    columns user, n\n    - [\"ada\",1]\n"));
    }
}
