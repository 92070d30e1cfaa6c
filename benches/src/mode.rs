//! Benches: what can be measured end to end, a file for each figure.
//!
//! Takes options. Gives a table for people and a line of JSON for machines.

pub mod flat;
pub mod highest;
pub mod slow;
pub mod start;
pub mod steady;
pub mod unlimited;
