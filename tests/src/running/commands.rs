//! Commands that run no job: `explain`, `completions`, and where their output goes.
//!
//! Takes what can be typed. Gives it to the program. What `explain` says word by word is tested
//! where jobs are planned.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::{program, tidemill};

/// Words that a shell completes.
const COMMANDS: [&str; 11] = [
    "run",
    "explain",
    "demo",
    "schema",
    "plugin",
    "completions",
    "executors",
    "dead-letters",
    "tap",
    "state",
    "watch",
];

/// A job over a socket; nobody need listen there to explain it.
fn job(address: impl ToString) -> JobFolder {
    let address = address.to_string();
    JobFolder::new(&format!(
        "name = \"counts\"\nbatch_interval = \"1s\"\n\
         [sources.lines]\ntype = \"socket\"\naddress = \"{address}\"\n\
         [streams.counts]\nfrom = \"lines\"\nsteps = [{{ count_by_value = true }}]\n\
         [sinks.console]\ntype = \"print\"\nfrom = \"counts\"\n"
    ))
}

#[test]
fn explain_shows_stages_and_schemas_and_connects_nowhere() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    listener.set_nonblocking(true).expect("it is a socket");
    let address = listener.local_addr().expect("it is bound");
    let job = job(address);
    let ran = job.explain();
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    for words in [
        "job counts: a batch every 1s",
        &format!("lines: socket {address}"),
        "stage 0 of counts: one task per block of lines",
        "shuffle by hash of line into",
        "stage 1 of counts: ",
        "-> sink console: print, 10 rows",
    ] {
        assert!(ran.out.contains(words), "`{words}` is not in:\n{}", ran.out);
    }
    assert!(listener.accept().is_err(), "nobody has connected");
}

#[test]
fn explain_plans_for_as_many_executors_as_it_is_told() {
    let job = job("127.0.0.1:9999");
    for (executors, tasks) in [("1", "stage 1 of counts: 1 task"), ("7", "7 tasks")] {
        let arguments = [&job.arguments("explain")[..], &["--executors", executors]].concat();
        let ran = tidemill(job.path(), &arguments, "");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.out.contains(tasks), "{}", ran.out);
    }
}

#[test]
fn completions_know_every_command() {
    let folder = job("127.0.0.1:9999");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = tidemill(folder.path(), &["completions", shell], "");
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{shell}");
        for command in COMMANDS {
            assert!(ran.out.contains(command), "{shell} does not know `{command}`");
        }
    }
}

/// A reader that has seen enough, such as `head`, is no reason to fail.
#[test]
fn output_to_a_reader_that_has_left_is_no_failure() {
    let job = job("127.0.0.1:9999");
    for arguments in
        [&job.arguments("explain")[..], &["schema"], &["completions", "bash"], &["--help"]]
    {
        let mut child = Command::new(program())
            .args(arguments)
            .current_dir(job.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert_eq!(said, "", "{arguments:?}");
    }
}
