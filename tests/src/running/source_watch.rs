//! `run --watch`: a plugin's source is edited while its job runs.
//!
//! Takes a plugin made anew, and edits as an author makes them. Waits for what the program says,
//! and for rows.

use std::fs;
use std::path::Path;

use tidemill_guest_build::new_plugin;

use crate::set_up::job_folder::JobFolder;
use crate::set_up::program::tidemill;

const JOB: &str = "name = \"watched\"\nbatch_interval = \"50ms\"\n\
                   [plugins.cut]\nsource = \"cut\"\n\
                   [sources.made]\ntype = \"generate\"\nlines_per_second = 200\n\
                   [streams.words]\nfrom = \"made\"\nsteps = [{ flat_map = \"cut.split\" }]\n\
                   [sinks.out]\ntype = \"print\"\nfrom = \"words\"\nrows = 1\n";
const WORDS: &str = "line.split_ascii_whitespace()";
const MARKED: &str = "std::iter::once(if line.is_empty() { \"\" } else { \"marked\" })";

fn plugin_in(folder: &Path) {
    new_plugin(&folder.join("cut")).expect("it is made");
    // What all tests compile is compiled once.
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/target/tidemill-guests");
    fs::create_dir_all(&shared).expect("made");
    fs::create_dir(folder.join("cut/target")).expect("it is new");
    std::os::unix::fs::symlink(shared, folder.join("cut/target/tidemill-guests")).expect("made");
}

fn edit(folder: &Path, from: &str, to: &str) {
    let file = folder.join("cut/src/lib.rs");
    let text = fs::read_to_string(&file).expect("it is there");
    assert!(text.contains(from), "{text}");
    fs::write(&file, text.replace(from, to)).expect("there is room");
}

#[test]
fn a_saved_source_is_swapped_in_and_a_broken_one_changes_nothing() {
    let folder = JobFolder::new(JOB);
    plugin_in(folder.path());
    let arguments = [&folder.arguments("run")[..], &["--watch", "--plain"]].concat();
    let mut running = crate::set_up::watched::watch(folder.path(), &arguments);
    running.told("watching the source of `cut`");
    running.printed("Time: ");

    edit(folder.path(), WORDS, MARKED);
    running.told("plugin `cut` is swapped to");
    running.told("swapped: from batch");
    running.printed("marked");

    edit(folder.path(), MARKED, "no_such_function(line)");
    running.told("no_such_function");
    running.told("the job goes on as it is");
    running.printed("Time: ");
    running.printed("marked");

    // It fits its source, and not the job: the column is another.
    edit(folder.path(), "no_such_function(line)", "std::iter::once(line.len() as i64)");
    edit(folder.path(), "Iterator<Item = &str>", "Iterator<Item = i64>");
    running.told("the swap is refused");

    edit(folder.path(), "Iterator<Item = i64>", "Iterator<Item = &str>");
    edit(folder.path(), "std::iter::once(line.len() as i64)", WORDS);
    running.told("swapped: from batch");
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn a_job_without_source_has_nothing_to_watch() {
    let folder = JobFolder::new(
        "name = \"plain\"\nbatch_interval = \"1s\"\n\
         [sources.made]\ntype = \"generate\"\nlines_per_second = 1\n\
         [sinks.out]\ntype = \"print\"\nfrom = \"made\"\n",
    );
    let ran = tidemill(folder.path(), &["run", "job.toml", "--watch"], "");
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("no plugin of the job is given as source"), "{}", ran.err);
    let ran = tidemill(folder.path(), &["run", "job.toml", "--watch", "--bounded"], "");
    assert!(ran.code == Some(2) && ran.err.contains("--bounded"), "{}", ran.err);
}
