//! Batches as they cross the border: Arrow's nodes and buffers in canonical form.
//!
//! Takes borrowed buffers. Gives a cursor over them column by column, and batches to give back.
//! Never copies what it reads.

use std::fmt;

use crate::checked::Checked;

/// Length and null count of one array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its rows or items.
    pub length: u32,
    /// How many of them are null.
    pub nulls: u32,
}

/// A batch that somebody else holds.
#[derive(Debug, Clone, Copy)]
pub struct BatchRef<'a> {
    pub(crate) rows: u32,
    nodes: &'a [Node],
    buffers: &'a [&'a [u8]],
    checked: Option<Checked>,
}

impl<'a> BatchRef<'a> {
    /// A batch of so many rows: one node per array, parents before children, and the buffers in
    /// Arrow's order. Its text is checked when it is read.
    pub fn new(rows: u32, nodes: &'a [Node], buffers: &'a [&'a [u8]]) -> Self {
        Self { rows, nodes, buffers, checked: None }
    }

    /// The same batch, its text checked before.
    pub(crate) fn with_checked_text(self, checked: Checked) -> Self {
        Self { checked: Some(checked), ..self }
    }
}

/// A batch of our own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Its rows.
    pub rows: u32,
    /// One node per array, parents before children.
    pub nodes: Vec<Node>,
    /// The buffers in Arrow's order.
    pub buffers: Vec<Vec<u8>>,
}

impl Batch {
    /// Lends the batch; the slices are gathered in `buffers`.
    pub fn lend<'a>(&'a self, buffers: &'a mut Vec<&'a [u8]>) -> BatchRef<'a> {
        buffers.extend(self.buffers.iter().map(Vec::as_slice));
        BatchRef::new(self.rows, &self.nodes, buffers)
    }
}

/// The call failed as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was found and what is allowed.
    pub message: String,
    /// The input row it happened at, where known.
    pub row: Option<u32>,
}

impl Failure {
    /// A failure at no row in particular.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), row: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => write!(f, "{} (row {row})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Failure {}

/// One array's node and validity bitmap; its own buffers follow in the cursor.
#[derive(Debug, Clone, Copy)]
pub struct Array<'a> {
    /// Whether any of its rows or items is null.
    pub has_nulls: bool,
    /// One bit a row, empty where none is null.
    pub validity: &'a [u8],
}

/// Reads a batch's nodes and buffers in order.
#[derive(Debug)]
pub struct Cursor<'a> {
    nodes: std::slice::Iter<'a, Node>,
    buffers: std::slice::Iter<'a, &'a [u8]>,
    checked: Option<Checked>,
}

impl<'a> Cursor<'a> {
    /// A cursor before the first column.
    pub fn new(batch: BatchRef<'a>) -> Self {
        let BatchRef { nodes, buffers, checked, .. } = batch;
        Self { nodes: nodes.iter(), buffers: buffers.iter(), checked }
    }

    /// The node and bitmap of the next array, which is of that length.
    ///
    /// # Errors
    /// When there is none, it has another length, or its bitmap is too short.
    pub fn array(&mut self, length: usize) -> Result<Array<'a>, Failure> {
        let node =
            self.nodes.next().ok_or_else(|| Failure::new("the batch has too few columns"))?;
        if node.length as usize != length {
            let found = node.length;
            return Err(Failure::new(format!("a column has {found} rows, expected {length}")));
        }
        let has_nulls = node.nulls > 0;
        let validity = self.buffer(if has_nulls { length.div_ceil(8) } else { 0 })?;
        Ok(Array { has_nulls, validity })
    }

    /// The next buffer, which needs at least so many bytes.
    ///
    /// # Errors
    /// When there is none, or it is too short.
    pub fn buffer(&mut self, bytes_min: usize) -> Result<&'a [u8], Failure> {
        match self.buffers.next() {
            Some(buffer) if buffer.len() >= bytes_min => Ok(buffer),
            Some(buffer) => Err(Failure::new(format!(
                "a buffer of the batch is {} bytes, expected {bytes_min}",
                buffer.len()
            ))),
            None => Err(Failure::new("the batch has too few buffers")),
        }
    }

    /// The next buffer as text.
    ///
    /// # Errors
    /// When there is none, or it is not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Failure> {
        let bytes = self.buffer(0)?;
        match self.checked {
            Some(checked) => Ok(checked.text(bytes)),
            None => std::str::from_utf8(bytes)
                .map_err(|error| Failure::new(format!("a text column is not UTF-8: {error}"))),
        }
    }

    /// The next buffer as `rows` values of `N` bytes, whatever its alignment.
    ///
    /// # Errors
    /// When there is none, or it is too short.
    pub fn values<const N: usize>(&mut self, rows: usize) -> Result<&'a [[u8; N]], Failure> {
        let bytes = rows.saturating_mul(N);
        Ok(bytemuck::cast_slice(&self.buffer(bytes)?[..bytes]))
    }

    /// The next array's offsets, one more than it has rows. An array without rows may have none.
    ///
    /// # Errors
    /// When there is no such buffer, or it is too short.
    pub fn offsets(&mut self, rows: usize) -> Result<&'a [[u8; 4]], Failure> {
        if rows == 0 {
            self.buffer(0)?;
            return Ok(&[[0; 4]]);
        }
        self.values(rows + 1)
    }
}

/// A row number as batches hold it.
///
/// # Errors
/// When there are more rows than a batch may have.
pub(crate) fn row_number(rows: usize) -> Result<u32, Failure> {
    u32::try_from(rows)
        .map_err(|_| Failure::new(format!("{rows} rows came out of one call, limit is 2^32")))
}
