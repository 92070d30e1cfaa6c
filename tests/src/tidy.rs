//! Tidy: the rules of the house, kept by a machine.
//!
//! Takes the text of every file of the repository. Gives findings, each with its place, what was
//! found and what is allowed. Never builds or runs what it reads.
//!
//! Every rule is a test of its own, and has a second test in which it finds a planted violation.

mod crates;
mod documents;
mod doors;
mod files;
mod finding;
mod floors;
mod headers;
mod leftovers;
mod names;
mod paths;
mod pieces;
mod scan;
mod siblings;
mod sizes;
mod treaty;
mod tree;
