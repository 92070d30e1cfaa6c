//! Model: a block, the sealed slice of a stream, and the facts about it.
//!
//! Takes record batches in canonical form. Gives them unchanged. Never knows where they are kept.

use arrow_array::RecordBatch;

use super::id::BlockId;

/// What is known of a block without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockInfo {
    /// Its name.
    pub id: BlockId,
    /// Its rows, all slices together.
    pub rows: u64,
    /// Its bytes in memory, all buffers of all slices together.
    pub bytes: usize,
    /// Records that did not fit and are not among its rows.
    pub bad_rows: u64,
}

/// A sealed run of record batches: one partition of the batch it is allocated to.
#[derive(Debug, Clone)]
pub struct Block {
    /// The facts.
    pub info: BlockInfo,
    /// The slices, each in canonical form and within the limits of a guest call. Their cuts are
    /// fixed here, so that a replay makes the same calls.
    pub slices: Vec<RecordBatch>,
    /// Why the batch it is allocated to must fail: its first bad row, where the source says that
    /// a bad row fails the batch.
    pub failure: Option<String>,
}
