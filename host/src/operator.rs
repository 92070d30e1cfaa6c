//! Floor 4, operator: what is done to rows, and the trait behind which guests, closures and
//! built-in folds look alike.
//!
//! Takes record batches. Gives record batches. Never knows batches of time, blocks or wasm.
