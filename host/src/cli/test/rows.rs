//! Cli: rows of a case, by their columns.
//!
//! Takes rows as they are written, and a schema. Gives slices, read as a source of a job reads
//! them. Never passes over a column that the schema lacks: in a case it is a slip.

use anyhow::{Context, bail};
use arrow_array::RecordBatch;
use tidemill::ingest::decoder::Decoded;
use tidemill::ingest::json_columns::JsonColumns;
use tidemill::limits::LINE_BYTES_MAX;
use tidemill::model::policy::OnBadRow;
use tidemill::model::schema::StreamSchema;
use tidemill::model::text::number_of;

use super::written::{Fields, Written};

/// Rows as slices: each a value of the only column, a list by position, or an object by name.
pub(super) fn slices(rows: &[Written], schema: &StreamSchema) -> anyhow::Result<Vec<RecordBatch>> {
    let mut text = Vec::new();
    for (number, row) in (1..).zip(rows) {
        let row = by_name(row, schema).with_context(|| format!("row {number}"))?;
        text.extend_from_slice(Written::Object(row).to_string().as_bytes());
        text.push(b'\n');
    }
    let mut columns = JsonColumns::new(schema.clone(), LINE_BYTES_MAX);
    let decoded = Decoded::of_all(&mut columns, &text, &OnBadRow::Fail);
    match decoded.bad.first {
        Some(first) => bail!("{first}"),
        None => Ok(decoded.slices),
    }
}

/// A row as an object.
pub(super) fn by_name(row: &Written, schema: &StreamSchema) -> anyhow::Result<Fields> {
    let names = || schema.columns.iter().map(|column| column.name.clone());
    match row {
        Written::Object(row) => {
            // In a file that somebody else writes it may be meant; in a case it is a slip.
            match row.names().find(|name| !names().any(|known| known == **name)) {
                Some(unknown) => bail!("no column is called `{unknown}`, there are ({schema})"),
                None => Ok(row.clone()),
            }
        }
        Written::List(cells) if cells.len() == schema.columns.len() => {
            Ok(Fields(names().zip(cells.iter().cloned()).collect()))
        }
        Written::List(cells) if schema.columns.len() != 1 => {
            let values = number_of(cells.len(), "value", "values");
            bail!("{values} for the columns ({schema})")
        }
        cell if schema.columns.len() == 1 => Ok(Fields(names().zip([cell.clone()]).collect())),
        other => bail!("{other} is no row of ({schema})"),
    }
}
