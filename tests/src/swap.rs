//! Plugins of a running job change their versions between two batches.
//!
//! Takes versions of one component that stamp their rows. Gives a ledger of what came out.

mod accepted;
mod broken;
mod compared;
mod compared_held;
mod gate;
mod many;
mod poisoned;
mod refused;
mod replayed;
pub mod rig;
mod shadow;
mod states;
mod windows;
mod windows_back;
mod windows_beside;
mod windows_made_again;
