//! What sources read and files hold, from real sockets and files to real files.
//!
//! Takes each format and each way to connect. Gives nothing but passed or failed. Never makes a
//! format up: what one job writes another one reads.

mod csv;
mod frames;
mod listen;
mod objects;
pub mod packed;
mod records;

use std::fs;
use std::path::PathBuf;

use crate::set_up::job_folder::JobFolder;

/// A job that reads the folder `in` to its end, with that source and those sinks.
fn job(source: &str, sinks: &str, files: &[(&str, &[u8])]) -> JobFolder {
    let job = JobFolder::new(&format!(
        "name = \"job\"\nbatch_interval = \"20ms\"\n[sources.rows]\ntype = \"files\"\n\
         path = \"in\"\nbounded = true\n{source}\n{sinks}\n"
    ));
    fs::create_dir(job.path().join("in")).expect("it is new");
    files.iter().for_each(|(name, bytes)| job.put(&format!("in/{name}"), bytes));
    job
}

/// A sink that prints.
const PRINT: &str = "[sinks.console]\ntype = \"print\"\nfrom = \"rows\"\nrows = 100";

/// The files of the one batch that was written to the folder `out`, in the order of their names.
fn written(job: &JobFolder) -> Vec<PathBuf> {
    let folders = fs::read_dir(job.path().join("out")).expect("it was made");
    let folders: Vec<PathBuf> = folders.map(|entry| entry.expect("it is there").path()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    let files = fs::read_dir(&folders[0]).expect("it is a folder");
    let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("it is there").path()).collect();
    files.sort();
    files
}
