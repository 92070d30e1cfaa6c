//! Tidemill: a stream machine in which every user transformation is a sandboxed component.
//!
//! ```text
//! source -> ingest -> block -> batch clock -> sched -> exec ( wasm, shuffle ) -> sink
//! ```
//!
//! A program begins with [`api::guide`], which has an example for each of: a first word count,
//! plugins, tests, verbs, windows, joins, state, datasets, receivers, and a job's start and end.
//!
//! Rooms in reading order; a room imports only from floors below its own (`ARCHITECTURE.md`).

pub mod api;
pub mod batch;
pub mod block;
pub mod config;
pub mod control;
pub mod driver;
pub mod error;
pub mod exec;
pub mod ingest;
pub mod limits;
pub mod model;
pub mod operator;
pub mod plan;
pub mod sched;
pub mod shuffle;
pub mod sink;
pub mod state;
pub mod store;
pub mod sys;
pub mod version;
pub mod wasm;
