//! Floor 6, shuffle: from the map side to the reduce side.
//!
//! Takes what map tasks wrote by partition. Gives each reduce task its rows, in map partition
//! order. Never looks into a row.

pub mod map_output;
