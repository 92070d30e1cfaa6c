//! Tests of the program while it runs, and of how it ends.
//!
//! Takes the program itself. Gives it jobs, signals and terminals. Never looks at anything but what
//! it says and its exit code.

mod cases;
mod cases_apart;
mod commands;
mod demo;
mod display;
mod exit_codes;
mod first_states;
mod pipes;
mod signals;
mod snapshots;
mod source_watch;
mod warnings;
