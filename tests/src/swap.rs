//! Plugins of a running job change their versions between two batches.
//!
//! Takes versions of one component that stamp their rows. Gives a ledger of what came out.

mod accepted;
mod broken;
mod many;
mod refused;
pub mod rig;
mod states;
mod windows;
