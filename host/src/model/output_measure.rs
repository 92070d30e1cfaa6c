//! Model: how much an output was, and what it is known by.
//!
//! Takes what was measured. Gives a plain value for records, reports and listeners. Never holds a
//! row.

/// What a sink was given in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputMeasure {
    /// Rows.
    pub rows: u64,
    /// Bytes in canonical form.
    pub bytes: u64,
    /// The blake3 hash of these bytes in the order of partitions, in hexadecimal digits.
    pub hash: String,
}
