//! Floor 4, version: when a job's plugins change their versions, and when they change back.
//!
//! Takes facts: what is asked, how a batch went, what a plan says. Gives decisions and their
//! reasons. Never holds a plugin, a lock or a thread.

pub mod added;
pub mod admission;
pub mod changes;
pub mod effort;
pub mod fit;
pub mod grants;
pub mod quarantine;
pub mod replayable;
pub mod shadow;
pub mod uses;
pub mod watch;
pub mod window_parents;
