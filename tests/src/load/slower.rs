//! What makes a version too slow, where that is asked for: its own work by the row, and not what
//! a batch does beside its rows.

use std::path::Path;

use serde_json::json;

use super::rig::{Load, job};
use crate::control::rig::Rig;
use crate::job_rig::scratch;
use crate::set_up::http::Client;
use crate::set_up::program::tidemill;
use crate::set_up::watched::watch;
use crate::swap::rig::version;

/// Dead letters of the job, more than a batch has rows.
const LETTERS: usize = 1_000;
/// Their ids, which no other row has.
const LETTER_IDS: usize = 1_000_000_000;

/// A person says how slow a version may be, and finds why the job has gone back, and that it takes
/// the version no more.
#[test]
fn person_has_a_version_gone_back_from_that_is_too_slow() {
    let folder = tempfile::tempdir().expect("a folder");
    let artefacts = scratch("artefacts-of-programs").display().to_string();
    let serve = ["serve", "--data", "served", "--control", "127.0.0.1:0"];
    let mut server = watch(folder.path(), &[&serve[..], &["--artefacts", &artefacts]].concat());
    server.told("control: http://127.0.0.1:");
    let client = Client::of(&folder.path().join("served"));
    let load = Load::start(&client, folder.path(), "slowed", (&version(1, "toiling"), ""));
    let swap = |factor: &str| {
        let slow = format!("stamped={}", version(2, "dawdling").display());
        let arguments = ["swap", "slowed", &slow, "--slower-max", factor, "--data", "served"];
        tidemill(folder.path(), &arguments, "")
    };
    let wrong = swap("0.5");
    assert_eq!(wrong.code, Some(2), "{}", wrong.out);
    assert!(wrong.err.contains("`slower_max` is 0.5, expected a number from 1"), "{}", wrong.err);
    let swapped = swap("1.5");
    assert_eq!(swapped.code, Some(0), "{}", swapped.err);
    assert!(swapped.out.contains("from the next batch on"), "{}", swapped.out);
    let standing = load.until(|standing| !standing["quarantined"][0].is_null());
    let reason = standing["quarantined"][0]["reason"].to_string();
    assert!(reason.contains("allowed are 1.5"), "{reason}");
    let refused = swap("1.5");
    assert_eq!(refused.code, Some(2), "{}", refused.out);
    assert!(refused.err.contains("quarantined for this job"), "{}", refused.err);
    let output = load.end();
    output.ledger.is_whole();
    assert_eq!(output.versions.values().next_back(), Some(&1));
    server.signal("TERM");
    assert_eq!(server.end().code, Some(0));
}

fn with_letters(folder: &Path, address: &str) -> String {
    let letter = |id: usize| {
        let id = LETTER_IDS + id;
        format!("{}\n", json!({ "source": "ids", "reason": "r", "text": id.to_string() }))
    };
    let letters: String = (0..LETTERS).map(letter).collect();
    std::fs::write(folder.join("bad.jsonl"), letters).expect("there is room");
    let job = job("fed", address, &version(1, "honestly"), "");
    job.replace(
        "format = \"csv\"\nschema",
        "on_bad_row = { dead_letter = \"bad.jsonl\" }\n\
         format = \"csv\"\nschema",
    )
}

/// The story: letters are tried one by one, and were no rows of the batch that they were fed back
/// to, but its work. A version that was swapped in took many times too long for its rows then, and
/// was gone back from and quarantined, though it was as fast as the one before.
#[test]
fn version_is_not_too_slow_where_a_batch_was_fed_letters() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let load = Load::start_with(&rig, folder.path(), "fed", |address| {
        with_letters(folder.path(), address)
    });
    let swapped = load.swap(&version(2, "honestly"), json!({ "slower_max": 10, "replay": false }));
    assert_eq!(swapped.status, 202, "{swapped:?}");
    let retried = load.ask("POST", "dead-letters/retry");
    assert_eq!(retried.status, 202, "{retried:?}");
    let retried = retried.json();
    assert_eq!((&retried["delivered"], &retried["refused"]), (&json!(LETTERS), &json!(0)));
    let standing = load.standing();
    assert_eq!(standing["quarantined"], json!([]), "{standing}");
    let output = load.end();
    output.ledger.is_whole();
    assert_eq!(output.changes(), [1, 2]);
    rig.end();
}
