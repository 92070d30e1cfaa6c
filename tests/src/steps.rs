//! Tests of every step: from a job file through guests in the sandbox to printed rows, and the
//! same in an embedding program with closures.

mod aggregate;
mod by_key;
mod natively;
mod order;
mod rejected;
mod rig;
mod rows;
mod shape;
mod whole_partitions;
