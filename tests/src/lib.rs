//! Tests of the whole: what no single crate can show alone.
//!
//! Takes the crates of the workspace. Gives nothing but passed or failed. Never ships.

#[cfg(test)]
mod guest_build_toolchain;
#[cfg(test)]
mod sdk_bindings;

#[cfg(test)]
mod border;
#[cfg(test)]
mod ingest_rig;
#[cfg(test)]
mod ingest_socket;
#[cfg(test)]
mod job_rig;
#[cfg(test)]
mod socket_word_count;
