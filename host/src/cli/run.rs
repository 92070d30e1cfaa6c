//! Cli: `run`: a job file, from its first byte to the job's end.
//!
//! Takes the job file and options. Gives the exit code. Never starts anything before the job file
//! and every plugin of it have been looked at.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use miette::Diagnostic;
use tidemill::config::job_file::{JobFile, JobFileErrors};
use tidemill::driver::engine::Engine;
use tidemill::driver::error::DriverError;
use tidemill::driver::handle::JobHandle;
use tidemill::driver::launch::{JobRequest, launch_at};
use tidemill::driver::pace::{self, Pace};
use tidemill::driver::plugins::JobPlugins;
use tidemill::limits::JOB_FILE_BYTES_MAX;
use tidemill::model::finding::{Finding, Item, Place};
use tidemill::model::text::escape_paragraph;
use tidemill::plan::PlanError;

use super::args::RunArgs;
use super::display::Display;
use super::exit::{ENDED, REFUSED, Shown, tell, tell_raw};
use super::host;
use super::signals::Signals;
use super::status_line::{Machine, counters, totals};

/// What every run says: what a restart may count on, today.
const DURABILITY: &str = "durability: none, a restart begins empty";

/// Runs the job until it ends.
///
/// # Errors
/// When the job could not be started, or failed.
pub fn run(args: &RunArgs, signals: &Signals) -> anyhow::Result<u8> {
    let RunArgs { job: args, bounded, quiet } = args;
    let mut job = read_job(&args.job)?;
    let mut pace = Pace::Clock;
    if *bounded {
        job.pipeline = pace::bounded(job.pipeline.clone()).map_err(|findings| {
            show(&job.locate(findings));
            Shown(REFUSED)
        })?;
        pace = Pace::of_bounded(&job.pipeline);
    }
    let engine = host::start_engine(args.executors, args.artefacts.clone())?;
    let machine = Machine {
        batch_interval: job.pipeline.settings.batch_interval,
        executors: engine.config.executors,
    };
    let display = match quiet {
        true => Display::quiet(machine),
        false => Display::new(machine, args.plain),
    };
    let handle = start(&engine, &job, &display, pace)?;
    signals.drain(handle.control(), &display);
    display.say(&format!(
        "job `{}`: a batch every {}, {} executors; {DURABILITY}",
        job.pipeline.name,
        humantime::format_duration(machine.batch_interval),
        machine.executors
    ));
    let ended = handle.wait();
    display.end(ended.as_ref().copied());
    let (status, name) = (handle.status(), &job.pipeline.name);
    if let Some(counters) = counters(&status) {
        display.say(&format!("job `{name}` counted: {counters}"));
    }
    display.say(&format!("job `{name}` ended: {}", totals(&status)));
    ended?;
    Ok(ENDED)
}

/// Reads and checks a job file, showing everything that is wrong with it.
///
/// # Errors
/// When it cannot be read, is too large, or is no job.
pub fn read_job(path: &Path) -> anyhow::Result<JobFile> {
    let name = path.display().to_string();
    let length = std::fs::metadata(path).with_context(|| format!("failed to read `{name}`"))?.len();
    anyhow::ensure!(
        length <= JOB_FILE_BYTES_MAX as u64,
        "`{name}` is {length} bytes, a job file is at most {JOB_FILE_BYTES_MAX}"
    );
    let text = std::fs::read(path).with_context(|| format!("failed to read `{name}`"))?;
    let text = String::from_utf8(text).with_context(|| format!("`{name}` is no text"))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    JobFile::parse(&name, &text, folder).map_err(|errors| {
        show(&errors);
        Shown(REFUSED).into()
    })
}

/// Shows each mistake with the lines of the job file it is about.
pub fn show(errors: &JobFileErrors) {
    // A terminal breaks lines by itself, and a log is searched for whole ones.
    let handler = miette::MietteHandlerOpts::new().wrap_lines(false).build();
    for error in errors.related().into_iter().flatten() {
        tell(&format!("error:{:?}", Shower { handler: &handler, error }));
    }
}

/// Renders one mistake; a handler only renders where it is asked for debug output.
struct Shower<'a> {
    handler: &'a miette::MietteHandler,
    error: &'a dyn Diagnostic,
}

impl std::fmt::Debug for Shower<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        miette::ReportHandler::debug(self.handler, self.error, f)
    }
}

/// Loads the job's plugins and starts it; what does not fit together is shown in the job file.
///
/// # Errors
/// When the job could not be started.
pub fn start(
    engine: &Arc<Engine>,
    job: &JobFile,
    display: &Arc<Display>,
    pace: Pace,
) -> anyhow::Result<JobHandle> {
    let plugins = load_plugins(engine, job, &|line| display.say(line))?;
    let request = JobRequest {
        pipeline: job.pipeline.clone(),
        plugins,
        listeners: vec![display.listener()],
        output: display.output(),
    };
    match launch_at(engine, request, pace) {
        Ok(handle) => {
            display.watch(handle.board());
            Ok(handle)
        }
        Err(error) => Err(located(job, error)),
    }
}

/// Loads the job's plugins, building those given as source.
///
/// # Errors
/// When one cannot be built or loaded; it is shown in the job file.
pub fn load_plugins(
    engine: &Engine,
    job: &JobFile,
    report: &dyn Fn(&str),
) -> anyhow::Result<JobPlugins> {
    JobPlugins::load(engine, &job.pipeline.plugins, report).map_err(|error| located(job, error))
}

/// Shows an error with the line of the job file that declares what it is about, if one does.
pub fn located(job: &JobFile, error: DriverError) -> anyhow::Error {
    let place = match &error {
        DriverError::Plan(errors) => {
            show(&job.locate(errors.0.iter().map(PlanError::finding)));
            return Shown(REFUSED).into();
        }
        DriverError::Build { plugin, source } => {
            // In rustc's words and with its line ends; the rest is about the job file.
            let diagnostics = source.diagnostics().unwrap_or_default();
            tell_raw(&escape_paragraph(diagnostics, usize::MAX));
            Place::whole(Item::Plugin(plugin.clone()))
        }
        DriverError::Plugin { plugin, .. } => Place::whole(Item::Plugin(plugin.clone())),
        DriverError::Source(error) => error.place(),
        DriverError::Sink(error) => error.place(),
        DriverError::Broadcast { name, .. } => Place::whole(Item::Broadcast(name.clone())),
        DriverError::DeadLetter(_) => Place::whole(Item::Job),
        _ => return error.into(),
    };
    show(&job.locate([Finding::new(place, error.to_string())]));
    Shown(REFUSED).into()
}
