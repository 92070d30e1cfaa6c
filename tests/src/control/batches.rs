//! The batch log as the program writes it: what it says of a batch, and that it outlives a kill.
//!
//! Takes jobs of files and of lines. Gives them to the program, and asks it for their batches.

use serde_json::Value;

use crate::job_rig::plugin_component;
use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::{Ran, tidemill};

fn batches(job: &JobFolder, arguments: &[&str]) -> Vec<Value> {
    let ran = asked(job, arguments);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    ran.out.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect()
}

fn asked(job: &JobFolder, arguments: &[&str]) -> Ran {
    tidemill(job.path(), &[&["batches"], arguments].concat(), "")
}

/// Counts words of files through a component.
fn counting() -> JobFolder {
    let component = plugin_component("word_count");
    let component = component.display();
    let job = JobFolder::new(&format!(
        "name = \"counts\"\nbatch_interval = \"1s\"\nseed = 7\npartitions = 2\n\
         [plugins.words]\ncomponent = \"{component}\"\n\
         [sources.lines]\ntype = \"files\"\npath = \"in\"\n\
         [streams.counts]\nfrom = \"lines\"\n\
         steps = [{{ flat_map = \"words.split\", as = [\"word\"] }}, {{ count_by_value = true }}]\n\
         [sinks.out]\ntype = \"print\"\nfrom = \"counts\"\n"
    ));
    std::fs::create_dir(job.path().join("in")).expect("a folder");
    job.put("in/a", b"to be or\nnot to be\n");
    job
}

#[test]
fn a_record_says_what_a_batch_was_made_of_and_what_became_of_it() {
    let job = counting();
    let run = [&job.arguments("run")[..], &["--bounded"]].concat();
    for _ in 0..2 {
        let ran = tidemill(job.path(), &run, "");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    }
    let found = batches(&job, &["job.toml", "--json"]);
    assert_eq!(found, batches(&job, &["counts", "--json"]), "by name in the job's folder");
    let [first, second] = &found[..] else { panic!("{found:?}") };
    assert_ne!(first["run_us"], second["run_us"]);
    let end = &first["end"];
    assert_eq!((&end["outcome"], &end["reason"]), (&"completed".into(), &Value::Null));
    assert_eq!((&first["job"], &first["parent_ms"]), (&"counts".into(), &Value::Null));
    assert_eq!(first["seed"], "0000000000000007");
    let input = &first["inputs"][0];
    assert_eq!(
        (&input["source"], &input["rows"], &input["bytes"]),
        (&"lines".into(), &2.into(), &19.into())
    );
    let file = &input["files"][0];
    assert!(file["path"].as_str().is_some_and(|path| path.ends_with("in/a")), "{file}");
    assert_eq!((&file["start"], &file["end"]), (&0.into(), &19.into()));
    let plan = &first["plans"][0];
    assert_eq!((&plan["revision"], &plan["reason"]), (&1.into(), &Value::Null));
    let plugin = &plan["plugins"][0];
    assert_eq!(
        (&plugin["name"], &plugin["calls"][0]["operator"]),
        (&"words".into(), &"split".into())
    );
    assert_eq!(plugin["digest"].as_str().map(str::len), Some(64));
    let numbers = ["rows_in", "bytes_in", "rows_out", "rejected_rows", "recomputed"];
    let numbers = numbers.map(|key| end[key].as_u64().expect(key));
    assert_eq!(numbers, [2, 19, 4, 0, 0]);
    assert!(end["shuffle_rows"].as_u64() > Some(0) && end["attempts"] == end["tasks"], "{end}");
    let stages = end["stages"].as_array().expect("a list");
    let cpu: u64 = stages.iter().map(|stage| stage["cpu_us"].as_u64().expect("a time")).sum();
    // Each stage is cut to whole microseconds.
    assert!(end["cpu_us"].as_u64().is_some_and(|all| all - cpu <= stages.len() as u64), "{end}");
    assert_eq!(stages[0]["operators"][0], "words.split");
    let calls = stages[0]["calls"].as_array().expect("a list");
    let called = calls.iter().find(|call| call["operator"] == "words.split").expect("it ran");
    let (call, stage) = (called["cpu_us"].as_u64(), stages[0]["cpu_us"].as_u64());
    assert!(call > Some(0) && call <= stage, "a guest's instance alone takes that: {end}");
    let output = &end["outputs"][0];
    assert_eq!((&output["sink"], &output["rows"]), (&"out".into(), &4.into()));
    assert_eq!(output["hash"].as_str().map(str::len), Some(64));
    assert_eq!(output, &second["end"]["outputs"][0], "equal inputs give equal bytes");
    job.put("in/b", b"that is\n");
    assert_eq!(tidemill(job.path(), &run, "").code, Some(0));
    let third = batches(&job, &["counts", "--json", "-n", "1"]);
    assert_ne!(third[0]["end"]["outputs"][0]["hash"], output["hash"]);
}

#[test]
fn the_table_has_a_line_a_batch() {
    let job = counting();
    let run = [&job.arguments("run")[..], &["--bounded", "--data", "kept"]].concat();
    assert_eq!(tidemill(job.path(), &run, "").code, Some(0));
    let ran = asked(&job, &["counts", "--data", "kept"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("BATCH ") && lines[0].ends_with("CODE"), "{}", ran.out);
    assert!(lines.len() == 2 && lines[1].contains("Z  completed  "), "{}", ran.out);
    assert!(lines[1].contains("words 0.1.0 ("), "{}", ran.out);
    assert!(!job.path().join(".tidemill").exists(), "the data is where it was to be");
}

#[test]
fn a_failed_batch_has_its_reason() {
    let job = JobFolder::new(
        "name = \"bad\"\nbatch_interval = \"20ms\"\n[sources.lines]\ntype = \"stdin\"\n\
         [sinks.console]\ntype = \"print\"\nfrom = \"lines\"\n",
    );
    assert_eq!(job.run(b"\xff\n").code, Some(1));
    let found = batches(&job, &["bad", "--json"]);
    let last = &found.last().expect("a batch")["end"];
    assert_eq!(last["outcome"], "failed");
    assert!(last["reason"].as_str().is_some_and(|why| why.contains("not valid UTF-8")), "{last}");
}

#[test]
fn a_job_that_nobody_knows_is_told_with_the_place() {
    let job = JobFolder::new("name = \"x\"\n");
    let ran = asked(&job, &["gone", "--data", "nowhere"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("there is no batch log in `nowhere`"), "{}", ran.err);
    assert!(!job.path().join("nowhere").exists(), "asking makes nothing");
}

#[test]
fn a_data_folder_that_cannot_be_made_is_told_with_what_names_another() {
    let job = counting();
    job.put(".tidemill", b"it is a file");
    let ran = job.run(b"");
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("which `--data` may name"), "{}", ran.err);
    assert!(ran.err.contains("cannot create folder `"), "{}", ran.err);
}

/// The story: batches that were not synced were gone when the process was killed, and nobody knew
/// which code had made the last outputs.
#[test]
fn batches_of_a_killed_process_are_there() {
    let job = JobFolder::new(
        "name = \"killed\"\nbatch_interval = \"20ms\"\n\
         [sources.made]\ntype = \"generate\"\nlines_per_second = 2000\n\
         [streams.counts]\nfrom = \"made\"\nsteps = [{ count = true }]\n\
         [sinks.console]\ntype = \"print\"\nfrom = \"counts\"\n",
    );
    let mut program = job.watch();
    program.told("control: http://127.0.0.1:");
    (0..5).for_each(|_| drop(program.printed("Time: ")));
    // Asked while it runs, it has written all that has begun.
    let before = batches(&job, &["killed", "--json", "-n", "1000"]);
    assert!(!before.is_empty());
    program.signal("KILL");
    let ran = program.end();
    assert_eq!(ran.code, None, "{}", ran.err);
    let after = batches(&job, &["killed", "--json", "-n", "1000"]);
    assert!(after.len() >= before.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before["time_ms"], after["time_ms"]);
        assert!(before["end"].is_null() || before == after, "{before} {after}");
    }
    for pair in after.windows(2) {
        assert_eq!(pair[1]["parent_ms"], pair[0]["time_ms"], "each names the one before it");
    }
}
