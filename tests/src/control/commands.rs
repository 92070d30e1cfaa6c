//! The program's commands against a server: what a person types.
//!
//! Takes the program, twice: as a server, and as whoever asks it.

use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::{Ran, tidemill};
use crate::set_up::watched::{Watched, watch};

const ENDLESS: &str = "name = \"made\"\nbatch_interval = \"20ms\"\n\
                       [sources.made]\ntype = \"generate\"\nlines_per_second = 2000\n\
                       [streams.counts]\nfrom = \"made\"\nsteps = [{ count = true }]\n\
                       [sinks.console]\ntype = \"print\"\nfrom = \"counts\"\n";

fn serve(folder: &JobFolder) -> Watched {
    let arguments = ["serve", "--data", "served", "--control", "127.0.0.1:0"];
    let mut program = watch(folder.path(), &arguments);
    program.told("control: http://127.0.0.1:");
    program
}

fn ask(folder: &JobFolder, arguments: &[&str]) -> Ran {
    tidemill(folder.path(), &[arguments, &["--data", "served"]].concat(), "")
}

fn said(ran: &Ran) -> &str {
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    &ran.out
}

#[test]
fn a_server_is_given_jobs_and_asked_about_them() {
    let folder = JobFolder::new(ENDLESS);
    let mut server = serve(&folder);
    assert_eq!(said(&ask(&folder, &["jobs"])), "");
    assert!(said(&ask(&folder, &["submit", "job.toml"])).starts_with("made: running, "));
    server.printed("Time: ");
    assert!(said(&ask(&folder, &["jobs"])).starts_with("made: running, "));
    let job: serde_json::Value =
        serde_json::from_str(said(&ask(&folder, &["jobs", "--json"]))).expect("it is JSON");
    assert_eq!(job["batch_interval_us"], 20_000);
    let again = ask(&folder, &["submit", "job.toml"]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("error: job `made` runs already: stop it first"), "{}", again.err);
    assert!(said(&ask(&folder, &["pause", "made"])).starts_with("made: paused, "));
    assert!(said(&ask(&folder, &["resume", "made"])).starts_with("made: running, "));
    let lines = ask(&folder, &["logs", "made"]);
    assert!(said(&lines).contains("Z [info] paused: no batch begins"), "{}", lines.out);
    assert!(said(&ask(&folder, &["batches", "made"])).contains(" completed "));
    assert!(said(&ask(&folder, &["stop", "made"])).starts_with("made: "));
    server.told("job `made` ended");
    server.signal("TERM");
    let ran = server.end();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(!folder.path().join("served/server").exists(), "nobody looks for it any more");
    assert!(said(&ask(&folder, &["batches", "made"])).contains(" completed "), "from the folder");
    let gone = ask(&folder, &["jobs"]);
    assert_eq!(gone.code, Some(2));
    assert!(gone.err.contains("start one with `tidemill serve`"), "{}", gone.err);
}

#[test]
fn a_job_that_does_not_run_is_removed_by_the_command() {
    let folder = JobFolder::new(ENDLESS);
    let mut server = serve(&folder);
    said(&ask(&folder, &["submit", "job.toml"]));
    server.printed("Time: ");
    let runs = ask(&folder, &["remove", "made"]);
    assert_eq!(runs.code, Some(2));
    assert!(runs.err.contains("job `made` runs: stop it before it is removed"), "{}", runs.err);
    said(&ask(&folder, &["stop", "made"]));
    server.told("job `made` ended");
    assert!(said(&ask(&folder, &["jobs"])).starts_with("made: stopped, "));
    let removed = ask(&folder, &["remove", "job.toml"]);
    assert!(said(&removed).starts_with("job `made` is removed: its file, "), "{}", removed.out);
    assert_eq!(said(&ask(&folder, &["jobs"])), "");
    assert!(said(&ask(&folder, &["batches", "made"])).contains(" completed "), "they stay");
    let again = ask(&folder, &["remove", "made"]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("there is no job `made`"), "{}", again.err);
    server.signal("TERM");
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn a_server_that_was_killed_starts_its_jobs_again() {
    let folder = JobFolder::new(ENDLESS);
    let mut server = serve(&folder);
    said(&ask(&folder, &["submit", "job.toml"]));
    server.printed("Time: ");
    server.signal("KILL");
    assert_eq!(server.end().code, None);
    // The file is not needed any more: the server keeps the job.
    std::fs::remove_file(folder.path().join("job.toml")).expect("it is there");
    let mut server = serve(&folder);
    server.told("job `made` runs");
    server.printed("Time: ");
    let outcomes = ask(&folder, &["batches", "made", "-n", "1000"]);
    assert!(said(&outcomes).contains(" completed "), "{}", outcomes.out);
    server.signal("INT");
    assert_eq!(server.end().code, Some(0));
}

/// The story: a job file that is not there was taken for the name of a job, and the data folder of
/// that name was told to have no server.
#[test]
fn commands_tell_that_a_job_file_is_not_there() {
    let folder = JobFolder::new(ENDLESS);
    let commands: [&[&str]; 14] = [
        &["dead-letters"],
        &["dead-letters", "--retry"],
        &["pause"],
        &["resume"],
        &["stop"],
        &["rollback"],
        &["remove"],
        &["logs"],
        &["batches"],
        &["tap"],
        &["state"],
        &["replay"],
        &["submit"],
        &["run"],
    ];
    for job in ["/no/such.toml", "gone.toml", "./gone"] {
        for command in commands {
            let ran = tidemill(folder.path(), &[command, &[job]].concat(), "");
            let told = ran.err.contains(job) && ran.err.contains("not there")
                || ran.err.contains("No such file");
            assert!(ran.code == Some(2) && told, "{command:?} {job}: {}", ran.err);
        }
    }
    let ran = tidemill(folder.path(), &["swap", "gone.toml", "words=words.wasm"], "");
    assert!(ran.err.contains("the job file `gone.toml` is not there"), "{}", ran.err);
    let ran = tidemill(folder.path(), &["batches", "./"], "");
    assert!(ran.err.contains("the job file `./` is no file"), "{}", ran.err);
}

#[test]
fn a_second_server_of_a_folder_is_refused() {
    let folder = JobFolder::new(ENDLESS);
    let server = serve(&folder);
    let ran = ask(&folder, &["serve", "--control", "127.0.0.1:0"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("is in use by another process"), "{}", ran.err);
    server.signal("INT");
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn a_job_that_runs_by_itself_is_stopped_from_another_terminal() {
    let folder = JobFolder::new(ENDLESS);
    let mut program = folder.watch();
    program.told("control: http://127.0.0.1:");
    program.printed("Time: ");
    let here = |arguments: &[&str]| tidemill(folder.path(), arguments, "");
    assert!(said(&here(&["batches", "made"])).contains(" completed "));
    let other = here(&["submit", "job.toml", "--data", ".tidemill/made"]);
    assert!(other.code == Some(2) && other.err.contains("`tidemill serve`"), "{}", other.err);
    said(&here(&["stop", "job.toml"]));
    let ran = program.end();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("draining: what was received is worked off"), "{}", ran.err);
}

/// The story: `serve` told of a folder beside a job file, where it keeps nothing.
#[test]
fn help_tells_each_command_which_data_folder_is_its_own() {
    let folder = JobFolder::new(ENDLESS);
    let help = |command: &str| {
        let ran = tidemill(folder.path(), &[command, "--help"], "");
        let words = said(&ran).split_whitespace().collect::<Vec<_>>().join(" ");
        let from = words.find("--data <FOLDER>").unwrap_or_else(|| panic!("{command}: {words}"));
        words[from..].to_owned()
    };
    for command in ["serve", "submit", "jobs"] {
        let told = help(command);
        let of_server = told.starts_with("--data <FOLDER> The data folder of the server");
        assert!(of_server && !told.contains("beside the job file"), "{command}: {told}");
    }
    for command in ["pause", "batches", "state", "swap"] {
        let told = help(command);
        assert!(told.contains("`.tidemill/NAME` beside the job file or here"), "{command}: {told}");
    }
    let told = help("run");
    assert!(told.contains("batch log is kept; `.tidemill/NAME` beside the job file"), "{told}");
}

#[test]
fn control_is_off_where_nobody_wants_it() {
    let folder = JobFolder::new(ENDLESS);
    let arguments = [&folder.arguments("run")[..], &["--control", "off"]].concat();
    let mut program = watch(folder.path(), &arguments);
    program.printed("Time: ");
    let asked = tidemill(folder.path(), &["batches", "made"], "");
    assert_eq!(asked.code, Some(2));
    assert!(asked.err.contains("is in use by another process"), "{}", asked.err);
    program.signal("INT");
    let ran = program.end();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(!ran.err.contains("control: "), "{}", ran.err);
}
