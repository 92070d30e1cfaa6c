//! Spark Streaming's own cases, run on Tidemill.
//!
//! Takes `conformance/cases.jsonl`. Gives nothing but passed or failed. Never changes a case.

mod catalogue;
mod inverse;
mod joins;
mod operations;
mod records_with_state;
pub mod rig;
mod sources;
mod stateless;
mod states;
mod windows;
