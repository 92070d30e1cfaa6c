//! Broadcasts: joins with them, files that are read again, operators that read them, and mistakes.

mod guests;
mod joins;
mod mismatched;
mod reloaded;
pub mod rig;
mod versions;
