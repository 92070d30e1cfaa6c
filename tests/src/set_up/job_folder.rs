//! Set-up: a folder with a job file in it, for the program to run there.
//!
//! Takes the job file's text. Gives what the program said of it. Never leaves anything behind but
//! compiled plugins, which other tests find again.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::program::{Ran, tidemill_fed};
use super::watched::{Watched, watch};
use crate::job_rig::scratch;

/// What the job file is called.
const JOB: &str = "job.toml";

/// A folder with a job file.
#[derive(Debug)]
pub struct JobFolder {
    folder: TempDir,
    artefacts: String,
}

impl JobFolder {
    /// A folder with that job file.
    pub fn new(job: &str) -> Self {
        let artefacts = scratch("artefacts-of-programs").display().to_string();
        let made = Self { folder: tempfile::tempdir().expect("a folder"), artefacts };
        made.put(JOB, job.as_bytes());
        made
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).expect("there is room");
    }

    /// Runs the job to its end, with bytes on its standard input.
    pub fn run(&self, input: &[u8]) -> Ran {
        tidemill_fed(self.path(), &self.arguments("run"), input)
    }

    /// Has the job explained.
    pub fn explain(&self) -> Ran {
        tidemill_fed(self.path(), &self.arguments("explain"), b"")
    }

    /// Runs the job's cases, which are in `cases.jsonl`.
    pub fn test(&self) -> Ran {
        let arguments = [&self.arguments("test")[..], &["--cases", "cases.jsonl"]].concat();
        tidemill_fed(self.path(), &arguments, b"")
    }

    /// Starts the job.
    pub fn watch(&self) -> Watched {
        watch(self.path(), &self.arguments("run"))
    }

    /// The arguments of a command for the job.
    pub fn arguments<'a>(&'a self, command: &'a str) -> [&'a str; 4] {
        [command, JOB, "--artefacts", &self.artefacts]
    }
}
