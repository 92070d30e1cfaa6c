//! The program `tidemill`: parses what was typed, runs it, and ends with a code that says how.
//!
//! Takes arguments. Gives an exit code (see `cli::exit`). Never does the work itself.

mod cli;

use std::process::ExitCode;

/// Keeps what was freed for the next slice instead of giving it back at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
