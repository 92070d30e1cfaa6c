//! Floor 8, driver: the only room that knows all others, and carries values between them.
//!
//! Takes a planned job and an engine. Gives a handle. Never touches a row itself.

pub mod accumulator;
pub mod batch_data;
pub mod broadcasts;
pub mod dead_letter;
pub mod engine;
pub mod error;
pub mod event;
pub mod event_loop;
pub mod handle;
pub mod history;
pub mod job_version;
pub mod launch;
pub mod listener_bus;
pub mod out_of_windows;
pub mod output_measure;
pub mod pace;
pub mod parts;
pub mod plan_record;
pub mod planted;
pub mod plugins;
pub mod progress;
pub mod publisher;
pub mod rate_control;
pub mod receiver_board;
pub mod remembered;
pub mod running_batch;
pub mod scribe;
pub mod slice;
pub mod sources;
pub mod states;
pub mod status_board;
pub mod swap;
pub mod ticker;
pub mod versions;
