//! Windows never hold rows of two versions of a plugin.

use arrow_array::RecordBatch;
use serde_json::Value;
use tidemill::api::dstream::DStream;
use tidemill::api::test_context::Collected;
use tidemill::model::operation::OperatorRef;
use tidemill::model::version::SwapRules;

use super::rig::{Stamping, is_completed, untried, version};
use crate::conformance::rig::rows_of;
use crate::lifecycle::rig::SECOND;

fn stamped_then_window(ids: &DStream, stamp: OperatorRef) -> DStream {
    ids.flat_map(stamp).window(3 * SECOND, SECOND)
}

/// Rows in the dataset of each batch.
fn rows(collected: &Collected) -> Vec<usize> {
    let rows = |slices: &Vec<RecordBatch>| slices.iter().map(RecordBatch::num_rows).sum::<usize>();
    collected.by_time().values().map(|partitions| partitions.iter().map(rows).sum()).collect()
}

/// What a window keeps of earlier batches was made by the old version, and nothing is retained of
/// which the new one could make it again.
#[test]
fn windows_are_restarted_only_when_that_is_asked() {
    let mut job = Stamping::through(7, 4, "honestly", stamped_then_window);
    job.test.context.settings().retained_inputs = Some(0);
    job.run(3);
    let refused = job.swap(version(2, "honestly"), SwapRules::default()).expect_err("a window");
    assert!(refused.contains("a window of two versions would mix them"), "{refused}");
    let rules = SwapRules { restart_windows: true, ..SwapRules::default() };
    let report = job.swap(version(2, "honestly"), rules).expect("they may begin anew");
    assert_eq!((report.restarted_windows.len(), report.recomputed_windows.len()), (1, 0));
    job.run(4);
    let ledger = job.ledger();
    assert_eq!((ledger.mixed, ledger.versions), (0, vec![1, 1, 1, 2, 2, 2, 2]));
    assert_eq!(rows(&job.stamped), [4, 8, 12, 4, 8, 12, 12]);
}

/// A swap that fails leaves nothing behind: the windows of the old version have all their batches.
#[test]
fn windows_of_a_version_that_failed_at_once_are_whole_after_going_back() {
    let mut job = Stamping::through(6, 4, "honestly", stamped_then_window);
    job.run(3);
    let rules = SwapRules { restart_windows: true, ..untried() };
    job.swap(version(2, "trapping"), rules).expect("nothing shows before it runs");
    let after = job.run(3);
    after.iter().for_each(is_completed);
    assert_eq!(after[0].code.revision, 2);
    assert_eq!(job.ledger().versions, [1; 6]);
    assert_eq!(rows(&job.stamped), [4, 8, 12, 12, 12, 12]);
}

/// What the plugin is called for after the window is made anew in every batch.
#[test]
fn plugin_behind_a_window_is_swapped_as_any_other() {
    let mut job = Stamping::through(5, 4, "honestly", |ids, stamp| {
        ids.window(3 * SECOND, SECOND).flat_map(stamp)
    });
    job.run(3);
    let report = job.swap(version(2, "honestly"), SwapRules::default()).expect("nothing is kept");
    assert!(report.restarted_windows.is_empty());
    job.run(2);
    let ledger = job.ledger();
    assert_eq!((ledger.mixed, ledger.versions), (0, vec![1, 1, 1, 2, 2]));
    assert_eq!(rows(&job.stamped), [4, 8, 12, 12, 12]);
}

/// A fold over a window begins with the first batch of the new version.
#[test]
fn fold_over_a_window_begins_anew() {
    let fold = tidemill::model::operation::BuiltInFold::Sum;
    let mut job = Stamping::through(7, 4, "honestly", |ids, stamp| {
        let stamped = ids.flat_map(stamp).select(&["_2", "_1"]).key_by(&["_2"]);
        stamped.reduce_by_key_and_window(fold, 3 * SECOND, SECOND)
    });
    job.run(3);
    let rules = SwapRules { restart_windows: true, ..SwapRules::default() };
    job.swap(version(2, "honestly"), rules).expect("they may begin anew");
    job.run(4);
    let by_batch: Vec<Vec<Value>> = job.stamped.by_time().values().map(rows_of).collect();
    let sum = |batches: std::ops::Range<i64>| (batches.start * 4..batches.end * 4).sum::<i64>();
    let expected = [(1, 0..1), (1, 0..2), (1, 0..3), (2, 3..4), (2, 3..5), (2, 3..6), (2, 4..7)];
    for (found, (version, batches)) in by_batch.iter().zip(expected) {
        assert_eq!(*found, [serde_json::json!([version, sum(batches)])]);
    }
    assert_eq!(by_batch.len(), 7);
}
