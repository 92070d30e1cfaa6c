//! Floor 10, cli: what a person can type.
//!
//! Takes arguments, a job file and signals. Gives words on a terminal and an exit code. Never
//! knows how a job is run, only how to ask for it.

pub mod all_jobs;
pub mod args;
pub mod ask;
pub mod batches;
pub mod client;
pub mod data;
pub mod demo;
pub mod display;
pub mod exit;
pub mod explain;
pub mod host;
pub mod jobs;
pub mod letters;
pub mod look;
pub mod plugin;
pub mod replay;
pub mod run;
pub mod run_folder;
pub mod serve;
pub mod served;
pub mod signals;
pub mod status_line;
pub mod swap;
mod swap_wait;
pub mod test;
pub mod whole_file;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};

use args::{Arguments, Command};
use tidemill::wasm::compile::{COMPILE_SUBCOMMAND, child_main};
use tracing_subscriber::EnvFilter;

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    // The child that compiles a component must limit itself before it does anything else.
    if std::env::args_os().nth(1).is_some_and(|first| first == COMPILE_SUBCOMMAND) {
        return child_main();
    }
    let arguments = Arguments::try_parse().unwrap_or_else(|error| args::suggesting(error).exit());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("off,tidemill={}", arguments.log)))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false)
        .init();
    let signals = match signals::listen().context("failed to listen for signals") {
        Ok(signals) => signals,
        Err(error) => return exit::report(&error),
    };
    let done = match &arguments.command {
        Command::Run(run) => run::run(run, &signals),
        Command::Test(cases) => test::test(cases),
        Command::Explain(job) => explain::explain(job),
        Command::Serve(serve) => serve::serve(serve, &signals),
        Command::Submit(submit) => ask::submit(submit),
        Command::Jobs(asked) => jobs::jobs(asked),
        Command::Pause(job) => ask::command(job, "pause"),
        Command::Resume(job) => ask::command(job, "resume"),
        Command::Stop(stop) => ask::stop(stop),
        Command::Swap(swap) => swap::swap(swap),
        Command::Replay(asked) => replay::replay(asked),
        Command::Rollback(job) => swap::roll_back(job),
        Command::Remove(job) => ask::remove(job),
        Command::Logs(job) => ask::logs(job),
        Command::Batches(asked) => batches::batches(asked),
        Command::DeadLetters(asked) => letters::letters(asked),
        Command::Tap(asked) => look::tap(asked),
        Command::State(asked) => look::state(asked),
        Command::Schema => {
            exit::print(&format!("{:#}\n", tidemill::config::job_file::json_schema()))
        }
        Command::Demo(demo) => demo::demo(demo, &signals),
        Command::Plugin(command) => {
            plugin::plugin(command, &mut std::io::stdin().lock(), &mut std::io::stdout().lock())
        }
        Command::Completions { shell } => {
            // Into memory: writing to a reader that has left is a panic there.
            let (mut command, mut script) = (Arguments::command(), Vec::new());
            clap_complete::generate(*shell, &mut command, "tidemill", &mut script);
            exit::print(&String::from_utf8_lossy(&script))
        }
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => exit::report(&error),
    }
}
