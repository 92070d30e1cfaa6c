//! Model: a source as declared.
//!
//! Takes what a person wrote. Gives it to planning, which needs the schema, and to ingest, which
//! opens it. Never reads anything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::backpressure::SourceRates;
use super::bytes_decoder::BytesDecoding;
use super::column_type::ColumnType;
use super::partition_store::StoredPartition;
use super::policy::OnBadRow;
use super::receiver::SharedReceiver;
use super::schema::{Column, StreamSchema};
use crate::limits::LINE_BYTES_MAX;

/// One source.
#[derive(Debug, Clone)]
pub struct SourceDeclaration {
    /// Its name.
    pub name: String,
    /// Where records come from.
    pub connector: SourceConnector,
    /// How a record becomes a row.
    pub format: Format,
    /// The rows' schema; one column `line` for the format `lines`, one column `record` for
    /// `binary`.
    pub schema: StreamSchema,
    /// What becomes of a record that does not fit.
    pub on_bad_row: OnBadRow,
    /// The longest line in bytes; a longer one is a bad row.
    pub line_bytes_max: usize,
    /// The most that it may bring.
    pub rates: SourceRates,
}

/// Where records come from.
#[derive(Debug, Clone)]
pub enum SourceConnector {
    /// Connects to `host:port` and reads lines; reconnects with back-off.
    Socket {
        /// `host:port`, resolved at each connect.
        address: String,
    },
    /// Lets others connect, many at once, and reads the lines of each.
    Listen {
        /// `host:port`; port 0 is any free one, which is told.
        address: String,
        /// Connections at once; further ones wait.
        connections_max: usize,
    },
    /// Connects to `host:port` and makes rows of the bytes that come; reconnects with back-off.
    DecodedSocket {
        /// `host:port`, resolved at each connect.
        address: String,
        /// How bytes become rows.
        decoding: BytesDecoding,
    },
    /// A receiver that a program brings.
    Receiver(SharedReceiver),
    /// Reads new files of a folder (Spark's rules).
    Files {
        /// The folder.
        path: PathBuf,
        /// Reads what is there and ends.
        bounded: bool,
    },
    /// Reads the files that a path names, once: a file, a folder of files, or a pattern of either
    /// (Spark's `textFile`).
    FileSet {
        /// The path; `*` and `?` may stand in its names.
        path: PathBuf,
        /// Ranges that the files are cut into at least, where they have as many bytes.
        partitions_min: usize,
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

impl SourceConnector {
    /// Whether its rows lie in files.
    pub fn reads_files(&self) -> bool {
        matches!(self, Self::Files { .. } | Self::FileSet { .. })
    }

    /// Whether all of it is there, so that nobody waits for it to arrive.
    pub fn is_there(&self) -> bool {
        self.reads_files() || matches!(self, Self::Datasets(_))
    }
}

/// A source of whole datasets, asked once for each batch (Spark's queue and constant streams).
pub trait DatasetSource: Send + Sync + std::fmt::Debug {
    /// The dataset of a batch. It must not wait: the job's loop asks.
    fn dataset(&self, time: super::time::BatchTime) -> GivenDataset;
}

/// What a program gives for one batch.
#[derive(Debug, Clone)]
pub enum GivenDataset {
    /// A dataset: each partition a run of slices of the source's schema.
    Partitions(Vec<Vec<arrow_array::RecordBatch>>),
    /// A dataset whose partitions are kept somewhere, of slices of the source's schema. Tasks read
    /// them.
    Stored(Vec<Arc<dyn StoredPartition>>),
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
    /// Each line is a row of fields with something between them.
    Csv(CsvFormat),
    /// A file is records of equal length, without anything between them.
    Binary {
        /// Bytes of a record.
        record_bytes: usize,
    },
}

/// How lines of fields are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CsvFormat {
    /// Whether the first line of a file or connection names the columns.
    pub header: bool,
    /// What stands between fields: one character of ASCII.
    pub delimiter: u8,
    /// What stands around a field that holds a delimiter, if anything may.
    pub quote: Option<u8>,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self { header: false, delimiter: b',', quote: Some(b'"') }
    }
}

impl Format {
    /// Its word in a job file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Json => "json",
            Self::Csv(_) => "csv",
            Self::Binary { .. } => "binary",
        }
    }

    /// The rows of a format that has no schema of its own to declare.
    pub fn fixed_schema(self) -> Option<StreamSchema> {
        let column = match self {
            Self::Lines => Column::new("line", ColumnType::Utf8),
            Self::Binary { .. } => Column::new("record", ColumnType::Binary),
            Self::Json | Self::Csv(_) => return None,
        };
        Some(StreamSchema::new(vec![column]))
    }
}

impl SourceDeclaration {
    /// Says what of the declaration contradicts itself, as far as that can be told of it alone.
    ///
    /// # Errors
    /// What was found, and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        match &self.connector {
            SourceConnector::Socket { address }
            | SourceConnector::DecodedSocket { address, .. } => {
                check_socket_address(address)?;
            }
            SourceConnector::Listen { address, .. } => check_listen_address(address)?,
            _ => {}
        }
        match self.format {
            Format::Csv(csv) => check_csv(csv).and_then(|()| check_csv_columns(&self.schema)),
            Format::Binary { record_bytes } => {
                check_record_bytes(record_bytes)?;
                if self.connector.reads_files() {
                    Ok(())
                } else {
                    Err("`binary` records are read from files only".to_owned())
                }
            }
            Format::Lines | Format::Json => Ok(()),
        }
    }
}

/// Says whether lines of that form can be told into fields.
///
/// # Errors
/// What was found, and what is allowed.
pub fn check_csv(csv: CsvFormat) -> Result<(), String> {
    check_csv_character("delimiter", csv.delimiter)?;
    let Some(quote) = csv.quote else { return Ok(()) };
    check_csv_character("quote", quote)?;
    if quote == csv.delimiter {
        let both = char::from(quote).escape_default();
        return Err(format!("`delimiter` and `quote` are both `{both}`, expected two characters"));
    }
    Ok(())
}

fn check_csv_character(key: &str, found: u8) -> Result<(), String> {
    if found.is_ascii_graphic() || matches!(found, b' ' | b'\t') {
        return Ok(());
    }
    let found = char::from(found).escape_default();
    Err(format!("`{key}` is `{found}`, expected one character of ASCII that can be seen, or a tab"))
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

/// Says whether records may have so many bytes.
///
/// # Errors
/// What is allowed.
pub fn check_record_bytes(found: usize) -> Result<(), String> {
    match found {
        1..=LINE_BYTES_MAX => Ok(()),
        _ => Err(format!("`record_bytes` is {found}, allowed are 1 to {LINE_BYTES_MAX}")),
    }
}

/// Parses the address of a source that listens: as that of a socket, and port 0 is any free one.
///
/// # Errors
/// Says what was found where `host:port` was expected.
pub fn check_listen_address(address: &str) -> Result<(), String> {
    match address.rsplit_once(':') {
        Some((host, "0")) if !host.is_empty() => Ok(()),
        _ => check_socket_address(address),
    }
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
