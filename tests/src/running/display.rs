//! How a running job is shown: a live line on a terminal, plain lines elsewhere.
//!
//! Takes a terminal that `script` makes, where the system has it. Gives the program to it.

use std::process::{Command, Stdio};

use crate::job_rig::component;
use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::{Ran, program};
use crate::set_up::watched::watch_command;

/// A job that takes some batches and ends.
const JOB: &str = "name = \"shown\"\nbatch_interval = \"20ms\"\n\
                   [sources.made]\ntype = \"generate\"\nlines_per_second = 2000\nlines = 400\n\
                   [streams.counts]\nfrom = \"made\"\nsteps = [{ count = true }]\n\
                   [sinks.console]\ntype = \"print\"\nfrom = \"counts\"\n";
/// What a status line says of a batch.
const STATUS: [&str; 5] = ["batch ", " rows | ", " rows/s | ", "processing ", " total delay "];
/// The sequence that every other one of a terminal begins with.
const ESCAPE: char = '\u{1b}';

#[test]
fn without_a_terminal_lines_are_plain_and_durability_is_told() {
    let ran = JobFolder::new(JOB).run(b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(!ran.err.contains([ESCAPE, '\r']), "{:?}", ran.err);
    let first = "job `shown`: a batch every 20ms, ";
    let told = ran.err.lines().find(|line| line.starts_with(first)).expect("it is told");
    assert!(told.ends_with(" executors; durability: none, a restart begins empty"), "{told}");
    assert!(ran.err.contains("source `made`: connected to generated text"), "{}", ran.err);
    assert!(ran.err.contains("0 failed, 400 rows"), "{}", ran.err);
}

#[test]
fn what_plugins_counted_is_told_at_the_end() {
    let plugin = format!("[plugins.p]\ncomponent = \"{}\"\n", component("spark_cases").display());
    let job = format!("{JOB}{plugin}").replace("{ count", "{ filter = \"p.counted\" }, { count");
    let ran = JobFolder::new(&job).run(b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("job `shown` counted: p.lines 400"), "{}", ran.err);
}

/// A line now and then is a log; a line a batch would be noise.
#[test]
fn without_a_terminal_status_lines_are_few() {
    let ran = JobFolder::new(JOB).run(b"");
    let is_status = |line: &&str| STATUS.iter().all(|words| line.contains(words));
    let lines = ran.err.lines().filter(is_status).count();
    let batches = ran.out.matches("Time: ").count();
    assert!(batches > 3, "{}", ran.out);
    assert!((1..batches).contains(&lines), "{lines} lines of {batches} batches:\n{}", ran.err);
}

/// Runs the job on a terminal, if one can be made; what it shows there, on both streams.
fn on_a_terminal(job: &JobFolder, options: &str) -> Option<Ran> {
    let found = Command::new("script").arg("--version").stdout(Stdio::null()).status();
    if !found.is_ok_and(|found| found.success()) {
        eprintln!("there is no `script` of util-linux: nothing is shown on a terminal");
        return None;
    }
    let [run, file, artefacts, folder] = job.arguments("run");
    let wide = "stty rows 24 columns 80";
    let program_line = format!("\"$TIDEMILL\" {run} {file} {artefacts} \"$ARTEFACTS\" {options}");
    let line = format!("{wide} && exec {program_line}");
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.env("TIDEMILL", program()).env("ARTEFACTS", folder).env("TERM", "xterm");
    command.current_dir(job.path());
    Some(watch_command(&mut command).end())
}

#[test]
fn a_terminal_shows_one_live_line() {
    let Some(ran) = on_a_terminal(&JobFolder::new(JOB), "") else { return };
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    for words in STATUS {
        assert!(ran.out.contains(words), "`{words}` is not in:\n{}", ran.out);
    }
    assert!(ran.out.contains(ESCAPE), "it is drawn over:\n{}", ran.out);
    // Whatever else is shown stands on lines of its own.
    for line in ["job `shown`: a batch every 20ms", "job `shown` ended: ", "Time: "] {
        let torn = ran.out.lines().filter(|shown| shown.contains(line)).find(|shown| {
            let before = shown.split(line).next().unwrap_or_default();
            before.rsplit(['\r', ESCAPE]).next().unwrap_or_default().contains("rows")
        });
        assert_eq!(torn, None, "`{line}` is torn");
    }
    assert!(ran.out.contains("durability: none"), "{}", ran.out);
}

#[test]
fn a_terminal_shows_plain_lines_when_asked() {
    let Some(ran) = on_a_terminal(&JobFolder::new(JOB), "--plain") else { return };
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(!ran.out.contains(ESCAPE), "{:?}", ran.out);
    assert!(ran.out.contains("0 failed, 400 rows"), "{}", ran.out);
}
