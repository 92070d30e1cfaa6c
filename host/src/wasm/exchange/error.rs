//! Wasm: what can be wrong with an answer of a guest.
//!
//! Takes what was found and what is allowed. Gives one sentence that names column and row. Never
//! repeats bytes of the guest.

use crate::model::text::number_of;

/// An answer that is malformed or too large, or rows that do not fit what an operator declares.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// More bytes than a call may give back.
    #[error("the answer is {found} bytes, limit is {allowed}")]
    BytesOverLimit {
        /// Bytes of all lists together.
        found: usize,
        /// The limit.
        allowed: usize,
    },
    /// More rows than a call may give back.
    #[error("the answer has {found} rows, limit is {allowed}")]
    RowsOverLimit {
        /// Its rows.
        found: u32,
        /// The limit.
        allowed: usize,
    },
    /// Too few or too many nodes for the schema.
    #[error(
        "the answer has {}, expected {expected} for its columns",
        number_of(*.found, "node", "nodes")
    )]
    NodeCount {
        /// Its nodes.
        found: usize,
        /// Those of the schema.
        expected: usize,
    },
    /// Too few or too many buffers for the schema.
    #[error(
        "the answer has {}, expected {expected} for its columns",
        number_of(*.found, "buffer", "buffers")
    )]
    BufferCount {
        /// Its buffers.
        found: usize,
        /// Those of the schema.
        expected: usize,
    },
    /// A node's length is neither the batch's rows nor the last offset of its list.
    #[error("column `{column}` has length {found}, expected {expected}")]
    Length {
        /// The column; `[]` for the items of its lists.
        column: String,
        /// The node's length.
        found: u32,
        /// Rows of the batch, or the last offset of the list.
        expected: u32,
    },
    /// A node counts more nulls than values.
    #[error(
        "column `{column}` counts {} among {}",
        number_of(*.found, "null", "nulls"), number_of(*.length, "value", "values")
    )]
    NullCount {
        /// The column.
        column: String,
        /// The node's null count.
        found: u32,
        /// The node's length.
        length: u32,
    },
    /// A required column has nulls.
    #[error(
        "column `{column}` is required and has {}",
        number_of(*.found, "null", "nulls")
    )]
    NullInRequired {
        /// The column.
        column: String,
        /// How many.
        found: usize,
    },
    /// A bitmap's length is not one bit a value, or not empty where there are no nulls.
    #[error(
        "column `{column}` has a bitmap of {}, expected {expected}",
        number_of(*.found, "byte", "bytes")
    )]
    BitmapLength {
        /// The column.
        column: String,
        /// Its bytes.
        found: usize,
        /// One bit a value, or none where there are no nulls.
        expected: usize,
    },
    /// A bitmap and its node disagree.
    #[error(
        "column `{column}` has {} in its bitmap, its node counts {expected}",
        number_of(*.found, "null", "nulls")
    )]
    BitmapCount {
        /// The column.
        column: String,
        /// Bits that are not set.
        found: usize,
        /// The node's null count.
        expected: u32,
    },
    /// A values buffer is not exactly as long as its values.
    #[error(
        "column `{column}` has {} of values, expected {expected}",
        number_of(*.found, "byte", "bytes")
    )]
    ValuesLength {
        /// The column.
        column: String,
        /// Its bytes.
        found: usize,
        /// What its type and length come to.
        expected: usize,
    },
    /// An offsets buffer does not hold one offset a value and one more.
    #[error(
        "column `{column}` has {} of offsets, expected {expected}",
        number_of(*.found, "byte", "bytes")
    )]
    OffsetsLength {
        /// The column.
        column: String,
        /// Its bytes.
        found: usize,
        /// What its length comes to.
        expected: usize,
    },
    /// The first offset is not 0.
    #[error("column `{column}` begins at offset {found}, expected 0")]
    FirstOffset {
        /// The column.
        column: String,
        /// The first offset.
        found: i32,
    },
    /// An offset is less than the one before it.
    #[error("column `{column}`, row {row}: offset {found} follows offset {previous}")]
    FallingOffset {
        /// The column.
        column: String,
        /// The value that would end before it begins.
        row: usize,
        /// Its end.
        found: i32,
        /// Its begin.
        previous: i32,
    },
    /// The last offset is not the end of the data.
    #[error(
        "column `{column}` ends at offset {found}, its data has {}",
        number_of(*.expected, "byte", "bytes")
    )]
    LastOffset {
        /// The column.
        column: String,
        /// The last offset.
        found: i32,
        /// The data's length.
        expected: usize,
    },
    /// Text that is not UTF-8, or a value that ends within a character.
    #[error("column `{column}`, row {row}: the text is not valid utf-8")]
    Utf8 {
        /// The column.
        column: String,
        /// The value.
        row: usize,
    },
    /// A decimal with more digits than its type has.
    #[error("column `{column}`, row {row}: the number has more than {allowed} digits")]
    Digits {
        /// The column.
        column: String,
        /// The value.
        row: usize,
        /// The type's digits.
        allowed: u8,
    },
    /// Arrow's own validation found something that ours did not.
    #[error("column `{column}` is not valid: {reason}")]
    Arrow {
        /// The column.
        column: String,
        /// Arrow's words.
        reason: String,
    },
    /// Rows for a guest are not of the columns its operator declares.
    #[error("the input has columns `{found}`, expected `{expected}`")]
    Input {
        /// The columns as they are.
        found: String,
        /// The columns as declared.
        expected: String,
    },
    /// Rows for a guest are more than the border can count.
    #[error("the input has {found} rows, limit is {allowed}")]
    InputRows {
        /// Its rows.
        found: usize,
        /// The limit.
        allowed: u32,
    },
    /// The number of rows contradicts the kind of the operators.
    #[error(
        "the answer has {}, expected {rule} {expected}",
        number_of(*.found, "row", "rows")
    )]
    RowCount {
        /// Its rows.
        found: u32,
        /// `exactly` or `at most`.
        rule: &'static str,
        /// Rows of the input that were not rejected, or groups.
        expected: u32,
    },
    /// Filters gave no selection.
    #[error("the answer has no selection, which filters must give")]
    SelectionMissing,
    /// Something else than filters gave a selection.
    #[error("the answer has a selection, which only filters may give")]
    SelectionUnexpected,
    /// A list of row numbers falls or repeats itself.
    #[error("`{list}` has row {found} at {index}, after row {previous}")]
    RowsFalling {
        /// `selection` or `origin`.
        list: &'static str,
        /// Where in the list.
        index: usize,
        /// The row there.
        found: u32,
        /// The row before it.
        previous: u32,
    },
    /// A list names a row that the input does not have.
    #[error(
        "`{list}` has row {found} at {index}, the input has {}",
        number_of(*.rows, "row", "rows")
    )]
    RowOutOfRange {
        /// `selection`, `origin` or `rejected`.
        list: &'static str,
        /// Where in the list.
        index: usize,
        /// The row there.
        found: u32,
        /// Rows of the input.
        rows: u32,
    },
    /// The origin of rows was asked for and is not there.
    #[error("the answer has no origin, which was asked for")]
    OriginMissing,
    /// The origin of rows is there and was not asked for.
    #[error("the answer has an origin, which was not asked for")]
    OriginUnexpected,
    /// Not one origin a row.
    #[error(
        "`origin` has {}, the answer has {expected}",
        number_of(*.found, "row", "rows")
    )]
    OriginLength {
        /// Its length.
        found: usize,
        /// Rows of the answer.
        expected: u32,
    },
    /// More rejected rows than a call may name.
    #[error("the answer rejects {found} rows, limit is {allowed}")]
    RejectedOverLimit {
        /// How many.
        found: usize,
        /// The limit.
        allowed: usize,
    },
    /// A rejection by a step that the chain does not have.
    #[error("row {row} is rejected by step {found}, the chain has {steps}")]
    RejectedStep {
        /// The row.
        row: u32,
        /// The step.
        found: u32,
        /// Steps of the chain.
        steps: usize,
    },
    /// A row that can be rejected but once is rejected again.
    #[error("row {row} is rejected twice")]
    RejectedTwice {
        /// The row.
        row: u32,
    },
    /// Not one change a key.
    #[error(
        "the answer has {}, expected one for each of {}",
        number_of(*.found, "change of state", "changes of state"),
        number_of(*.expected, "key", "keys"),
    )]
    ChangeCount {
        /// How many.
        found: usize,
        /// The keys.
        expected: usize,
    },
    /// Not one state an update.
    #[error("the answer has {found} states, expected one for each of {expected} updates")]
    StateCount {
        /// How many.
        found: u32,
        /// The updates.
        expected: usize,
    },
    /// A state whose time is up is changed.
    #[error("the state of key {key} is changed, but its time is up and it goes")]
    ChangeOfTimedOut {
        /// The key's row in the call.
        key: usize,
    },
    /// A row is rejected and given back.
    #[error("row {row} is both rejected and in `{list}`")]
    RejectedAndKept {
        /// The row.
        row: u32,
        /// `selection` or `origin`.
        list: &'static str,
    },
}

impl ExchangeError {
    /// Whether the answer is well-formed as far as was seen, but too large.
    pub fn is_over_limit(&self) -> bool {
        matches!(
            self,
            Self::BytesOverLimit { .. }
                | Self::RowsOverLimit { .. }
                | Self::RejectedOverLimit { .. }
        )
    }
}
