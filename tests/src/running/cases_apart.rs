//! `test` stays apart from the world of its job: nothing of that is opened, written or created.
//!
//! Takes a job that would write wherever a job can. Gives the folder as it is afterwards.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::job_rig::component;
use crate::set_up::job_folder::JobFolder;

/// A job with a letter for each row that its plugin refuses or breaks at, and for each record of a
/// source or a broadcast that does not fit.
fn job(letters: &str, address: &str) -> String {
    format!(
        "name = \"apart\"\nbatch_interval = \"1s\"\non_failure = \"dead-letter\"\n\
         on_rejected = {letters}\n\
         [plugins.careless]\ncomponent = \"{}\"\n\
         [sources.lines]\ntype = \"listen\"\naddress = \"{address}\"\n\
         on_bad_row = {letters}\n\
         [broadcasts.known]\ntype = \"file\"\npath = \"known.jsonl\"\nformat = \"json\"\n\
         schema = {{ line = \"utf8\", n = \"int64\" }}\non_bad_row = {letters}\n\
         [streams.numbers]\nfrom = \"lines\"\nsteps = [\n\
         {{ broadcast_join = {{ with = \"known\", on = [\"line\"] }} }}, {{ select = \"line\" }},\n\
         {{ filter = \"careless.dive\" }}, {{ map = \"careless.number\" }},\n]\n\
         [streams.times]\nfrom = \"lines\"\nsteps = [\n\
         {{ map = \"careless.with_length\" }},\n\
         {{ map_with_state = \"careless.times\", name = \"times\" }},\n]\n\
         [sinks.out]\ntype = \"files\"\npath = \"out\"\nfrom = \"numbers\"\n\
         [sinks.counted]\ntype = \"files\"\npath = \"counted\"\nfrom = \"times\"\n",
        component("careless").display()
    )
}

/// Rows of which one is refused, one breaks a filter and one breaks a stateful step.
const CASE: &str = r#"{"name": "letters", "in": [["7", "dive", "seven"]],
    "out": {"numbers": [[7]], "times": [[["7", 1], ["seven", 1]]]}}"#;
/// A row, and one that does not fit.
const KNOWN: &[u8] = b"{\"line\":\"7\",\"n\":1}\n{\"line\":\"dive\",\"n\":1}\n\
                       {\"line\":\"seven\",\"n\":1}\n{\"line\":\"8\",\"n\":\"no\"}\n";

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("it is there").file_name();
    let mut names: Vec<String> =
        entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The story: cases wrote the rows that they had made up into the job's own dead-letter file, and
/// `dead-letters --retry` delivered these beside real ones.
#[test]
fn cases_leave_the_job_s_files_and_addresses_alone() {
    // Whoever else listens there, such as the job itself, keeps no case from being run.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let folder = JobFolder::new(&job("\"dead-letter\"", &address));
    folder.put("cases.jsonl", CASE.replace('\n', " ").as_bytes());
    folder.put("known.jsonl", KNOWN);
    let letters = b"{\"source\":\"lines\",\"reason\":\"a real one\",\"text\":\"x\"}\n";
    folder.put("apart.dead-letters.jsonl", letters);
    let before = names(folder.path());
    let ran = folder.test();
    let expected = "letters ... ok\n1 passed, 0 failed\n";
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), expected), "{}", ran.err);
    assert_eq!(names(folder.path()), before);
    let kept = fs::read(folder.path().join("apart.dead-letters.jsonl")).expect("it is there");
    assert_eq!(kept, letters);
}

/// The story: a job whose dead-letter file could not be written here, such as one in a folder of
/// the machine that it is to run on, could not be tested at all.
#[test]
fn a_dead_letter_file_that_cannot_be_written_keeps_no_case_from_being_run() {
    let folder = JobFolder::new(&job("{ dead_letter = \"missing/letters.jsonl\" }", "127.0.0.1:0"));
    folder.put("cases.jsonl", CASE.replace('\n', " ").as_bytes());
    folder.put("known.jsonl", KNOWN);
    let ran = folder.test();
    let expected = "letters ... ok\n1 passed, 0 failed\n";
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), expected), "{}", ran.err);
    assert_eq!(names(folder.path()), ["cases.jsonl", "job.toml", "known.jsonl"]);
}
