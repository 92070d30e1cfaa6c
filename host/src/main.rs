//! The program `tidemill`: parses what was typed, runs it, and ends with a code that says how.
//!
//! Takes arguments. Gives an exit code (see `cli::exit`). Never does the work itself.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
