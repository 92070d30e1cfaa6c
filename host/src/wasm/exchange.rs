//! Wasm: rows across the border, as Arrow's physical layout in one canonical form.
//!
//! ```text
//! RecordBatch -> lower -> nodes and buffers -> guest -> nodes and buffers -> lift -> RecordBatch
//! ```
//!
//! Takes record batches of any slicing, and answers of strangers. Gives canonical buffers, and
//! record batches in which everything was checked. Never trusts a number that came from a guest.

mod error;
mod lift;
mod lower;
mod output;
mod shape;
mod stateful;

pub use error::ExchangeError;
pub use lower::LoweredBatch;
pub use output::{ChainRules, RawOutput, RawRejection, RowRule, check_row_count};
pub use shape::{AnswerLimits, BatchShape, RawBatch, RawNode};
pub use stateful::{RawAnswer, StatefulShapes};
