//! A reader of the program's output that leaves early, as `tidemill run job.toml 2>&1 | head` does.
//!
//! The story: a job whose standard error was closed panicked while it told of a batch, in the loop
//! of the job. Nobody who waited for its end heard of that, the program hung, and a second signal
//! died of the same. Now what cannot be told is not told, and the job goes on to its end.

use std::process::{Command, Stdio};

use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::program;

const JOB: &str = "name = \"told\"\nbatch_interval = \"20ms\"\n\
                   [sources.made]\ntype = \"generate\"\nlines_per_second = 1000\nlines = 100\n\
                   [streams.counts]\nfrom = \"made\"\nsteps = [{ count = true }]\n\
                   [sinks.console]\ntype = \"print\"\nfrom = \"counts\"\n";

#[test]
fn a_job_outlives_the_reader_of_its_standard_error() {
    let job = JobFolder::new(JOB);
    let (reader, writer) = std::io::pipe().expect("the system has pipes");
    drop(reader);
    let mut command = Command::new(program());
    command.args(job.arguments("run")).current_dir(job.path()).stdin(Stdio::null()).stderr(writer);
    let ran = command.output().expect("it runs");
    assert_eq!(ran.status.code(), Some(0));
    let printed = String::from_utf8(ran.stdout).expect("it is text");
    let counts = printed.lines().filter_map(|line| line.parse::<u64>().ok());
    assert_eq!(counts.sum::<u64>(), 100, "{printed}");
}

#[test]
fn an_error_that_nobody_reads_still_has_its_exit_code() {
    let job = JobFolder::new("name = 7\n");
    let (reader, writer) = std::io::pipe().expect("the system has pipes");
    drop(reader);
    let mut command = Command::new(program());
    command.args(job.arguments("run")).current_dir(job.path()).stderr(writer);
    assert_eq!(command.output().expect("it runs").status.code(), Some(2));
}
