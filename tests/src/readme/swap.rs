//! The four commands with which the README swaps a plugin, run as they stand there.
//!
//! Takes the README's blocks, and a shell. Changes of the job file only the address, which must be
//! free, and the interval, so that nobody waits. Gives the batches by the code that ran them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::reader::{change, lines, ran, shell};
use super::{LOG, blocks};
use crate::job_rig::{Feeder, scratch};
use crate::set_up::program::tidemill;
use crate::set_up::watched::{Watched, watch_command};

const TITLE: &str = "## Other versions of a plugin, while it runs\n";

/// A folder with the README's plugin in `status`, and its job file beside it.
fn folder(feeder: &Feeder) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    ran(folder.path(), "tidemill plugin new status");
    let source = blocks("rust").into_iter().find(|block| block.contains("plugin!(status)"));
    let source = source.expect("README has the plugin");
    fs::write(folder.path().join("status/src/lib.rs"), source).expect("there is room");
    // What the SDK needs is compiled once. Other tests build another `status` in theirs.
    fs::create_dir(folder.path().join("status/target")).expect("it is new");
    let target = folder.path().join("status/target/tidemill-guests");
    std::os::unix::fs::symlink(scratch("guests-of-readme"), target).expect("made");
    ran(folder.path(), "tidemill plugin build status");
    let job = blocks("toml").into_iter().find(|block| block.starts_with("name = \"status-codes\""));
    let job = job.expect("README has the job").replace("127.0.0.1:9999", &feeder.address());
    fs::write(folder.path().join("status.toml"), job.replace("\"1s\"", "\"100ms\"")).expect("room");
    folder
}

/// What a job prints, by batch.
struct Printing {
    job: Watched,
    stream: TcpStream,
    rows: BTreeMap<i64, Vec<String>>,
}

impl Printing {
    /// Sends the log, and waits until a batch has printed that row and the next one has begun to.
    fn send_until(&mut self, row: &str) {
        self.stream.write_all(LOG.as_bytes()).expect("it reads");
        let mut is_seen = false;
        loop {
            let line = self.job.printed("");
            if let Some(time) = line.strip_prefix("Time: ") {
                let time = time.trim_end_matches(" ms").parse().expect("a time");
                self.rows.entry(time).or_default();
                if is_seen {
                    return;
                }
            } else if line.starts_with('(') {
                is_seen |= line == row;
                self.rows.last_entry().expect("a head comes first").get_mut().push(line);
            }
        }
    }
}

/// The digest of the code of each batch that has ended, by its time.
fn digests(folder: &Path) -> BTreeMap<i64, String> {
    let asked = tidemill(folder, &["batches", "status-codes", "--json", "-n", "1000"], "");
    assert_eq!((asked.code, asked.err.as_str()), (Some(0), ""));
    let batches = asked.out.lines().map(|line| serde_json::from_str(line).expect("it is JSON"));
    let digest = |batch: Value| {
        let plan = batch["plans"].as_array()?.last()?.clone();
        assert_eq!((&plan["revision"], &plan["reason"]), (&1.into(), &Value::Null));
        Some((batch["time_ms"].as_i64()?, plan["plugins"][0]["digest"].as_str()?.to_owned()))
    };
    batches.map(|batch| digest(batch).expect("a batch has a plan")).collect()
}

#[test]
fn four_commands_of_the_readme_swap_a_plugin_and_bring_it_back() {
    let [run, build, swap, back] = lines(TITLE, "sh")[..] else {
        panic!("README has four commands")
    };
    let feeder = Feeder::new();
    let folder = folder(&feeder);
    let mut job = watch_command(&mut shell(folder.path(), run));
    job.told("durability: none");
    let mut job = Printing { stream: feeder.accept(), job, rows: BTreeMap::new() };
    job.send_until("(200,2)");
    change(&folder.path().join("status/src/lib.rs"), TITLE);
    assert_eq!(ran(folder.path(), build), "status_2.wasm\n");
    let swapped = ran(folder.path(), swap);
    assert!(swapped.contains("log: "), "{swapped}");
    job.send_until("(2,2)");
    ran(folder.path(), back);
    job.send_until("(200,2)");
    let code = digests(folder.path());
    job.job.signal("TERM");
    let ended = job.job.end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);

    let mut versions: Vec<&String> = code.values().collect();
    versions.dedup();
    let [first, second, third] = versions[..] else { panic!("three runs of code: {versions:?}") };
    assert!(first == third && first != second, "{versions:?}");
    // Rows are those of the code that the log names.
    let with_rows: Vec<_> = job.rows.iter().filter(|(_, rows)| !rows.is_empty()).collect();
    assert_eq!(with_rows.len(), 3, "{with_rows:?}");
    for ((time, rows), expected) in with_rows.into_iter().zip([first, second, third]) {
        assert_eq!(&code[time], expected);
        let mut rows = rows.clone();
        rows.sort_unstable();
        let of_second = expected == second;
        let shown = if of_second { ["(2,2)", "(4,1)"] } else { ["(200,2)", "(404,1)"] };
        assert_eq!(rows, shown);
    }
}
