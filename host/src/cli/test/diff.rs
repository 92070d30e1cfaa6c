//! Cli: what a stream had against what it was to have, row by row.
//!
//! Takes a dataset and what was expected, which is read by the stream's columns, so that a value is
//! compared with all its digits. Gives the rows that are missing and those that are too many, or
//! nothing. Never says more than a person can read at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::bail;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, ListArray, RecordBatch};
use arrow_schema::DataType;
use tidemill::api::given::Partitions;
use tidemill::ingest::decoder::{Decoded, Decoder};
use tidemill::ingest::json_columns::JsonColumns;
use tidemill::limits::LINE_BYTES_MAX;
use tidemill::model::column_type::ColumnType;
use tidemill::model::policy::OnBadRow;
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::model::status::BatchOutcome;
use tidemill::model::text::number_of;
use tidemill::sink::json_lines::json_lines;

use super::case::Expected;
use super::rows::by_name;
use super::written::{Written, object};

/// Rows of a difference that are shown.
const SHOWN_MAX: usize = 20;

/// How rows are compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    /// The stream's columns; none: those of the rows that it had.
    pub(super) schema: Option<&'a StreamSchema>,
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
            let rows: usize = found.iter().flatten().map(RecordBatch::num_rows).sum();
            let rows = number_of(rows, "row", "rows");
            format!("    it has a dataset of {rows}, expected was none\n")
        }),
        (Expected::Rows(expected), _) => match found {
            None => Some("    it has no dataset (an empty one would be `[]`)\n".to_owned()),
            Some(found) => rows_differ(&found.concat(), expected, shape),
        },
    }
}

fn rows_differ(found: &[RecordBatch], expected: &[Written], of: Shape<'_>) -> Option<String> {
    let schema = of.schema.cloned().or_else(|| schema_of(found.first()?)).unwrap_or_default();
    let found: Vec<String> = found.iter().flat_map(lines).collect();
    let mut columns = JsonColumns::new(all_nullable(&schema), LINE_BYTES_MAX);
    let read = expected.iter().map(|row| line(row, &schema, &mut columns));
    let read: Vec<Result<String, String>> = read.collect();
    let (mut have, mut want) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    found.iter().for_each(|line| *have.entry(line).or_default() += 1);
    read.iter().flatten().for_each(|line| *want.entry(line).or_default() += 1);
    let missing: Vec<usize> = (0..read.len()).filter(|at| !takes(&mut have, &read[*at])).collect();
    let more: Vec<&String> = found.iter().filter(|line| !takes(&mut want, &Ok(line))).collect();
    let same = missing.is_empty() && more.is_empty();
    if same && (!of.in_order || read.iter().flatten().eq(&found)) {
        return None;
    }
    let like = missing.first().map(|at| &expected[*at]).or(expected.first());
    let form = Form::of(like, &schema);
    let mut all: Vec<String> = Vec::new();
    for at in missing {
        let why = read[at].as_ref().err().map(|why| format!("      {why}\n"));
        all.push(format!("    - {}\n{}", expected[at], why.unwrap_or_default()));
    }
    all.extend(more.iter().map(|line| format!("    + {}\n", form.shown(line))));
    if same {
        all.push("    the same rows in another order; found were\n".to_owned());
        all.extend(found.iter().map(|line| format!("      {}\n", form.shown(line))));
    }
    let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    if !names.is_empty() {
        all.insert(0, format!("    columns {}\n", names.join(", ")));
    }
    let more = all.len().saturating_sub(SHOWN_MAX);
    all.truncate(SHOWN_MAX);
    if more > 0 {
        all.push(format!("    and {} more\n", number_of(more, "row", "rows")));
    }
    Some(all.concat())
}

/// Takes a row out of those that are left. One that could not be read equals none.
fn takes<S: AsRef<str>>(left: &mut BTreeMap<&str, usize>, row: &Result<S, String>) -> bool {
    let count = row.as_ref().ok().and_then(|line| left.get_mut(line.as_ref()));
    let count = count.filter(|count| **count > 0);
    count.map(|count| *count -= 1).is_some()
}

/// An expected row as the stream would have it, or why no row of it can be like that.
fn line(row: &Written, schema: &StreamSchema, columns: &mut JsonColumns) -> Result<String, String> {
    let text = complete(row, schema).map_err(|error| error.to_string())?;
    // Why a row does not fit is told with the row, which stands above it already.
    let mut decoded = Decoded::new(&OnBadRow::DeadLetter(Default::default()));
    columns.decode(text.as_bytes(), &mut decoded);
    columns.finish(&mut decoded);
    if let Some(bad) = decoded.bad.rows_taken().pop() {
        return Err(bad.reason);
    }
    let mut lines = decoded.slices.iter().flat_map(lines);
    lines.next().ok_or_else(|| "it is no row".to_owned())
}

/// A row as a line with all columns.
fn complete(row: &Written, schema: &StreamSchema) -> anyhow::Result<String> {
    let fields = by_name(row, schema)?;
    let lacks = |column: &&Column| fields.get(&column.name).is_none();
    if let Some(column) = schema.columns.iter().find(lacks) {
        bail!("column `{}` is missing, expected {}", column.name, column.data_type);
    }
    Ok(format!("{}\n", Written::Object(fields)))
}

/// The rows of a slice as they are compared.
fn lines(slice: &RecordBatch) -> Vec<String> {
    let columns = slice.columns().iter().map(one_zero).collect();
    // Invariant: only values have changed.
    let slice = RecordBatch::try_new(slice.schema(), columns).unwrap_or_else(|_| slice.clone());
    let lines = String::from_utf8_lossy(&json_lines(&slice)).into_owned();
    lines.lines().map(str::to_owned).collect()
}

/// A column in which -0.0 is 0.0, which it equals.
fn one_zero(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float64 => {
            let floats: Float64Array = column.as_primitive::<Float64Type>().unary(|x| x + 0.0);
            Arc::new(floats)
        }
        DataType::List(item) => {
            let (_, offsets, items, nulls) = column.as_list::<i32>().clone().into_parts();
            Arc::new(ListArray::new(Arc::clone(item), offsets, one_zero(&items), nulls))
        }
        _ => Arc::clone(column),
    }
}

/// The columns of a slice.
fn schema_of(slice: &RecordBatch) -> Option<StreamSchema> {
    let schema = slice.schema();
    let columns = schema.fields().iter().map(|field| {
        let column = Column::new(field.name(), ColumnType::from_arrow(field.data_type())?);
        Some(if field.is_nullable() { column.nullable() } else { column })
    });
    columns.collect::<Option<_>>().map(StreamSchema::new)
}

/// A null may be expected of any column: where there is none it shows as a row that is missing.
fn all_nullable(schema: &StreamSchema) -> StreamSchema {
    StreamSchema::new(schema.columns.iter().map(|column| column.clone().nullable()).collect())
}

/// How a person writes a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Value,
    List,
    Object,
}

impl Form {
    fn of(like: Option<&Written>, schema: &StreamSchema) -> Self {
        match like {
            Some(Written::Object(_)) => Self::Object,
            Some(Written::List(cells)) if cells.len() == schema.columns.len() => Self::List,
            Some(_) if schema.columns.len() == 1 => Self::Value,
            _ => Self::List,
        }
    }

    fn shown(self, line: &str) -> String {
        match (self, object(line)) {
            (Self::Object, _) | (_, Err(_)) => line.to_owned(),
            (form, Ok(fields)) => {
                let mut cells: Vec<Written> = fields.0.into_iter().map(|(_, cell)| cell).collect();
                match cells.pop() {
                    Some(cell) if form == Self::Value => cell.to_string(),
                    last => {
                        cells.extend(last);
                        Written::List(cells).to_string()
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Decimal128Array, StringArray};

    use super::*;

    const BY_PLACE: Shape<'_> = Shape { schema: None, in_order: false };

    fn rows(list: &str) -> Vec<Written> {
        let text = format!("{{\"rows\":{list}}}");
        let fields = object(&text).expect("it is JSON");
        fields.get("rows").and_then(Written::as_list).expect("a list").clone()
    }

    fn slice(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).expect("columns of equal length")
    }

    fn ada() -> RecordBatch {
        let user: ArrayRef = Arc::new(StringArray::from(vec!["ada"]));
        slice(vec![("user", user), ("n", Arc::new(Float64Array::from(vec![1.0])))])
    }

    fn differ(found: &RecordBatch, expected: &str) -> String {
        let found = std::slice::from_ref(found);
        rows_differ(found, &rows(expected), BY_PLACE).unwrap_or_default()
    }

    /// The story: names of columns that a stream does not have were passed over, so that a case
    /// with a slip in each of them was as good as right.
    #[test]
    fn rows_by_name_have_the_stream_s_columns() {
        assert_eq!(differ(&ada(), r#"[{"n":1,"user":"ada"}]"#), "");
        assert_eq!(differ(&ada(), r#"[["ada",1]]"#), "");
        for (wrong, why) in [
            (
                r#"{"who":"ada","n":1}"#,
                "no column is called `who`, there are (user: utf8, n: float64)",
            ),
            (r#"{"user":"ada"}"#, "column `n` is missing, expected float64"),
        ] {
            let found = r#"{"user":"ada","n":1.0}"#;
            let told = format!("    columns user, n\n    - {wrong}\n      {why}\n    + {found}\n");
            assert_eq!(differ(&ada(), &format!("[{wrong}]")), told);
        }
    }

    #[test]
    fn rows_that_are_missing_stand_below_the_names_of_their_columns() {
        let schema = schema_of(&ada());
        let of = Shape { schema: schema.as_ref(), in_order: true };
        let told = rows_differ(&[], &rows(r#"[["ada",1]]"#), of);
        assert_eq!(told.as_deref(), Some("    columns user, n\n    - [\"ada\",1]\n"));
    }

    /// The story: both sides went through doubles, for which `1234567890123456.78` and `.79` are
    /// one number: a case that was wrong held, and `9999999999999999.99` was no value at all.
    #[test]
    fn decimals_and_large_integers_differ_in_their_last_digit() {
        let of = |units: i128| {
            let decimals = Decimal128Array::from(vec![units]).with_precision_and_scale(38, 2);
            slice(vec![("amt", Arc::new(decimals.expect("they fit")))])
        };
        let (right, wrong) = ("[1234567890123456.78]", "[1234567890123456.79]");
        assert_eq!(differ(&of(123_456_789_012_345_678), right), "");
        assert_eq!(
            differ(&of(123_456_789_012_345_678), wrong),
            "    columns amt\n    - 1234567890123456.79\n    + 1234567890123456.78\n"
        );
        assert_eq!(differ(&of(999_999_999_999_999_999), "[9999999999999999.99]"), "");
        assert_eq!(differ(&of(150), "[1.5]"), "");
        let large = slice(vec![(
            "n",
            Arc::new(arrow_array::UInt64Array::from(vec![u64::MAX, 9_007_199_254_740_993])) as _,
        )]);
        assert_eq!(differ(&large, "[9007199254740993, 18446744073709551615]"), "");
        assert_ne!(differ(&large, "[9007199254740992, 18446744073709551615]"), "");
    }

    /// The story: a text where a number belongs looked like a row that is missing, and one by name
    /// was shown as a list.
    #[test]
    fn what_no_row_can_be_like_is_told_with_the_type_that_is_expected() {
        let told = differ(&ada(), r#"[{"user":"ada","n":"1"}]"#);
        let expected = [
            "    columns user, n",
            r#"    - {"user":"ada","n":"1"}"#,
            r#"      column `n` is `"1"`, expected float64, a number of at most 1.8e308"#,
            r#"    + {"user":"ada","n":1.0}"#,
        ];
        assert_eq!(told.lines().collect::<Vec<_>>(), expected);
        // A null is no other type: the row is missing, and that is all.
        let told = differ(&ada(), r#"[["ada",null]]"#);
        assert_eq!(told, "    columns user, n\n    - [\"ada\",null]\n    + [\"ada\",1.0]\n");
    }

    #[test]
    fn zeros_are_equal_and_nothing_else_is_that_differs() {
        let zeros = slice(vec![("x", Arc::new(Float64Array::from(vec![-0.0, 0.0])))]);
        assert_eq!(differ(&zeros, "[0, -0.0]"), "");
        let thirds = slice(vec![("x", Arc::new(Float64Array::from(vec![0.1 + 0.2])))]);
        assert_eq!(differ(&thirds, "[0.30000000000000004]"), "");
        assert_ne!(differ(&thirds, "[0.3]"), "");
    }
}
