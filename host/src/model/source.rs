//! Model: a source as declared.
//!
//! Takes what a person wrote. Gives it to planning, which needs the schema, and to ingest, which
//! opens it. Never reads anything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::policy::OnBadRow;
use super::schema::{Column, StreamSchema};

/// One source.
#[derive(Debug, Clone)]
pub struct SourceDeclaration {
    /// Its name.
    pub name: String,
    /// Where records come from.
    pub connector: SourceConnector,
    /// How a record becomes a row.
    pub format: Format,
    /// The rows' schema; one column `line` for the format `lines`.
    pub schema: StreamSchema,
    /// What becomes of a record that does not fit.
    pub on_bad_row: OnBadRow,
    /// The longest line in bytes; a longer one is a bad row.
    pub line_bytes_max: usize,
}

/// Where records come from.
#[derive(Debug, Clone)]
pub enum SourceConnector {
    /// Connects to `host:port` and reads lines; reconnects with back-off.
    Socket {
        /// `host:port`, resolved at each connect.
        address: String,
    },
    /// Reads new files of a folder (Spark's rules).
    Files {
        /// The folder.
        path: PathBuf,
        /// Reads what is there and ends.
        bounded: bool,
    },
    /// Makes text at a set rate, for demos and benches.
    Generate {
        /// Lines a second.
        lines_per_second: u64,
        /// Words a line.
        words_per_line: usize,
        /// Different words.
        vocabulary: usize,
        /// Lines in all; `None`: without end.
        lines: Option<u64>,
    },
    /// Reads standard input to its end.
    Stdin,
    /// Datasets that a program makes.
    Datasets(Arc<dyn DatasetSource>),
}

/// A source of whole datasets, asked once for each batch (Spark's queue and constant streams).
pub trait DatasetSource: Send + Sync + std::fmt::Debug {
    /// The dataset of a batch. It must not wait: the job's loop asks.
    fn dataset(&self, time: super::time::BatchTime) -> GivenDataset;
}

/// What a program gives for one batch.
#[derive(Debug, Clone, PartialEq)]
pub enum GivenDataset {
    /// A dataset: each partition a run of slices of the source's schema.
    Partitions(Vec<Vec<arrow_array::RecordBatch>>),
    /// None at all, which is not the same as an empty one.
    Missing,
    /// Nothing any more.
    Ended,
}

/// How a record becomes a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Each line is a row of one column.
    Lines,
    /// Each line is a JSON object.
    Json,
}

/// Says which column fields of text have no form for.
///
/// # Errors
/// The first list.
pub fn check_csv_columns(schema: &StreamSchema) -> Result<(), String> {
    let list = schema.columns.iter().find(|column| column.data_type.list_depth() > 0);
    list.map_or(Ok(()), |Column { name, data_type, .. }| {
        Err(format!("column `{name}` is {data_type}, and `csv` has no lists"))
    })
}

/// Parses the address part of a socket source far enough to name what is wrong with it.
///
/// # Errors
/// Says what was found where `host:port` was expected.
pub fn check_socket_address(address: &str) -> Result<(), String> {
    if address.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0) => {
            Ok(())
        }
        Some((_, port)) if port.parse::<u16>().is_err() => {
            Err(format!("`{address}` has port `{port}`, expected 1 to 65535"))
        }
        _ => Err(format!("`{address}` is no address, expected `host:port`")),
    }
}
