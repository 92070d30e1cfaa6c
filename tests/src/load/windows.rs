//! Windows over the rows of a plugin that is swapped under load.
//!
//! Takes a window of three batches beside the batches themselves. Gives which rows each window has
//! by their ids, and which versions made them.

use std::collections::BTreeSet;
use std::ops::Bound;

use serde_json::{Value, json};

use super::rig::{Load, job, read};
use crate::control::rig::Rig;
use crate::swap::rig::version;

const SWAPS: usize = 24;
const WINDOW_MS: i64 = 60;

/// Each window holds all rows of its three batches, each once, and of one version: that with which
/// its last batch ran, also where those before it ran on another one. The rows of those are made
/// again at each swap, and at each way back, while more and more rows come.
#[test]
fn windows_under_load_hold_all_rows_of_their_batches_in_one_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let versions = [1, 2].map(|number| version(number, "honestly"));
    let load = Load::start_with(&rig, folder.path(), "windowed", |address| {
        // A machine that is busy elsewhere makes the batches again more slowly than they come.
        let job = format!("retained_inputs = 100\n{}", job("windowed", address, &versions[0], ""));
        let window = format!("{{ window = {{ length = \"{WINDOW_MS}ms\", slide = \"20ms\" }} }}");
        format!(
            "{job}[streams.windows]\nfrom = \"stamped\"\nsteps = [{window}]\n\
             [sinks.windows]\ntype = \"files\"\npath = \"windows\"\nfrom = \"windows\"\n\
             format = \"csv\"\n"
        )
    });
    let (mut current, mut expected) = (0, vec![1]);
    for number in 0..SWAPS {
        let other = 1 - current;
        let report = load.swapped(&versions[other]);
        assert_eq!(report["recomputed_windows"], json!(["stamped"]), "{report}");
        let change = &report["plugins"][0];
        load.rows_of(&change["to"]["digest"]);
        expected.push(other as i64 + 1);
        if number % 3 == 2 {
            let back = load.ask("POST", "rollback");
            assert_eq!(back.status, 202, "{back:?}");
            load.rows_of(&change["from"]["digest"]);
            expected.push(current as i64 + 1);
        } else {
            current = other;
        }
    }
    let failed = load.standing()["quarantined"].clone();
    assert_eq!(failed, Value::Array(Vec::new()));
    let output = load.end();
    output.ledger.is_whole();
    assert_eq!(output.changes(), expected, "each swap is seen in the rows");
    let batches = read(&folder.path().join("windowed"), "out");
    let windows = read(&folder.path().join("windows"), "windows");
    // One may end without rows of its own as well.
    let ends = |time| windows.contains_key(time);
    assert!(batches.keys().all(ends), "a window ends with each batch");
    for (time, rows) in windows {
        let span = (Bound::Excluded(time - WINDOW_MS), Bound::Included(time));
        let of_batches = batches.range(span).flat_map(|(_, rows)| rows.iter().map(|(id, _)| *id));
        let (mut of_batches, mut ids): (Vec<usize>, Vec<usize>) =
            (of_batches.collect(), rows.iter().map(|(id, _)| *id).collect());
        of_batches.sort_unstable();
        ids.sort_unstable();
        assert!(ids == of_batches, "window {time}: {} of {}", ids.len(), of_batches.len());
        let made_by: BTreeSet<i64> = rows.iter().map(|(_, version)| *version).collect();
        assert!(made_by.len() <= 1, "window {time}: {made_by:?}");
        let of_last = output.versions.get(&time);
        assert!(of_last.is_none_or(|of_last| made_by.contains(of_last)), "window {time}");
    }
    rig.end();
}
