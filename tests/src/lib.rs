//! Tests that need more than one crate, in one binary.

#[cfg(test)]
mod guest_build_toolchain;
