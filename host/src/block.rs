//! Floor 6, block: keeps blocks until no batch needs them, and partitions of datasets by level.
//!
//! Takes sealed blocks with the bytes held for them, and reports of them. Gives blocks to tasks
//! and lists of blocks to batches. Never reads a source or decides when a batch is due.

pub mod budget;
pub mod manager;
pub mod serialised;
pub mod spill;
pub mod store;
pub mod tracker;
