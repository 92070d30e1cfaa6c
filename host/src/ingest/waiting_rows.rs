//! Ingest: how much memory rows that wait as text will take as columns.
//!
//! Takes the lines that wait, again and again as they grow. Gives a bound. Never looks at a line
//! twice, and at none where few of them cannot be much.

use super::row_width::RowWidth;
use crate::limits::{BLOCK_BYTES_MAX, CONVERT_BYTES};

/// Rows that wait as text.
pub(super) struct WaitingRows {
    width: RowWidth,
    rows: usize,
    /// How many bytes of the text have been looked at.
    text_bytes: usize,
}

impl WaitingRows {
    /// None yet, of that width.
    pub(super) fn new(width: RowWidth) -> Self {
        Self { width, rows: 0, text_bytes: 0 }
    }

    /// Bytes of text that fit a block as columns, whatever rows are in them.
    pub(super) fn text_bytes_max(&self) -> usize {
        self.width.text_bytes_max(BLOCK_BYTES_MAX)
    }

    /// Counts the rows that are new among those that wait.
    pub(super) fn count(&mut self, lines: &[u8]) {
        if self.text_bytes_max() < CONVERT_BYTES {
            self.rows += memchr::memchr_iter(b'\n', &lines[self.text_bytes..]).count();
            self.text_bytes = lines.len();
        }
    }

    /// Bytes that they will take beside those of their text, at most.
    pub(super) fn bytes(&self) -> usize {
        self.rows * self.width.row_bytes
    }

    /// None waits any more.
    pub(super) fn taken(&mut self) {
        (self.rows, self.text_bytes) = (0, 0);
    }
}
