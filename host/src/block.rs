//! Floor 6, block: keeps blocks until no batch needs them, and knows which batch that is.
//!
//! Takes sealed blocks with the bytes held for them, and reports of them. Gives blocks to tasks
//! and lists of blocks to batches. Never reads a source or decides when a batch is due.

pub mod budget;
pub mod manager;
pub mod tracker;
