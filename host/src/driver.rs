//! Floor 8, driver: the only room that knows all others, and carries values between them.
//!
//! Takes a planned job and an engine. Gives a handle. Never touches a row itself.

pub mod event;
pub mod engine;
pub mod plugins;
pub mod launch;
pub mod ticker;
pub mod sources;
pub mod batch_data;
pub mod running_batch;
pub mod publisher;
pub mod status_board;
pub mod event_loop;
pub mod handle;
pub mod error;
