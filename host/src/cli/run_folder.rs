//! Cli: the data folder of a job that runs by itself.
//!
//! Takes the job file and what was typed. Gives a folder. Never makes one.

use std::path::Path;

use tidemill::store::data_folder::DataFolder;

/// Beside a job file, as cargo's `target` lies beside a manifest.
pub const BESIDE: &str = ".tidemill";

/// The data folder of a job that runs by itself: one for each job, so that two of one folder do
/// not meet.
pub fn of_run(given: Option<&Path>, job_file: &Path, name: &str) -> DataFolder {
    let folder = job_file.parent().unwrap_or(Path::new("."));
    DataFolder::at(given.map_or_else(|| folder.join(BESIDE).join(name), Path::to_owned))
}
