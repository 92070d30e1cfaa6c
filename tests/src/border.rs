//! Tests of the border: batches in, batches out, and everything that can go wrong between.
//!
//! Takes guests built from source and components made by hand. Gives them to the real sandbox.
//! Never stands in for it.

mod arrays;
mod artefacts;
mod bounds;
mod broadcasts;
mod calls;
mod crafted;
mod faults;
pub mod handmade;
mod malformed;
mod properties;
mod refused;
mod rig;
mod stateful;
