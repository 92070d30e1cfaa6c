//! The stream of what a stateful step keeps: it is explained and can be looked at like any other.
//!
//! Takes jobs of which a sink or a stream reads it. Gives what `explain` and `tap` show.

use std::fs::DirEntry;
use std::path::Path;

use serde_json::Value;

use crate::job_rig::component;
use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::tidemill;
use crate::set_up::watched::watch;

/// How often each line came, with the stream `kept` of that, and more that reads it.
fn job(more: &str) -> JobFolder {
    JobFolder::new(&format!(
        "name = \"keeping\"\nbatch_interval = \"20ms\"\n\
         [plugins.careless]\ncomponent = \"{}\"\n\
         [sources.made]\ntype = \"generate\"\nlines_per_second = 2000\nvocabulary = 1\n\
         words_per_line = 1\n\
         [streams.times]\nfrom = \"made\"\nsteps = [\n{{ map = \"careless.with_length\" }},\n\
         {{ map_with_state = {{ with = \"careless.times\", snapshots = \"kept\" }}, \
         name = \"totals\" }},\n]\n\
         [sinks.times]\ntype = \"print\"\nfrom = \"times\"\n{more}",
        component("careless").display()
    ))
}

/// All that the files of a sink hold.
fn rows_in(folder: &Path) -> String {
    let entries = |folder: &Path| std::fs::read_dir(folder).expect("it is there");
    let path = |entry: std::io::Result<DirEntry>| entry.expect("it is there").path();
    let batches = entries(folder).map(path).filter(|batch| batch.is_dir());
    let files = batches.flat_map(|batch| entries(&batch).map(path).collect::<Vec<_>>());
    files.map(|file| std::fs::read_to_string(file).expect("it is text")).collect()
}

const BY_A_SINK: &str = "[sinks.kept]\ntype = \"print\"\nfrom = \"kept\"\n";
const BY_A_STREAM: &str = "[streams.counted]\nfrom = \"kept\"\nsteps = [{ count = true }]\n\
                           [sinks.counted]\ntype = \"print\"\nfrom = \"counted\"\n";

/// What `explain` says, with one blank where there are many.
fn explained(job: &JobFolder) -> String {
    let ran = job.explain();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let lines = ran.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

/// The story: `explain` told the columns of every stream but of this one.
#[test]
fn the_stream_of_what_is_kept_is_explained_with_its_columns() {
    let columns = "kept from step totals _1: utf8 | value: int64";
    for (more, reader) in [(BY_A_SINK, "kept"), (BY_A_STREAM, "counted")] {
        let told = explained(&job(more));
        let (streams, stages) = told.split_once("\nstages\n").expect("stages follow streams");
        assert!(streams.contains(columns) && !streams.contains("no sink reads"), "{told}");
        let mut of_reader = stages.lines().filter(|line| line.contains(&format!(" of {reader}: ")));
        assert!(of_reader.any(|line| line.contains(", from the state of stage ")), "{told}");
    }
    let told = explained(&job(""));
    let unread = format!("streams that no sink reads, which do not run\n{columns}\n");
    assert!(told.contains(&unread), "{told}");
}

/// The story: nothing of that name could be looked at, and where nobody else read the step's own
/// stream, it showed what is kept in its place.
#[test]
fn the_stream_of_what_is_kept_can_be_looked_at() {
    for more in [BY_A_SINK, BY_A_STREAM] {
        let job = job(more);
        let mut running = watch(job.path(), &["run", "job.toml", "--plain"]);
        running.printed("Time: ");
        for (of, columns) in [("kept", ["_1", "value"]), ("times", ["_1", "_2"])] {
            let seen = tidemill(job.path(), &["tap", "job.toml", of, "-n", "1", "--json"], "");
            assert_eq!(seen.code, Some(0), "{}", seen.err);
            let row: Value = serde_json::from_str(&seen.out).expect("a row");
            let found: Vec<&str> =
                row.as_object().expect("an object").keys().map(String::as_str).collect();
            assert_eq!(found, columns, "{of}: {}", seen.out);
        }
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0));
    }
    let job = job("");
    let mut running = watch(job.path(), &["run", "job.toml", "--plain"]);
    running.printed("Time: ");
    let unseen = tidemill(job.path(), &["tap", "job.toml", "kept"], "");
    assert_eq!(unseen.code, Some(2), "{}", unseen.out);
    assert!(unseen.err.contains("or nobody reads it"), "{}", unseen.err);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}

/// The story: `explain` told the names that a step gives to what `map_with_state` makes, and rows
/// had those of the operator; no case could expect them.
#[test]
fn what_a_stateful_step_makes_has_the_names_of_the_step() {
    let job = JobFolder::new(&format!(
        "name = \"named\"\nbatch_interval = \"20ms\"\n\
         [plugins.careless]\ncomponent = \"{}\"\n[sources.lines]\ntype = \"stdin\"\n\
         [streams.times]\nfrom = \"lines\"\nsteps = [\n{{ map = \"careless.with_length\" }},\n\
         {{ map_with_state = \"careless.times\", name = \"kept\", \
         as = [\"word\", \"times\"] }},\n]\n\
         [sinks.times]\ntype = \"files\"\npath = \"out\"\nfrom = \"times\"\n",
        component("careless").display()
    ));
    let case = r#"{"in": [["a"]], "out": {"times": [[{"word": "a", "times": 1}]]}}"#;
    job.put("cases.jsonl", case.as_bytes());
    let tested = job.test();
    assert_eq!(tested.code, Some(0), "{}{}", tested.out, tested.err);
    let ran = job.run(b"a\n");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let rows = rows_in(&job.path().join("out"));
    assert_eq!(rows, "{\"word\":\"a\",\"times\":1}\n");
}
