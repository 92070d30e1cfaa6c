//! Driver: the sums of programs, which tasks add to.
//!
//! Takes them from the room that runs tasks. Gives them to programs. Never changes one itself: the
//! loop has a batch settle what its tasks added, when it has succeeded.

pub use crate::exec::accumulator::Accumulator;
