//! Floor 7, exec: runs tasks on one thread per core, and knows no schedule.
//!
//! Takes a task with its input. Gives what the task made, or why it failed. Never decides which
//! task is next, and never publishes.

pub mod accumulator;
pub mod attempt;
pub mod executor;
pub mod fed_back;
pub mod gather;
pub mod join;
pub mod metered;
pub mod poison;
pub mod refused;
pub mod running_fold;
pub mod slide;
pub mod stage;
pub mod state;
pub mod tap;
pub mod task_error;
pub mod transform;
