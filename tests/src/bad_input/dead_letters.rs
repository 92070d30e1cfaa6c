//! A disk that is full in a running program: where rows are printed, and where bad rows are kept.
//!
//! Takes the system's own full device. Gives it to the program as standard output or as a file.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::program;

/// What is always full, on systems that have it.
const FULL: &str = "/dev/full";

fn job(on_bad_row: &str) -> String {
    format!(
        "name = \"job\"\nbatch_interval = \"20ms\"\n\
         [sources.lines]\ntype = \"stdin\"\n{on_bad_row}\
         [sinks.console]\ntype = \"print\"\nfrom = \"lines\"\n"
    )
}

#[test]
fn a_full_disk_for_bad_rows_fails_the_batch_and_names_the_file() {
    if !Path::new(FULL).exists() {
        return;
    }
    let job = JobFolder::new(&job(&format!("on_bad_row = {{ dead_letter = \"{FULL}\" }}\n")));
    let ran = job.run(b"fine\n\xff\n");
    assert_eq!((ran.code, ran.rows()), (Some(1), vec![]), "{}", ran.err);
    let expected = format!(
        "source `lines` cannot keep bad rows: cannot write `{FULL}`: no space left on the disk"
    );
    let error = ran.err.lines().find(|line| line.starts_with("error: batch "));
    assert!(error.is_some_and(|error| error.contains(&expected)), "{}", ran.err);
}

#[test]
fn a_full_disk_under_the_output_stops_the_job_and_names_the_sink() {
    let Ok(full) = OpenOptions::new().write(true).open(FULL) else { return };
    let job = JobFolder::new(&job(""));
    let mut child = Command::new(program())
        .args(job.arguments("run"))
        .current_dir(job.path())
        .stdin(Stdio::piped())
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("it is piped").write_all(b"a\n").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8(output.stderr).expect("it writes text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    let error = said.lines().find(|line| line.starts_with("error: batch ")).unwrap_or_default();
    assert!(error.contains("sink `console` cannot print: No space left on device"), "{said}");
}
