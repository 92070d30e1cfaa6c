//! Floor 9, api: jobs as Rust programs, with Spark's verbs.
//!
//! Takes method calls. Gives a declared pipeline to the driver. Never does anything a job file
//! could not, but run closures. Programs begin with [`guide`].

pub mod broadcast;
pub mod context;
pub mod dataset;
mod declared;
pub mod dstream;
pub mod given;
pub mod graph;
pub mod guide;
pub mod misuse;
mod moved_clock;
pub mod native;
pub mod object_files;
pub mod plugin;
pub mod receivers;
pub mod slice;
pub mod stateful;
pub mod test_context;
pub mod test_job;
pub mod transform;
pub mod verbs;
