//! Tests of control: many jobs in one process, asked over HTTP as a stranger would ask.
//!
//! Takes real sockets of the loopback and data folders of their own. Never waits for a time: only
//! for what it is told.

mod batches;
mod commands;
mod feeder;
mod granting;
mod hosting;
mod letters;
mod letters_watched;
mod limits;
mod log_kept;
mod looking;
mod pausing;
mod replaying;
mod restarting;
pub mod rig;
mod strangers;
mod swapping;
