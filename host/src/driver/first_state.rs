//! Driver: what a stateful step begins with, looked at before anything runs.
//!
//! Takes rows of keys and what is kept for each, of a file or a program. Gives them if a step can
//! have come to keep them. Never lets two rows decide about one key.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::ArrowError;

use crate::ingest::bad_row::shown;
use crate::ingest::decoder::{Decoded, each_line};
use crate::ingest::json_columns::JsonColumns;
use crate::ingest::json_names::name_twice;
use crate::limits::{INITIAL_STATE_BYTES_MAX, LINE_BYTES_MAX};
use crate::model::policy::OnBadRow;
use crate::model::schema::StreamSchema;
use crate::model::stage::StatePlan;
use crate::operator::canonical::canonical_keys;
use crate::sink::json_lines::json_lines;
use crate::state::codec::RowCodec;
use crate::state::delta::{Changed, StateDelta};
use crate::sys::storage::Storage;

/// Looks whether a step can have come to keep these rows.
///
/// # Errors
/// Names the first key that stands twice, or whose values contradict each other or are missing,
/// with what was found and what is allowed.
pub fn check(state: &StatePlan, batches: &[RecordBatch]) -> Result<(), String> {
    let keys = state.output.keys;
    let schema = StreamSchema::new(state.output.key_columns().to_vec()).to_arrow();
    let codec = RowCodec::new(&schema).map_err(in_words)?;
    let mut seen = StateDelta::default();
    for batch in batches {
        let columns = canonical_keys(&batch.columns()[..keys]);
        let encoded = codec.encode(&columns).map_err(in_words)?;
        for row in 0..batch.num_rows() {
            let key = || written(batch, row, 0..keys);
            if let Some(fault) = lacking(state, batch, row) {
                return Err(format!("key `{}` has {fault}", key()));
            }
            if let Some(fault) = impossible(state, batch, row) {
                return Err(format!("key `{}` has {fault}", key()));
            }
            if seen.get(encoded.row(row)).is_some() {
                return Err(format!("key `{}` stands twice, allowed is once", key()));
            }
            seen.set(encoded.row(row), Changed::Touched);
        }
    }
    Ok(())
}

/// A column that is null and may not be. A file cannot have one; what a program gives can.
fn lacking(state: &StatePlan, batch: &RecordBatch, row: usize) -> Option<String> {
    let mut columns = state.output.columns.iter().zip(batch.columns());
    let (column, _) = columns.find(|(column, of)| !column.nullable && of.is_null(row))?;
    Some(format!("no `{}`, expected {}", column.name, column.data_type))
}

/// A sum and a count that no rows can have come to.
fn impossible(state: &StatePlan, batch: &RecordBatch, row: usize) -> Option<String> {
    let mut averages = state.averages.iter();
    let &(sum, count) = averages.find(|(sum, count)| {
        let counted = batch.column(*count).as_primitive::<Int64Type>().value(row);
        if batch.column(*sum).is_null(row) { counted != 0 } else { counted < 1 }
    })?;
    let columns = &state.output.columns;
    let (nullable, found) = (columns[sum].nullable, written(batch, row, [sum, count]));
    let (sum, count) = (&columns[sum].name, &columns[count].name);
    let or_none = if nullable { format!(", or of 0 and no `{sum}`") } else { String::new() };
    Some(format!("`{found}`, allowed are a `{count}` of 1 or more beside a `{sum}`{or_none}"))
}

/// These columns of a row, as a file has them.
fn written(batch: &RecordBatch, row: usize, columns: impl IntoIterator<Item = usize>) -> String {
    let columns: Vec<usize> = columns.into_iter().collect();
    let row = batch.slice(row, 1).project(&columns);
    shown(row.map(|row| json_lines(&row)).unwrap_or_default().trim_ascii_end())
}

fn in_words(error: ArrowError) -> String {
    error.to_string()
}

/// The rows of a file of JSON lines.
///
/// # Errors
/// When the file cannot be read, is too large, or a line of it is no row.
pub(super) fn read(
    storage: &dyn Storage,
    path: &Path,
    schema: &StreamSchema,
) -> Result<Vec<RecordBatch>, String> {
    let mut text = Vec::new();
    loop {
        let mut part = vec![0; 1 << 16];
        let at = text.len() as u64;
        let read = storage.read_at(path, at, &mut part).map_err(|error| error.to_string())?;
        if read == 0 {
            break;
        }
        text.extend_from_slice(&part[..read]);
        if text.len() > INITIAL_STATE_BYTES_MAX {
            let (path, allowed) = (path.display(), INITIAL_STATE_BYTES_MAX);
            return Err(format!("`{path}` has more than {allowed} bytes, which is the limit"));
        }
    }
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    let mut columns = JsonColumns::new(schema.clone(), LINE_BYTES_MAX);
    let decoded = Decoded::of_all(&mut columns, &text, &OnBadRow::Fail);
    if let Some(first) = decoded.bad.first {
        return Err(format!("`{}`: {first}", path.display()));
    }
    let twice = (1..).zip(each_line(&text)).find_map(|(number, line)| {
        let name = name_twice(line)?;
        Some(format!("line {number}: `{}` stands twice, allowed is once", shown(name.as_bytes())))
    });
    match twice {
        Some(fault) => Err(format!("`{}`, {fault}", path.display())),
        None => Ok(decoded.slices),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float64Array, Int64Array};

    use super::*;
    use crate::model::column_type::ColumnType;
    use crate::model::operation::InitialState;
    use crate::model::schema::Column;
    use crate::model::stage::{OperatorCall, StateMode};
    use crate::sys::storage_memory::MemoryStorage;

    /// An average by a number, of a column that may be missing or not.
    fn state(nullable: bool) -> StatePlan {
        let sum = Column::new("mean.sum", ColumnType::Float64);
        let sum = if nullable { sum.nullable() } else { sum };
        let count = Column::new("mean.count", ColumnType::Int64);
        let key = Column::new("k", ColumnType::Float64).nullable();
        let output = StreamSchema { columns: vec![key, sum, count], keys: 1 };
        StatePlan {
            name: "totals".to_owned(),
            call: OperatorCall::CountRows,
            running_fold: true,
            mode: StateMode::Update { changed_only: false },
            shown: Vec::new(),
            values: Vec::new(),
            shows: output.clone(),
            output,
            version: 0,
            averages: vec![(1, 2)],
            initial: InitialState::Empty,
        }
    }

    type Row = (Option<f64>, Option<f64>, Option<i64>);

    fn said(nullable: bool, rows: &[Row]) -> String {
        // Half by half: keys of all slices count.
        let slices = rows.chunks(rows.len().div_ceil(2)).map(|rows| {
            let floats =
                |of: fn(&Row) -> Option<f64>| -> Float64Array { rows.iter().map(of).collect() };
            let counts: Int64Array = rows.iter().map(|row| row.2).collect();
            RecordBatch::try_from_iter([
                ("k", Arc::new(floats(|row| row.0)) as arrow_array::ArrayRef),
                ("mean.sum", Arc::new(floats(|row| row.1))),
                ("mean.count", Arc::new(counts)),
            ])
            .expect("columns of equal length")
        });
        let slices: Vec<RecordBatch> = slices.collect();
        check(&state(nullable), &slices).err().unwrap_or_else(|| "fine".to_owned())
    }

    /// What was lost: the job, at its first batch, with words of Arrow's that named no key.
    #[test]
    fn sums_and_counts_that_no_rows_come_to_are_refused() {
        let (one, two) = ((Some(1.0), Some(5.5), Some(2)), Some(2.0));
        assert_eq!(said(false, &[one, (two, Some(0.0), Some(1))]), "fine");
        assert_eq!(said(true, &[one, (two, None, Some(0))]), "fine");
        let allowed = "allowed are a `mean.count` of 1 or more beside a `mean.sum`";
        for (sum, count, found) in [
            (Some(5.0), 0, "{\"mean.sum\":5.0,\"mean.count\":0}"),
            (Some(5.0), -3, "{\"mean.sum\":5.0,\"mean.count\":-3}"),
            (None, 1, "{\"mean.sum\":null,\"mean.count\":1}"),
            (None, -1, "{\"mean.sum\":null,\"mean.count\":-1}"),
        ] {
            let told = said(true, &[one, (two, sum, Some(count))]);
            let expected =
                format!("key `{{\"k\":2.0}}` has `{found}`, {allowed}, or of 0 and no `mean.sum`");
            assert_eq!(told, expected);
        }
        let told = said(false, &[one, (two, Some(5.0), Some(0))]);
        assert!(told.ends_with(allowed), "{told}");
    }

    #[test]
    fn what_may_not_be_null_is_not() {
        let told = said(false, &[(Some(1.0), None, Some(1))]);
        assert_eq!(told, "key `{\"k\":1.0}` has no `mean.sum`, expected float64");
        let told = said(true, &[(Some(1.0), Some(1.0), None)]);
        assert_eq!(told, "key `{\"k\":1.0}` has no `mean.count`, expected int64");
    }

    /// What was lost: the first of two rows of a key.
    #[test]
    fn a_key_that_stands_twice_is_refused() {
        let of = |key: Option<f64>| (key, Some(1.0), Some(1));
        for (key, again, shown) in
            [(Some(1.5), Some(1.5), "1.5"), (Some(0.0), Some(-0.0), "-0.0"), (None, None, "null")]
        {
            let told = said(false, &[of(key), of(Some(7.0)), of(again)]);
            assert_eq!(told, format!("key `{{\"k\":{shown}}}` stands twice, allowed is once"));
        }
    }

    /// What was lost: the first of two values of a name.
    #[test]
    fn a_name_that_stands_twice_in_a_line_is_refused() {
        let storage = MemoryStorage::new();
        let line = "{\"k\":1,\"mean.sum\":1,\"mean.count\":1}\n";
        let twice = "{\"k\":2,\"mean.sum\":1,\"mean.count\":1,\"k\":3}";
        storage.put("/d/first", format!("{line}\n{twice}").as_bytes());
        let read = |path: &str| read(&storage, Path::new(path), &state(false).output);
        let told = read("/d/first").expect_err("a name stands twice");
        assert_eq!(told, "`/d/first`, line 3: `k` stands twice, allowed is once");
        storage.put("/d/first", line.as_bytes());
        assert_eq!(read("/d/first").map(|slices| slices.len()), Ok(1));
    }
}
