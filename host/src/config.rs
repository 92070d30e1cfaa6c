//! Floor 3, config: what a person wrote, turned into what the program needs.
//!
//! Takes the text of a job file. Gives a declared pipeline, or every mistake with file, line and
//! column. Never opens a file itself and never asks a plugin.

pub mod job_file;

pub use job_file::{JobFile, JobFileError, JobFileErrors, json_schema};
