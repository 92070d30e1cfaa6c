//! Cli: `plugin`: make, build, look at and try plugins.
//!
//! Takes what was typed. Gives results on standard output and everything else on standard error.
//! Never starts a job.

mod build;
mod check;
mod component;
mod new;
mod rows;
mod run;

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::exit::ENDED;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Write a new plugin in Rust, with one operator and a test that passes.
    New {
        /// Its folder; the last part is its name.
        #[arg(value_name = "NAME")]
        folder: PathBuf,
    },
    /// Build the component of a plugin in Rust, and print where it is.
    ///
    /// The compiler's target for the sandbox is found or fetched without root. An unchanged plugin
    /// is not built again.
    Build(BuildArgs),
    /// Show what a plugin holds: operators with columns and parameters, imports, digest, size.
    Check {
        /// The component, or the folder of a plugin in Rust.
        #[arg(value_name = "FILE")]
        plugin: PathBuf,
    },
    /// Run one operator over rows from standard input, one JSON object a line.
    ///
    /// Rows come out the same way. Rows that the operator rejects, and what the plugin logs, go to
    /// standard error. A `reduce` folds all rows to one.
    Run(RunArgs),
}

/// Arguments of `plugin build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    pub folder: PathBuf,
    /// Also copy the component there.
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Where cargo works; `target/tidemill-guests` of the plugin's workspace unless given.
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<PathBuf>,
}

/// Arguments of `plugin run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The component, or the folder of a plugin in Rust.
    #[arg(value_name = "FILE")]
    pub plugin: PathBuf,
    /// The operator.
    pub operator: String,
    /// A parameter; may be given more than once.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = run::parse_parameter)]
    pub parameters: Vec<(String, String)>,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// When something was wrong before anything ran.
pub fn plugin(
    command: &PluginCommand,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let done = match command {
        PluginCommand::New { folder } => new::new(folder, out),
        PluginCommand::Build(args) => build::build(args, out),
        PluginCommand::Check { plugin } => check::check(plugin, out),
        PluginCommand::Run(args) => run::run(args, input, out),
    };
    match done {
        // Whoever reads us, such as `head`, has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(ENDED),
        done => done,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(kind)
}
