//! Benches: how fast the whole is, beside what others reach on the same machine in the same run.
//!
//! ```text
//! feeder --tcp--> subject (Tidemill, Spark, Flink) --a line a batch--> end_to_end --> figures
//! ```
//!
//! Takes release builds and a quiet machine. Gives figures, as a table and as JSON. Never runs in
//! `cargo test`.
#![allow(clippy::disallowed_methods, reason = "benches live by the wall clock")]

pub mod feed;
pub mod feeder_process;
pub mod figures;
pub mod ids;
pub mod memory;
pub mod mode;
pub mod plugin;
pub mod report;
pub mod rule;
pub mod search;
pub mod served_job;
pub mod subject_process;
pub mod text;
pub mod timer;
pub mod trial;
pub mod versions;
