//! Floor 4, operator: what the host itself does to rows: grouping, the folds it brings, closures.
//!
//! Takes record batches. Gives record batches. Never knows batches of time, blocks or wasm.

pub mod canonical;
pub mod fold;
pub mod fold_extreme;
pub mod fold_failure;
pub mod fold_sum;
pub mod group;
pub mod partition;
pub mod step;
pub mod subtract;
