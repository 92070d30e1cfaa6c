//! Cli: `explain`: what a job would run, without running it.
//!
//! Takes the job file. Gives stages, tasks and the schema after every step on standard output.
//! Never connects a source.

use tidemill::plan::explain::explain as explain_plan;
use tidemill::plan::{PlanDefaults, PlanError, plan};

use super::args::JobArgs;
use super::exit::{self, REFUSED, Shown};
use super::host;
use super::run::{load_plugins, read_job, show, warn_of};

/// Explains the job.
///
/// # Errors
/// When the job file or a plugin is wrong, or they do not fit together.
pub fn explain(args: &JobArgs) -> anyhow::Result<u8> {
    let job = read_job(&args.job)?;
    warn_of(&job, exit::tell);
    let engine = host::start_engine(args.executors, args.artefacts.clone())?;
    let plugins = load_plugins(&engine, &job, &exit::tell)?;
    let defaults = PlanDefaults { partitions: engine.config.executors };
    match plan(&job.pipeline, &plugins, defaults) {
        Ok(planned) => exit::print(&explain_plan(&job.pipeline, &planned)),
        Err(errors) => {
            show(&job.locate(errors.0.iter().map(PlanError::finding)));
            Err(Shown(REFUSED).into())
        }
    }
}
