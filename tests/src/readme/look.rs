//! The commands with which the README looks into a running job, run as they stand there.
//!
//! Takes the README's blocks, and a shell. Changes of the job file only the address, which must be
//! free, the interval, so that nobody waits, and where the component is.

use std::io::Write;

use super::reader::{change, ended, lines, ran, shell};
use super::{LOG, blocks, component};
use crate::job_rig::Feeder;
use crate::set_up::watched::watch_command;

const TITLE: &str = "## A look into a running job\n";

/// The story: the README looked at states and dead letters of its own job, which has neither.
#[test]
fn the_readme_looks_into_its_own_job() {
    let [run, tap, state, letters, retry] = lines(TITLE, "sh")[..] else {
        panic!("README has five commands")
    };
    let (feeder, folder) = (Feeder::new(), tempfile::tempdir().expect("a folder"));
    let (folder, file) = (folder.path(), folder.path().join("status.toml"));
    let job = blocks("toml").into_iter().find(|block| block.starts_with("name = \"status-codes\""));
    std::fs::write(&file, job.expect("README has the job")).expect("there is room");
    change(&file, TITLE);
    let changed = std::fs::read_to_string(&file).expect("it is there");
    let changed = changed
        .replace("127.0.0.1:9999", &feeder.address())
        .replace("\"1s\"", "\"100ms\"")
        .replace("source = \"status\"", &format!("component = \"{}\"", component("status")));
    std::fs::write(&file, changed).expect("there is room");

    let mut job = watch_command(&mut shell(folder, run));
    job.told("durability: none");
    let mut stream = feeder.accept();
    stream.write_all(LOG.as_bytes()).expect("it reads");
    job.printed("(200,2)");
    let seen = ran(folder, tap);
    assert!(seen.contains("Time: ") && seen.contains("(404,1)"), "{seen}");
    let kept = ran(folder, state);
    assert!(kept.starts_with("step totals: 2 keys, "), "{kept}");
    assert!(kept.contains("code: utf8 | requests: int64\n"), "{kept}");
    assert!(kept.contains("\n(200,2)\n") && kept.contains("\n(404,1)\n"), "{kept}");
    let shown = ran(folder, letters);
    assert!(shown.contains("  no status code in this line\n"), "{shown}");
    assert!(shown.ends_with("  {\"line\":\"nothing\"}\n1 dead letter\n"), "{shown}");
    let (code, out, err) = ended(folder, retry);
    assert_eq!((code, err.as_str()), (Some(1), ""), "{out}");
    assert_eq!(out, "1: failed again, and have one attempt more\n");
    job.signal("TERM");
    let ended_job = job.end();
    assert_eq!(ended_job.code, Some(0), "{}", ended_job.err);
    // Once, when it was taken out.
    assert!(ended_job.err.contains(" 4 rows, 1 rejected, 0 bad"), "{}", ended_job.err);
}
