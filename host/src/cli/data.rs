//! Cli: which data folder a command is about.
//!
//! Takes what was typed. Gives a folder. Never makes one.

use std::path::{Path, PathBuf};

use tidemill::model::text::escape;
use tidemill::store::data_folder::DataFolder;

use super::args::OneJobArgs;
use super::run::read_job;
use super::run_folder::{BESIDE, of_run};

/// Bytes of what was typed that are shown.
const FOUND_BYTES_MAX: usize = 4096;

/// The data folder of a server.
///
/// # Errors
/// When nobody says where the user's state is kept.
pub fn of_server(given: Option<&Path>) -> anyhow::Result<DataFolder> {
    if let Some(given) = given {
        return Ok(DataFolder::at(given));
    }
    let from = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = from("XDG_STATE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| Some(from("HOME")?.join(".local").join("state")));
    let state = state.ok_or_else(|| {
        anyhow::anyhow!("neither `HOME` nor `XDG_STATE_HOME` is set: name a folder with `--data`")
    })?;
    Ok(DataFolder::at(state.join("tidemill")))
}

/// The data folders in which a job is looked for, in this order, and the job's name.
///
/// # Errors
/// When the job is given as a file that is not there or is no job, or as [`of_server`].
pub fn of_job(args: &OneJobArgs) -> anyhow::Result<(Vec<DataFolder>, String)> {
    let given = args.data.data.as_deref();
    let file = Path::new(&args.job);
    if file.is_file() {
        let name = read_job(file)?.pipeline.name;
        let beside = of_run(given, file, &name);
        let server = given.is_none().then(|| of_server(None).ok()).flatten();
        return Ok(([beside].into_iter().chain(server).collect(), name));
    }
    // No job has such a name.
    if args.job.contains('/') || args.job.ends_with(".toml") {
        let found = if file.exists() { "is no file" } else { "is not there" };
        anyhow::bail!(
            "the job file `{}` {found}: expected a job file, or the name of a job",
            escape(&args.job, FOUND_BYTES_MAX)
        );
    }
    let here = Path::new(BESIDE).join(&args.job);
    let here = (given.is_none() && here.is_dir()).then(|| DataFolder::at(here));
    let folders = match (here, of_server(given)) {
        (Some(here), server) => [here].into_iter().chain(server.ok()).collect(),
        (None, server) => vec![server?],
    };
    Ok((folders, args.job.clone()))
}
