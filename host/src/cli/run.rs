//! Cli: `run`: a job file, from its first byte to the job's end.
//!
//! Takes the job file and options. Gives the exit code. Never starts anything before the job file
//! and every plugin of it have been looked at.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use miette::Diagnostic;
use tidemill::config::job_file::{JobFile, JobFileErrors};
use tidemill::control::hosted::{Hosted, JobFacts};
use tidemill::control::jobs::Jobs;
use tidemill::control::lines::RecentLines;
use tidemill::driver::engine::Engine;
use tidemill::driver::error::DriverError;
use tidemill::driver::handle::JobHandle;
use tidemill::driver::launch::{JobRequest, launch_at};
use tidemill::driver::pace::{self, Pace};
use tidemill::driver::plugins::JobPlugins;
use tidemill::driver::source_watch::{SourceWatch, WatchTold, WatchedSources};
use tidemill::driver::status_board::Listener;
use tidemill::limits::JOB_FILE_BYTES_MAX;
use tidemill::model::finding::{Finding, list_words};
use tidemill::model::text::escape_paragraph;
use tidemill::plan::{PlanDefaults, PlanError, PlanFault, plan};
use tidemill::store::batch_log::JobLog;
use tidemill::store::data_folder::DataFolder;
use tidemill_guest_build::end_programs;

use super::args::{ControlAddress, RunArgs};
use super::display::Display;
use super::exit::{ENDED, REFUSED, Shown, tell, tell_raw};
use super::host;
use super::run_folder;
use super::served::{FREE_PORT, Served};
use super::signals::Signals;
use super::status_line::{Machine, counters, totals};
use super::whole_file;

/// What every run says: what a restart may count on, today.
const DURABILITY: &str = "durability: none, a restart begins empty";

/// Runs the job until it ends.
///
/// # Errors
/// When the job could not be started, or failed.
pub fn run(args: &RunArgs, signals: &Signals) -> anyhow::Result<u8> {
    let RunArgs { job: args, bounded, watch, quiet, data, control, log } = args;
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
    warn_of(&job, |line| display.say(line));
    let data = run_folder::of_run(data.as_deref(), &args.job, &job.pipeline.name);
    data.create().context("the batch log needs a data folder, which `--data` may name")?;
    let clock = Arc::clone(&engine.config.clock);
    let log = data.batch_log(log.retention(), Arc::clone(&clock))?;
    let jobs = Jobs::of_one(log, Arc::clone(&clock));
    // Before the job: one that runs is not ended because a port is taken.
    let served = serve_one(&engine, &data, &jobs, *control, *bounded)?;
    let (run_us, lines) = (clock.now_us(), RecentLines::new(clock));
    // Before they are built: what is changed from then on is built again.
    let sources = watch.then(|| sources_of(&engine, &job)).transpose()?;
    let run_log = jobs.log().job(&job.pipeline.name, run_us);
    let beside = Beside { log: Some(run_log), listener: Some(lines.listener()) };
    let (handle, plugins) = start(&engine, &job, &display, pace, beside)?;
    // At once: its first rows may be what somebody waits for who then sends a signal.
    signals.drain(handle.control(), &display);
    let facts = JobFacts::new(&job.pipeline.name, machine.batch_interval, run_us, &plugins);
    jobs.adopt(Hosted::new(facts, &handle, lines));
    display.say(&format!(
        "job `{}`: a batch every {}, {} executors; {DURABILITY}",
        job.pipeline.name,
        humantime::format_duration(machine.batch_interval),
        machine.executors
    ));
    if let Some(served) = &served {
        display.say(&served.told());
    }
    let watching = watching(sources, &handle, &display)?;
    let ended = handle.wait();
    if watching.is_some() {
        // What is still being built is for nobody.
        end_programs();
    }
    drop(watching);
    drop(served);
    if let Err(error) = jobs.log().flush() {
        display.warn(&error.to_string());
    }
    display.end(ended.as_ref().copied());
    let (status, name) = (handle.status(), &job.pipeline.name);
    if let Some(counters) = counters(&status) {
        display.say(&format!("job `{name}` counted: {counters}"));
    }
    display.say(&format!("job `{name}` ended: {}", totals(&status)));
    ended?;
    Ok(ENDED)
}

fn sources_of(engine: &Engine, job: &JobFile) -> anyhow::Result<WatchedSources> {
    WatchedSources::of(engine, &job.pipeline).context(
        "no plugin of the job is given as source: `--watch` needs one with `source`, the folder \
         of its crate",
    )
}

fn watching(
    sources: Option<WatchedSources>,
    handle: &JobHandle,
    display: &Arc<Display>,
) -> anyhow::Result<Option<SourceWatch>> {
    let Some(sources) = sources else { return Ok(None) };
    display.say(&format!("watching the source of {}", list_words(sources.names())));
    let display = Arc::clone(display);
    let report = Box::new(move |told| match told {
        WatchTold::Line(line) => display.say(&line),
        WatchTold::Warning(line) => display.warn(&format!("error: {line}")),
        WatchTold::Diagnostics(text) => {
            let text = escape_paragraph(&text, usize::MAX);
            text.lines().for_each(|line| display.warn(line));
        }
    });
    Ok(Some(sources.start(handle.swaps().clone(), report)?))
}

/// Serves control of the job, unless nobody wants it. What is over before anybody could ask is not
/// served unless asked for.
fn serve_one(
    engine: &Engine,
    folder: &DataFolder,
    jobs: &Arc<Jobs>,
    address: Option<ControlAddress>,
    bounded: bool,
) -> anyhow::Result<Option<Served>> {
    let address = match address {
        Some(ControlAddress::Off) => return Ok(None),
        None if bounded => return Ok(None),
        None => FREE_PORT,
        Some(ControlAddress::At(address)) => address,
    };
    Served::start(engine, folder, jobs, address).map(Some)
}

/// Reads and checks a job file, showing everything that is wrong with it.
///
/// # Errors
/// When it cannot be read, is too large, or is no job.
pub fn read_job(path: &Path) -> anyhow::Result<JobFile> {
    let name = path.display().to_string();
    let text = whole_file::read(path, "a job file", JOB_FILE_BYTES_MAX)?;
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

/// What a job has beside its display.
#[derive(Default)]
pub struct Beside {
    /// Its batch log.
    pub log: Option<JobLog>,
    /// Who else hears it.
    pub listener: Option<Listener>,
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
    beside: Beside,
) -> anyhow::Result<(JobHandle, JobPlugins)> {
    let plugins = load_plugins(engine, job, &|line| display.say(line))?;
    let mut listeners = vec![display.listener()];
    listeners.extend(beside.listener);
    let request = JobRequest {
        pipeline: job.pipeline.clone(),
        plugins: plugins.clone(),
        listeners,
        output: display.output(),
        log: beside.log,
    };
    match launch_at(engine, request, pace) {
        Ok(handle) => {
            display.watch(handle.board());
            Ok((handle, plugins))
        }
        Err(error) => Err(located(job, error)),
    }
}

/// Loads the job's plugins, building those given as source.
///
/// # Errors
/// When one cannot be built or loaded; it is shown in the job file, with all others that cannot,
/// and with what does not fit together of the rest.
pub fn load_plugins(
    engine: &Engine,
    job: &JobFile,
    report: &dyn Fn(&str),
) -> anyhow::Result<JobPlugins> {
    let (plugins, errors) = JobPlugins::load_each(engine, &job.pipeline.plugins, report);
    if errors.is_empty() {
        return Ok(plugins);
    }
    let mut all = Vec::new();
    for error in errors {
        match findings(&error) {
            Some(findings) => all.extend(findings),
            None => return Err(error.into()),
        }
    }
    let defaults = PlanDefaults { partitions: engine.config.executors };
    if let Err(errors) = plan(&job.pipeline, &plugins, defaults) {
        // Those that are not loaded are told already.
        let fits = |error: &&PlanError| !matches!(error.fault, PlanFault::PluginNotLoaded { .. });
        all.extend(errors.0.iter().filter(fits).map(PlanError::finding));
    }
    show(&job.locate(all));
    Err(Shown(REFUSED).into())
}

/// Says what the job file declares in vain.
pub fn warn_of(job: &JobFile, say: impl Fn(&str)) {
    if !job.warnings.is_empty() {
        let warnings = job.locate(job.warnings.iter().cloned()).to_string();
        warnings.lines().for_each(|line| say(&format!("warning: {line}")));
    }
}

/// Shows an error with the line of the job file that declares what it is about, if one does.
pub fn located(job: &JobFile, error: DriverError) -> anyhow::Error {
    match findings(&error) {
        Some(findings) => {
            show(&job.locate(findings));
            Shown(REFUSED).into()
        }
        None => error.into(),
    }
}

/// What an error says of items of the job file; what a compiler said is told at once.
fn findings(error: &DriverError) -> Option<Vec<Finding>> {
    if let DriverError::Build { source, .. } = error {
        // In rustc's words and with its line ends; the rest is about the job file.
        tell_raw(&escape_paragraph(source.diagnostics().unwrap_or_default(), usize::MAX));
    }
    error.findings()
}
