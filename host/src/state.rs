//! Floor 6, state: what is kept for each key from one batch to the next.
//!
//! Takes what tasks changed, once their batch has succeeded. Gives later tasks the state of a key,
//! at the cost of the keys they touch. Never calls an operator, never changes within a batch.

pub mod codec;
pub mod delta;
pub mod store;
pub mod table;
