//! Cli: the arguments exactly as they can be typed; their help is the documentation.
//!
//! Takes nothing. Gives types for clap. Never checks what only the machine can know.

pub mod log;
pub mod look;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::plugin::PluginCommand;
use log::LogArgs;
use look::{LettersArgs, StateArgs, TapArgs};

/// Streams through sandboxed components, batch by batch.
#[derive(Debug, Parser)]
#[command(name = "tidemill", version, about, after_help = EXIT_CODES)]
pub struct Arguments {
    /// The least that the host's own log on standard error tells.
    #[arg(long, global = true, default_value = "warn", value_parser = ["off", "error", "warn", "info", "debug", "trace"])]
    pub log: String,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 the job ended as asked, or its sources did; 1 it failed \
while running, or what was run again or compared failed or differs; 2 nothing ran, because \
arguments, job file or a plugin are wrong, or nobody runs the job; 130 a second signal, or one \
before the job ran, ended it at once.";

/// The job may be left out with one flag only, which clap has no words for.
const SWAP_USAGE: &str = "tidemill swap [OPTIONS] <JOB> <PLUGIN=FILE>...\n       \
                          tidemill swap [OPTIONS] --all-jobs [JOB] <PLUGIN=FILE>...";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a job until its sources end or a signal comes.
    ///
    /// SIGINT or SIGTERM stops reading, works off what was received and ends; a second one ends
    /// at once and drops it.
    Run(RunArgs),
    /// Show the stages and tasks of a job, and the schema after every step, without running it.
    Explain(JobArgs),
    /// Run many jobs in one process, which are submitted to it and started again with it.
    ///
    /// The first SIGINT or SIGTERM has all jobs work off what they received; a second one ends at
    /// once.
    Serve(ServeArgs),
    /// Have the server start a job.
    Submit(SubmitArgs),
    /// Show the jobs of the server.
    Jobs(JobsArgs),
    /// Have a job begin no more batches; what comes is received until the block budget is full.
    Pause(OneJobArgs),
    /// Have a paused job go on.
    Resume(OneJobArgs),
    /// Have a job take no more input, work off what it received, and end.
    Stop(StopArgs),
    /// Have a job run other versions of its plugins, from the next batch on.
    #[command(override_usage = SWAP_USAGE)]
    Swap(SwapArgs),
    /// Have a job go back to the plugins that its last swap replaced, from the next batch on.
    Rollback(OneJobArgs),
    /// Run one of a job's last batches again, outside the job, and compare what comes out.
    Replay(ReplayArgs),
    /// Have a server forget a job that does not run.
    Remove(OneJobArgs),
    /// Show the last lines that a job has said.
    Logs(OneJobArgs),
    /// Show the last batches of a job: inputs, outputs, delays, and the code they ran with.
    Batches(BatchesArgs),
    /// Show the rows that a job has taken out and kept, or feed them back to it.
    DeadLetters(LettersArgs),
    /// Show rows of the next batches of a job behind a stream, a source, a step or an operator.
    Tap(TapArgs),
    /// Show what a step of a job keeps for its keys.
    State(StateArgs),
    /// Run cases of a job, batches of rows in and out, under a clock that is moved by hand.
    Test(TestArgs),
    /// Count the words of a text that comes over a socket, through a component built from source.
    Demo(DemoArgs),
    /// Print the JSON Schema of job files, for editors.
    Schema,
    /// Make, build, look at and try plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// The same error; for a command that goes by another name it names that.
pub fn suggesting(mut error: clap::Error) -> clap::Error {
    let found = error.get(ContextKind::InvalidSubcommand);
    // What it is called over HTTP.
    if found == Some(&ContextValue::String("drain".to_owned())) {
        let stop = ContextValue::Strings(vec!["stop".to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, stop);
    }
    error
}

/// A job file, and the machine it is for.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job file.
    pub job: PathBuf,
    /// Executor threads; one per core unless given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub executors: Option<u16>,
    /// Where compiled plugins are kept; the user's cache folder unless given.
    #[arg(long)]
    pub artefacts: Option<PathBuf>,
    /// Log lines instead of a status line, also on a terminal.
    #[arg(long)]
    pub plain: bool,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Read what is there and end: files of a folder at once, as many batches as the block budget
    /// makes of them; standard input and generated lines to their end. A source without an end is
    /// refused.
    #[arg(long)]
    pub bounded: bool,
    /// Build plugins that are given as source again when their files change, and swap them in. What
    /// does not build, or does not fit the running job, is told and changes nothing.
    #[arg(long, conflicts_with = "bounded")]
    pub watch: bool,
    /// Errors only: neither how the job goes nor how plugins are built.
    #[arg(short, long)]
    pub quiet: bool,
    /// Where the batch log is kept; `.tidemill/NAME` beside the job file unless given, NAME being
    /// the job's.
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Where the job is shown and commanded over HTTP: an address, or `off`. A free port of this
    /// machine unless given, told at the start and kept in the data folder for `batches`, `stop`
    /// and others; with `--bounded` nowhere unless given.
    #[arg(long, value_name = "ADDRESS", value_parser = ControlAddress::parse)]
    pub control: Option<ControlAddress>,
    /// How much of the batch log is kept.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Where control listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlAddress {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

impl ControlAddress {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            _ => text.parse().map(Self::At).map_err(|_| {
                "expected an address such as 127.0.0.1:8417 (port 0 is any free one), or off"
                    .to_owned()
            }),
        }
    }
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where jobs, batch log and token are kept.
    #[command(flatten)]
    pub data: ServerDataArgs,
    /// How much of the batch log is kept.
    #[command(flatten)]
    pub log: LogArgs,
    /// Where to listen; port 0 is any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8417")]
    pub control: SocketAddr,
    /// Executor threads, which all jobs share; one per core unless given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub executors: Option<u16>,
    /// Where compiled plugins are kept; the user's cache folder unless given.
    #[arg(long)]
    pub artefacts: Option<PathBuf>,
}

/// Arguments of `submit`.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// The job file.
    pub job: PathBuf,
    /// Which server.
    #[command(flatten)]
    pub data: ServerDataArgs,
}

/// Arguments of `jobs`.
#[derive(Debug, Args)]
pub struct JobsArgs {
    /// Which server.
    #[command(flatten)]
    pub data: ServerDataArgs,
    /// All that is known of each, as a JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `stop`.
#[derive(Debug, Args)]
pub struct StopArgs {
    /// The job.
    #[command(flatten)]
    pub job: OneJobArgs,
    /// End at once: what was received and not published is dropped.
    #[arg(long)]
    pub now: bool,
}

/// Arguments of `swap`.
#[derive(Debug, Args)]
pub struct SwapArgs {
    /// The job.
    #[command(flatten)]
    pub job: OneJobArgs,
    /// Which plugin of the job is to run which component. Several switch together.
    #[arg(value_name = "PLUGIN=FILE", required_unless_present = "all_jobs", value_parser = plugin_file)]
    pub plugins: Vec<(String, PathBuf)>,
    /// What the new version may import that the old one does not, by the interface's name, such as
    /// `host`. Once for each.
    #[arg(long, value_name = "IMPORT")]
    pub allow: Vec<String>,
    /// Also all other jobs of the process that run the same version of these plugins as the job,
    /// one after the other. With this flag alone the job may be left out: then all that have these
    /// plugins, if they run one version.
    #[arg(long)]
    pub all_jobs: bool,
    /// Steps whose state the new version cannot read begin anew.
    #[arg(long)]
    pub drop_state: bool,
    /// Windows over what the old version has made begin anew.
    #[arg(long)]
    pub restart_windows: bool,
    /// Also a version that the job has gone back from.
    #[arg(long)]
    pub force: bool,
    /// So many times the CPU time a row that the old version took has the job go back.
    #[arg(long, value_name = "FACTOR", value_parser = finite)]
    pub slower_max: Option<f64>,
    /// Swap without running the last batches on the new version first.
    #[arg(long)]
    pub no_replay: bool,
    /// Refuse the swap if these batches come out otherwise in any way.
    #[arg(long, conflicts_with = "no_replay")]
    pub same: bool,
    /// Run so many live batches on the new version first, when they have ended; what comes out is
    /// compared and dropped.
    #[arg(long, value_name = "BATCHES", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub shadow: u32,
    /// Wait until a batch counts that ran on the new version, and end with 1 if the job goes back
    /// from it before that.
    #[arg(long)]
    pub wait: bool,
    /// Of a batch interval, the CPU time that this may take, such as 0.5.
    #[arg(long, value_name = "SHARE", requires = "shadow", value_parser = finite)]
    pub shadow_share: Option<f64>,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The job.
    #[command(flatten)]
    pub job: OneJobArgs,
    /// The batch's time, as `batches` shows it or in milliseconds since 1970; the newest whose
    /// inputs are retained unless given.
    #[arg(long, value_name = "TIME", value_parser = batch_time)]
    pub batch: Option<i64>,
    /// Another version of a plugin, with which what comes out is compared.
    #[arg(long = "plugin", value_name = "PLUGIN=FILE", value_parser = plugin_file)]
    pub plugins: Vec<(String, PathBuf)>,
    /// Read the rows of this partition of sources only.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<u32>,
    /// Write the batch there as a case for `tidemill test`.
    #[arg(long, value_name = "FILE")]
    pub input_out: Option<PathBuf>,
    /// All that is known of it, as a JSON object.
    #[arg(long)]
    pub json: bool,
}

/// A number that JSON has a word for; whether it is allowed is the server's to tell.
fn finite(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| "expected a number, such as 1.5".to_owned())
}

fn batch_time(text: &str) -> Result<i64, String> {
    if let Ok(time_ms) = text.parse() {
        return Ok(time_ms);
    }
    let time = humantime::parse_rfc3339_weak(text).ok();
    let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).ok_or_else(|| {
        "expected a time as `tidemill batches` shows it, such as 2026-01-31T14:03:07Z, or \
         milliseconds since 1970"
            .to_owned()
    })
}

/// A job, if one is named, and components by the names of plugins.
type JobAndPlugins<'a> = (Option<&'a str>, Vec<(String, PathBuf)>);

impl SwapArgs {
    /// The job, if one is named, and the plugins: what is typed where a job may stand is a plugin
    /// when all jobs are asked for and it looks like one.
    ///
    /// # Errors
    /// When there is no plugin.
    pub fn named(&self) -> Result<JobAndPlugins<'_>, String> {
        let first = plugin_file(&self.job.job).ok().filter(|_| self.all_jobs);
        let job = first.is_none().then_some(self.job.job.as_str());
        let plugins: Vec<_> = first.into_iter().chain(self.plugins.iter().cloned()).collect();
        match plugins.is_empty() {
            true => plugin_file("").map(|_| (job, plugins)),
            false => Ok((job, plugins)),
        }
    }
}

fn plugin_file(text: &str) -> Result<(String, PathBuf), String> {
    let (plugin, file) =
        text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or_else(|| {
            "expected the plugin's name in the job and a file, as in `words=words.wasm`".to_owned()
        })?;
    Ok((plugin.to_owned(), PathBuf::from(file)))
}

/// A job that runs or has run, and where to ask for it.
#[derive(Debug, Args)]
pub struct OneJobArgs {
    /// The job's name, or its file.
    pub job: String,
    /// Where to look.
    #[command(flatten)]
    pub data: DataArgs,
}

/// Where jobs keep what outlives them.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// The data folder; unless given, `.tidemill/NAME` beside the job file or here if there is
    /// one, else that of `serve`: `tidemill` in the user's state folder.
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
}

/// Where a server keeps what outlives it.
#[derive(Debug, Args)]
pub struct ServerDataArgs {
    /// The data folder of the server, which keeps its jobs, their batch log and the token there;
    /// unless given, `tidemill` in the user's state folder.
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
}

/// Arguments of `batches`.
#[derive(Debug, Args)]
pub struct BatchesArgs {
    /// The job.
    #[command(flatten)]
    pub job: OneJobArgs,
    /// At most so many, the newest.
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
    /// All that is known of each, as a JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How long to stream.
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    pub duration: std::time::Duration,
    /// Lines a second.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub rate: u32,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// The cases, a JSON object a line; blank lines and lines that begin with `//` are passed over.
    #[arg(long)]
    pub cases: PathBuf,
    /// Runs only cases whose name holds this text.
    #[arg(long)]
    pub only: Option<String>,
}
