//! Write Tidemill plugins in Rust: operators as plain functions.
//!
//! Takes functions over rows. Gives a component for the host, and the same operators natively.
//! Never reaches the world: a plugin is a pure function of its input.

#[allow(missing_docs, unsafe_code, clippy::all, reason = "generated from wit/, compared by a test")]
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[rustfmt::skip]
pub mod bindings;
