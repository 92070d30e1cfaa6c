//! Floor 3, sys: the only wall sockets of the house: time, disk and chance.
//!
//! Takes nothing from other rooms. Gives traits with a real twin and one for tests. Never decides
//! anything.

pub mod clock;
pub mod cpu;
pub mod entropy;
pub mod line_file;
pub mod niceness;
pub mod steady_clock;
pub mod storage;
pub mod storage_memory;
pub mod stored_reader;
