//! Floor 4, operator: what the host itself does to rows: grouping, the folds it brings, closures.
//!
//! Takes record batches. Gives record batches. Never knows batches of time, blocks or wasm.

pub mod aggregate;
pub mod broadcast_join;
pub mod canonical;
pub mod compare;
pub mod fold;
pub mod fold_extreme;
pub mod fold_failure;
pub mod fold_sum;
pub mod glom;
pub mod group;
pub mod key_index;
pub mod order;
pub mod partition;
pub mod sample;
pub mod step;
pub mod subtract;
pub mod verb;
pub mod verb_answer;
