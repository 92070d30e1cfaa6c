//! Tests of the whole: what no single crate can show alone.
//!
//! Takes the crates of the workspace. Gives nothing but passed or failed. Never ships.

#[cfg(test)]
mod backpressure;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod border;
#[cfg(test)]
mod bounded;
#[cfg(test)]
mod broadcasts;
#[cfg(test)]
mod c_plugin;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod control;
#[cfg(test)]
mod datasets;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod guest_build;
#[cfg(test)]
mod guest_build_toolchain;
#[cfg(test)]
mod hand_fused;
#[cfg(test)]
mod ingest_generated;
#[cfg(test)]
mod ingest_rig;
#[cfg(test)]
mod ingest_rows;
#[cfg(test)]
mod ingest_socket;
#[cfg(test)]
mod job_failures;
#[cfg(test)]
mod job_file;
#[cfg(test)]
mod job_rig;
#[cfg(test)]
mod joins;
#[cfg(test)]
mod kept_windows;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod load;
#[cfg(test)]
mod plugin_cli;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod prose;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod receivers;
#[cfg(test)]
mod running;
#[cfg(test)]
mod running_folds;
#[cfg(test)]
mod sdk_bindings;
#[cfg(test)]
mod set_up;
#[cfg(test)]
mod sinks_files;
#[cfg(test)]
mod socket_word_count;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod swap;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod verbs;
