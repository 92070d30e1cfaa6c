//! Tidemill: a stream machine in which every user transformation is a sandboxed component.
//!
//! ```text
//! source -> ingest -> block -> batch clock -> sched -> exec ( wasm, shuffle ) -> sink
//! ```
//!
//! Rooms in reading order; a room imports only from floors below its own (`ARCHITECTURE.md`).

pub mod config;
pub mod error;
pub mod limits;
pub mod model;
pub mod operator;
pub mod plan;
pub mod sys;
