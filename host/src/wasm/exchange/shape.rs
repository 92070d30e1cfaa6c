//! Wasm: the columns of a batch at the border, and a batch as nodes and buffers.
//!
//! Takes columns of a schema. Gives what lowering and lifting need of them, worked out once.
//! Never holds rows.

use arrow_schema::SchemaRef;

use crate::limits;
use crate::model::column_type::ColumnType;
use crate::model::schema::{Column, StreamSchema};

/// Length and null count of one array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawNode {
    /// Its values.
    pub length: u32,
    /// Those that are null.
    pub nulls: u32,
}

/// A batch as it came over the border; nothing of it is checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawBatch {
    /// Its rows.
    pub rows: u32,
    /// One node an array, parents before children.
    pub nodes: Vec<RawNode>,
    /// The buffers of all arrays, in Arrow's order.
    pub buffers: Vec<Vec<u8>>,
}

/// How much one answer may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerLimits {
    /// Bytes of all its lists together.
    pub bytes: usize,
    /// Rows.
    pub rows: usize,
}

impl Default for AnswerLimits {
    fn default() -> Self {
        Self { bytes: limits::CALL_OUTPUT_BYTES_MAX, rows: limits::CALL_OUTPUT_ROWS_MAX }
    }
}

/// The columns of a batch, with what lowering and lifting need of them.
#[derive(Debug, Clone)]
pub struct BatchShape {
    columns: Vec<Column>,
    schema: SchemaRef,
    nodes: usize,
    buffers: usize,
}

impl BatchShape {
    /// The shape of batches with these columns.
    pub fn new(columns: &[Column]) -> Self {
        let (nodes, buffers) = columns
            .iter()
            .map(|column| parts(&column.data_type))
            .fold((0, 0), |sum, parts| (sum.0 + parts.0, sum.1 + parts.1));
        let schema = StreamSchema::new(columns.to_vec()).to_arrow();
        Self { columns: columns.to_vec(), schema, nodes, buffers }
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns as Arrow has them.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Nodes and buffers of such a batch.
    pub fn parts(&self) -> (usize, usize) {
        (self.nodes, self.buffers)
    }
}

/// Nodes and buffers of one column.
fn parts(data_type: &ColumnType) -> (usize, usize) {
    match data_type {
        ColumnType::Utf8 | ColumnType::Binary => (1, 3),
        ColumnType::List(item, _) => {
            let (nodes, buffers) = parts(item);
            (1 + nodes, 2 + buffers)
        }
        _ => (1, 2),
    }
}
