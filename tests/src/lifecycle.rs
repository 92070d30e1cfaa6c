//! A context from its start to its end: states, waiting, listeners, failures, and whole datasets.
//!
//! Takes contexts on engines of their own. Gives nothing but passed or failed. Never waits for a
//! clock: it is moved by hand.

mod accumulators;
mod failures;
mod listeners;
mod outputs;
mod receivers;
pub mod rig;
mod slices;
mod states;
mod stopping;
mod transforms;
mod waiting;
