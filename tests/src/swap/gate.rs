//! Versions that fail on what the job has run are not let in; others come with what they change.

use tidemill::api::dstream::DStream;
use tidemill::model::operation::OperatorRef;
use tidemill::model::version::{SwapReport, SwapRules};

use super::rig::{PLUGIN, Stamping, digest, is_completed, load, untried, version};
use crate::lifecycle::rig::SECOND;

const ROWS: usize = 10;

/// A swap after three batches. Gives what it came to, and the job.
fn after_three(behaviour: &str, rules: SwapRules) -> (Result<SwapReport, String>, Stamping) {
    let mut job = Stamping::over(8, ROWS, "honestly");
    job.run(3);
    let swapped = job.swap(version(2, behaviour), rules);
    (swapped, job)
}

/// The version is refused with these words, and nothing of it is left: it never runs, nothing is
/// quarantined, and another one is let in.
#[track_caller]
fn is_refused(behaviour: &str, rules: SwapRules, words: &[&str]) {
    let (swapped, mut job) = after_three(behaviour, rules);
    let refused = swapped.expect_err("it is not let in");
    for part in words {
        assert!(refused.contains(part), "`{part}` is not in: {refused}");
    }
    let code = job.status().code;
    assert_eq!((code.waiting, code.previous, code.quarantined), (None, None, Vec::new()));
    job.run(2).iter().for_each(is_completed);
    job.swap(version(3, "honestly"), SwapRules::default()).expect("it does nothing wrong");
    job.run(2).iter().for_each(is_completed);
    let ledger = job.ledger();
    ledger.is_whole();
    assert_eq!(ledger.versions, [1, 1, 1, 1, 1, 3, 3]);
}

#[test]
fn version_that_traps_is_refused_with_batch_operator_partition_and_row() {
    let place = ["fails on batch", "stage 0, partition 0", "stamped.stamp", "at row 0"];
    let words = [place.as_slice(), &["this version traps"]].concat();
    is_refused("trapping", SwapRules::default(), &words);
}

#[test]
fn version_that_loops_is_refused() {
    is_refused("looping", SwapRules::default(), &["fails on batch", "cpu time"]);
}

#[test]
fn version_that_floods_is_refused() {
    is_refused("flooding", SwapRules::default(), &["fails on batch", "stamped.stamp"]);
}

#[test]
fn version_that_hoards_is_refused() {
    is_refused("hoarding", SwapRules::default(), &["fails on batch", "memory"]);
}

/// Row 37 is in the fourth batch, which is one of the last three.
#[test]
fn version_that_traps_rarely_is_refused_where_its_row_is_retained() {
    let mut job = Stamping::over(8, ROWS, "honestly");
    job.run(2);
    let rarely = || version(2, "rarely");
    job.swap(rarely(), SwapRules::default()).expect("its row has not come yet");
    let again = job.run(2);
    assert_eq!(again[1].code.revision, 2, "row 37 is in the fourth batch");
    let rules = SwapRules { force: true, ..SwapRules::default() };
    let refused = job.swap(rarely(), rules).expect_err("its row has come");
    assert!(refused.contains("one row in a hundred"), "{refused}");
    job.run(2);
    job.ledger().is_whole();
}

#[test]
fn differences_are_shown_and_do_not_refuse() {
    let (swapped, mut job) = after_three("honestly", SwapRules::default());
    let report = swapped.expect("it may give other rows").replay.expect("it was tried");
    assert_eq!((report.batches.len(), report.left_out.len(), report.not_tried.len()), (3, 0, 0));
    for (number, batch) in report.batches.iter().enumerate() {
        let output = &batch.outputs[0];
        assert_eq!((batch.rows, output.gone, output.come), (10, 10, 10));
        assert_eq!((output.before.rows, output.after.rows), (10, 10));
        assert_ne!(output.before.hash, output.after.hash);
        let first = number * ROWS;
        let lines =
            [format!("- {{\"_1\":{first},\"_2\":1}}"), format!("+ {{\"_1\":{first},\"_2\":2}}")];
        assert_eq!((&output.lines[..2], output.lines.len()), (lines.as_slice(), 10));
    }
    let after = job.run(1).remove(0);
    assert_eq!(job.status().code.plugins[PLUGIN].digest, digest(&after));
    job.ledger().is_whole();
}

#[test]
fn every_difference_is_a_refusal_where_the_same_is_asked_for() {
    let rules = SwapRules { same: true, ..SwapRules::default() };
    let line = "+ {\"_1\":0,\"_2\":2}";
    is_refused("honestly", rules, &["something else of batch", "sink `", "10 rows gone", line]);
}

#[test]
fn version_that_makes_the_same_is_let_in_where_that_is_asked_for() {
    let rules = SwapRules { same: true, ..SwapRules::default() };
    let build = |ids: &DStream, stamp: OperatorRef| ids.flat_map(stamp).count();
    let mut job = Stamping::through(6, ROWS, "honestly", build);
    job.run(0);
    let untold = job.swap(version(2, "honestly"), rules.clone()).expect_err("no batch has run");
    assert!(untold.contains("nothing shows whether"), "{untold}");
    job.run(3);
    // It stamps rows otherwise, and there are as many.
    let report = job.swap(version(2, "honestly"), rules).expect("counts are the same");
    let batches = report.replay.expect("it was tried").batches;
    assert_eq!(batches.len(), 3);
    assert!(batches.iter().all(|batch| batch.outputs.iter().all(|output| output.is_same())));
}

#[test]
fn steps_that_keep_something_are_left_out_and_named() {
    let build =
        |ids: &DStream, stamp: OperatorRef| ids.flat_map(stamp).window(2 * SECOND, SECOND).count();
    let mut job = Stamping::through(6, ROWS, "honestly", build);
    job.run(3);
    let rules = SwapRules { restart_windows: true, ..SwapRules::default() };
    let report = job.swap(version(2, "honestly"), rules.clone()).expect("it fits");
    let report = report.replay.expect("it was tried");
    assert!(!report.left_out.is_empty(), "{report:?}");
    assert!(report.left_out[0].contains("a window over earlier batches"), "{report:?}");
    // What the window is given is compared all the same.
    let output = &report.batches[0].outputs[0];
    assert_eq!((output.gone, output.come), (10, 10));
    let refused = job.swap(version(3, "trapping"), rules).expect_err("the window is given nothing");
    assert!(refused.contains("this version traps"), "{refused}");
}

#[test]
fn nothing_is_retained_where_the_job_says_so_and_the_report_tells_why() {
    let mut job = Stamping::over(4, ROWS, "honestly");
    job.test.context.settings().retained_inputs = Some(0);
    job.run(2);
    assert_eq!(job.status().retained.batches, 0);
    let report = job.swap(version(2, "honestly"), SwapRules::default()).expect("it fits");
    let report = report.replay.expect("it was asked for");
    assert_eq!(report.batches.len(), 0);
    assert!(report.not_tried[0].contains("`retained_inputs`"), "{report:?}");
    job.run(1);
    let report = job.swap(version(3, "trapping"), untried()).expect("nobody tries it");
    assert_eq!(report.replay, None);
}

/// A batch that is too large is named with the key that would retain it.
#[test]
fn batch_that_is_too_large_is_not_retained_and_named() {
    let mut job = Stamping::over(4, 10_000, "honestly");
    job.test.context.settings().retained_input_bytes = 10_000;
    job.run(2);
    let retained = job.status().retained;
    assert_eq!((retained.batches, retained.bytes), (0, 0));
    let report = job.swap(version(2, "honestly"), SwapRules::default()).expect("it fits");
    let told = &report.replay.expect("it was asked for").not_tried[0];
    assert!(told.contains("`retained_input_bytes` allows 10000"), "{told}");
}

/// A plugin that was loaded by the program is tried as one from a file is.
#[test]
fn loaded_plugin_is_tried_too() {
    let mut job = Stamping::over(4, ROWS, "honestly");
    job.run(2);
    let bad = load(&job.test, &version(2, "trapping"));
    let new = (PLUGIN.to_owned(), bad.as_new_code());
    let swaps = job.test.context.swaps().expect("it runs");
    let refused = swaps.swap(&[new], SwapRules::default()).expect_err("it traps").to_string();
    assert!(refused.contains("this version traps"), "{refused}");
}
