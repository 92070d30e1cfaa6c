//! Exit codes, each from what a user does, and that they are documented.
//!
//! Takes jobs and arguments. Gives the code and what was said beside it. A second signal's code is
//! tested with signals.

use tidemill::config::json_schema;

use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::{tidemill, tidemill_fed};

const README: &str = include_str!("../../../README.md");
/// A job over standard input.
const JOB: &str = "name = \"job\"\nbatch_interval = \"20ms\"\n[sources.lines]\ntype = \"stdin\"\n\
                   [sinks.console]\ntype = \"print\"\nfrom = \"lines\"\n";

#[test]
fn a_job_whose_sources_end_gives_zero() {
    let ran = JobFolder::new(JOB).run(b"a\n");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("source `lines`: ended"), "{}", ran.err);
    assert!(ran.err.contains("0 failed, 1 row, 0 rejected, 0 bad"), "{}", ran.err);
}

#[test]
fn a_job_that_fails_while_it_runs_gives_one() {
    let ran = JobFolder::new(JOB).run(b"\xff\n");
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let last = ran.err.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: batch ") && last.contains("not valid UTF-8"), "{}", ran.err);
    assert_eq!(ran.err.matches("stage 0, partition 0").count(), 1, "said once: {}", ran.err);
    assert!(last.as_bytes()["error: batch ".len() + 2] == b':', "it is told by its hour: {last}");
}

#[test]
fn a_quiet_job_tells_errors_only() {
    for (input, code) in [(b"a\n" as &[u8], 0), (b"\xff\n", 1)] {
        let job = JobFolder::new(JOB);
        let arguments = [&job.arguments("run")[..], &["--quiet"]].concat();
        let ran = tidemill_fed(job.path(), &arguments, input);
        assert_eq!(ran.code, Some(code), "{}", ran.err);
        assert_eq!(ran.err.contains("error: batch "), code == 1, "{}", ran.err);
        let beside = ran.err.lines().find(|line| !line.contains("not valid UTF-8"));
        assert_eq!(beside, None, "{}", ran.err);
    }
}

#[test]
fn a_job_that_skips_its_failed_batches_gives_zero_and_counts_them() {
    let ran = JobFolder::new(&format!("on_failure = \"skip\"\n{JOB}")).run(b"\xff\n");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains(" 1 failed, "), "{}", ran.err);
}

#[test]
fn what_cannot_begin_gives_two() {
    let job = JobFolder::new(&JOB.replace("stdin", "stdni"));
    let ran = job.run(b"");
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    for arguments in [
        &["run"] as &[&str],
        &["run", "gone.toml"],
        &["run", "job.toml", "--executors", "0"],
        &["rnu", "job.toml"],
        &["completions", "cmd"],
        &[],
    ] {
        let ran = tidemill(job.path(), arguments, "");
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}: {}", ran.err);
        assert!(!ran.err.is_empty(), "{arguments:?}");
    }
    let ran = tidemill(job.path(), &["explan"], "");
    assert!(ran.err.contains("similar subcommand"), "{}", ran.err);
    assert!(ran.err.contains("'explain'"), "{}", ran.err);
    // What `stop` is over HTTP.
    let ran = tidemill(job.path(), &["drain", "job"], "");
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("similar subcommand exists: 'stop'"), "{}", ran.err);
}

#[test]
fn exit_codes_are_documented_in_help_and_readme() {
    let help = tidemill(JobFolder::new(JOB).path(), &["--help"], "");
    assert_eq!(help.code, Some(0), "{}", help.err);
    let codes = help.out.split_once("Exit codes: ").expect("help tells").1;
    for code in ["0", "1", "2", "130"] {
        let told = codes.split("; ").any(|part| part.starts_with(&format!("{code} ")));
        assert!(told, "help does not explain {code}: {codes}");
        assert!(README.contains(&format!("| {code} | ")), "README does not explain {code}");
    }
}

#[test]
fn schema_of_job_files_is_printed_as_json() {
    let ran = tidemill(JobFolder::new(JOB).path(), &["schema"], "");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let printed: serde_json::Value = serde_json::from_str(&ran.out).expect("it is JSON");
    assert_eq!(printed, serde_json::to_value(json_schema()).expect("it is JSON"));
}
