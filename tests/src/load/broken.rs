//! Versions that are broken, each in its own way, swapped in under load: the job goes back within
//! three batches, or never begins, and loses and repeats nothing.

use std::path::Path;

use serde_json::{Value, json};

use super::rig::Load;
use crate::border::handmade::Handmade;
use crate::control::rig::Rig;
use crate::job_rig::{component, scratch};
use crate::swap::rig::version;

/// Batches in which a version must have shown that it is broken.
const CAUGHT_WITHIN: usize = 3;
/// What a version may use: enough for one that is well.
const LIMITS: &str = "memory = \"64MiB\"";
/// For one that loops. A busy machine takes long for little: all others would meet this limit, and
/// not their own.
const LITTLE_TIME: &str = "cpu = \"100ms\"";

/// The version fails while it runs: it is gone back from and quarantined. That the last batches
/// would have shown it before is left out here.
#[track_caller]
fn is_rolled_back((first, limits): (&str, &str), broken: &str, why: &str, mut rules: Value) {
    rules["replay"] = false.into();
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let load = Load::start(&rig, folder.path(), broken, (&version(1, first), limits));
    load.batches_more(10);
    let bad = version(2, broken);
    let swapped = load.swap(&bad, rules.clone());
    assert_eq!(swapped.status, 202, "nothing shows before it runs: {swapped:?}");
    let change = swapped.json()["plugins"][0].clone();
    let of_bad = |plan: &Value| plan["plugins"][0]["digest"] == change["to"]["digest"];
    let plans = |batch: &Value| batch["plans"].as_array().expect("a list").clone();
    let again = |batch: &&Value| of_bad(&plans(batch)[0]) && plans(batch).len() == 2;
    let batches = load.batches_until(|batches| {
        batches.iter().any(|batch| again(&batch) && batch["end"]["outcome"] == "completed")
    });
    let first_again = batches.iter().find(again).expect("one was run again");
    let plan = &plans(first_again)[1];
    assert_eq!((&plan["revision"], of_bad(plan)), (&2.into(), false));
    assert!(plan["reason"].as_str().is_some_and(|reason| reason.contains(why)), "{plan}");
    let ran = batches.iter().filter(|batch| of_bad(&plans(batch)[0])).count();
    assert!(ran <= CAUGHT_WITHIN, "{ran} batches began with the broken version");
    let standing = load.standing();
    assert_eq!(standing["plugins"][0]["digest"], change["from"]["digest"]);
    let quarantined = standing["quarantined"].as_array().expect("a list");
    assert_eq!(quarantined.len(), 1, "{standing}");
    assert_eq!(quarantined[0]["digest"], change["to"]["digest"]);
    assert!(quarantined[0]["reason"].as_str().is_some_and(|it| it.contains(why)), "{standing}");
    let refused = load.swap(&bad, rules);
    assert_eq!((refused.status, refused.code().as_str()), (409, "swap_refused"));
    assert!(refused.body.contains("quarantined for this job"), "{}", refused.body);
    let output = load.end();
    output.ledger.is_whole();
    assert!(output.changes().len() <= 3, "there is no flapping: {:?}", output.changes());
    rig.end();
}

/// The version is not let in, and nothing of it is left.
#[track_caller]
fn is_refused(file: &Path, (status, code): (u16, &str), words: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let load = Load::start(&rig, folder.path(), "refusing", (&version(1, "honestly"), LIMITS));
    let before = load.standing();
    let refused = load.swap(file, json!({}));
    assert_eq!((refused.status, refused.code().as_str()), (status, code), "{refused:?}");
    for part in words {
        assert!(refused.body.contains(part), "`{part}` is not in: {}", refused.body);
    }
    assert_eq!(load.standing(), before);
    load.batches_more(5);
    let output = load.end();
    output.ledger.is_whole();
    assert_eq!(output.changes(), [1]);
    rig.end();
}

#[test]
fn version_that_traps_is_rolled_back_under_load() {
    is_rolled_back(("honestly", LIMITS), "trapping", "this version traps", json!({}));
}

#[test]
fn version_that_traps_at_one_row_in_a_hundred_is_rolled_back_under_load() {
    is_rolled_back(("honestly", LIMITS), "rarely", "one row in a hundred", json!({}));
}

#[test]
fn version_that_loops_is_rolled_back_under_load() {
    is_rolled_back(("honestly", LITTLE_TIME), "looping", "cpu time", json!({}));
}

#[test]
fn version_that_floods_is_rolled_back_under_load() {
    is_rolled_back(("honestly", LIMITS), "flooding", "stamped.stamp", json!({}));
}

#[test]
fn version_that_hoards_is_rolled_back_under_load() {
    is_rolled_back(("honestly", LIMITS), "hoarding", "memory", json!({}));
}

#[test]
fn version_that_is_slow_is_rolled_back_under_load() {
    let why = "times the CPU time that it took on the old version";
    is_rolled_back(("toiling", LIMITS), "dawdling", why, json!({ "slower_max": 1.5 }));
}

#[test]
fn version_of_another_schema_is_refused_under_load() {
    let words = ["version: utf8", "version: int64"];
    is_refused(&component("restamped"), (409, "swap_refused"), &words);
}

#[test]
fn version_whose_start_function_traps_is_refused_under_load() {
    let fields = "(func $start unreachable) (start $start)".to_owned();
    let file = scratch("stamped").join("start-traps-under-load.wasm");
    let bytes = Handmade { fields, ..Handmade::default() }.component();
    std::fs::write(&file, bytes).expect("there is room");
    is_refused(&file, (422, "plugin_unfit"), &["plugin `stamped` cannot be used"]);
}
