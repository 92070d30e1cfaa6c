//! Floor 4, batch: when a batch is due.
//!
//! Takes what time it is. Gives batch times. Never asks for the time itself.

pub mod clock;
