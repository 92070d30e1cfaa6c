//! What windows read of earlier batches is made again by the new version, of retained inputs.

use serde_json::{Value, json};
use tidemill::api::dstream::DStream;
use tidemill::api::given::Partitions;
use tidemill::model::operation::{BuiltInFold, OperatorRef};
use tidemill::model::policy::OnFailure;
use tidemill::model::status::{BatchOutcome, JobState};
use tidemill::model::version::SwapRules;

use super::rig::{Stamping, ids, is_completed, untried, version};
use crate::conformance::rig::schema_of;
use crate::lifecycle::rig::SECOND;

pub(super) const ROWS: usize = 4;

pub(super) fn batches(number: usize) -> Vec<Option<Partitions>> {
    (0..number).map(|batch| Some(ids(batch, ROWS))).collect()
}

/// Swaps to the second version after so many batches. What comes out is what the first would have
/// given alone, and from then on what the second would have given alone.
#[track_caller]
fn goes_on_as_if_it_had_always_run(
    input: &[Option<Partitions>],
    swapped_after: usize,
    build: impl Fn(&DStream, OperatorRef) -> DStream,
) {
    let job_of = |number| {
        let mut job = Stamping::fed(input.to_vec(), &version(number, "honestly"), &build);
        job.test.context.settings().retained_inputs = Some(10);
        job
    };
    let [mut swapped, mut old, mut new] = [1, 1, 2].map(job_of);
    let rest = input.len() - swapped_after;
    for job in [&mut swapped, &mut old, &mut new] {
        job.run(swapped_after);
    }
    let before = swapped.datasets();
    assert_eq!(before, old.datasets());
    let report = swapped.swap(version(2, "honestly"), SwapRules::default());
    let report = report.expect("everything is retained");
    assert!(!report.recomputed_windows.is_empty(), "{report:?}");
    assert_eq!(report.restarted_windows, Vec::<String>::new());
    for job in [&mut swapped, &mut new] {
        job.run(rest).iter().for_each(is_completed);
    }
    let (after, expected) = (swapped.datasets(), new.datasets());
    assert!(expected.len() > before.len(), "something is compared");
    assert_eq!(after[before.len()..], expected[before.len()..]);
}

/// Sums of ids by version: rows of two versions would be two keys.
pub(super) fn by_version(stamped: &DStream) -> DStream {
    stamped.select(&["_2", "_1"]).key_by(&["_2"])
}

#[test]
fn plain_window_goes_on() {
    goes_on_as_if_it_had_always_run(&batches(9), 4, |ids, stamp| {
        ids.flat_map(stamp).window(3 * SECOND, SECOND)
    });
}

#[test]
fn fold_over_a_window_goes_on() {
    goes_on_as_if_it_had_always_run(&batches(9), 4, |ids, stamp| {
        let stamped = by_version(&ids.flat_map(stamp));
        stamped.reduce_by_key_and_window(BuiltInFold::Sum, 3 * SECOND, SECOND)
    });
}

/// Each of its windows is made of the one before: the first after the swap is made anew.
#[test]
fn incremental_window_goes_on() {
    goes_on_as_if_it_had_always_run(&batches(10), 5, |ids, stamp| {
        ids.flat_map(stamp).select(&["_2"]).count_by_value_and_window(3 * SECOND, SECOND)
    });
}

#[test]
fn window_of_a_window_goes_on() {
    goes_on_as_if_it_had_always_run(&batches(12), 6, |ids, stamp| {
        let first = ids.flat_map(stamp).window(2 * SECOND, SECOND);
        first.window(3 * SECOND, SECOND)
    });
}

#[test]
fn window_of_an_incremental_window_goes_on() {
    goes_on_as_if_it_had_always_run(&batches(13), 7, |ids, stamp| {
        let versions = ids.flat_map(stamp).select(&["_2"]);
        versions.count_by_value_and_window(3 * SECOND, SECOND).window(2 * SECOND, SECOND)
    });
}

/// The swap comes between two slides, at each place there is.
#[test]
fn windows_with_slides_longer_than_a_batch_go_on() {
    for swapped_after in 5..9 {
        goes_on_as_if_it_had_always_run(&batches(16), swapped_after, |ids, stamp| {
            let first = ids.flat_map(stamp).window(4 * SECOND, 2 * SECOND);
            first.window(4 * SECOND, 4 * SECOND)
        });
    }
}

/// The plugin is on one side of the join; the other keeps its datasets.
#[test]
fn join_behind_windows_goes_on() {
    goes_on_as_if_it_had_always_run(&batches(9), 4, |ids, stamp| {
        let twice = ids.count_by_value_and_window(2 * SECOND, SECOND);
        let stamped = ids.flat_map(stamp).key_by(&["_1"]).window(2 * SECOND, SECOND);
        stamped.join(&twice)
    });
}

/// Datasets without rows and times without any are seen by windows as such.
#[test]
fn batches_without_rows_and_without_datasets_are_windows_too() {
    let mut input = batches(12);
    input[2] = Some(Vec::new());
    input[3] = None;
    input[4] = Some(vec![Vec::new(), Vec::new()]);
    goes_on_as_if_it_had_always_run(&input, 6, |ids, stamp| {
        let first = ids.flat_map(stamp).window(3 * SECOND, SECOND);
        first.window(3 * SECOND, SECOND)
    });
}

pub(super) fn stamped_then_window(ids: &DStream, stamp: OperatorRef) -> DStream {
    ids.flat_map(stamp).window(3 * SECOND, SECOND)
}

/// Rows of each dataset, and the versions that made them.
pub(super) fn rows_and_versions(job: &Stamping) -> Vec<(usize, Vec<i64>)> {
    let versions = |rows: &Vec<Value>| {
        let mut all: Vec<i64> = rows.iter().filter_map(|row| row[1].as_i64()).collect();
        all.sort_unstable();
        all.dedup();
        (rows.len(), all)
    };
    job.datasets().iter().map(versions).collect()
}

/// A batch that has failed was empty to the windows of the old version. It stays so.
#[test]
fn batch_that_failed_stays_empty() {
    let input = [0, 20, 9, 40, 50, 60].map(|batch| Some(ids(batch, ROWS))).to_vec();
    let mut job = Stamping::fed(input, &version(1, "rarely"), stamped_then_window);
    job.test.context.settings().on_failure = OnFailure::Skip;
    job.test.context.settings().max_failures = 1;
    let before = job.run(3);
    // The ids of the third are 36 to 39, and the first version traps at 37.
    assert!(matches!(before[2].outcome, BatchOutcome::Failed { .. }), "{before:?}");
    job.swap(version(2, "honestly"), SwapRules::default()).expect("two of them are retained");
    job.run(3);
    let (old, new) = (vec![1], vec![2]);
    let expected = [(4, &old), (8, &old), (8, &new), (8, &new), (12, &new)];
    let expected = expected.map(|(rows, versions)| (rows, versions.clone()));
    assert_eq!(rows_and_versions(&job), expected);
}

fn stamped_then_long_window(ids: &DStream, stamp: OperatorRef) -> DStream {
    ids.flat_map(stamp).window(5 * SECOND, SECOND)
}

/// The story: by default three batches were retained, so that a job with longer windows could not
/// be swapped, which was told at the swap alone.
#[test]
fn by_default_as_many_batches_are_retained_as_windows_look_back_to() {
    let mut job = Stamping::fed(batches(9), &version(1, "honestly"), stamped_then_long_window);
    job.run(6);
    let report = job.swap(version(2, "honestly"), SwapRules::default());
    let replay = report.expect("what it takes is retained").replay.expect("it is tried");
    assert_eq!(replay.batches.len(), 3, "on as many as without windows");
    job.run(3).iter().for_each(is_completed);
    let versions = [1, 1, 1, 1, 1, 1, 2, 2, 2];
    let rows = [4, 8, 12, 16, 20, 20, 20, 20, 20];
    let expected: Vec<_> = rows.into_iter().zip(versions.map(|version| vec![version])).collect();
    assert_eq!(rows_and_versions(&job), expected);
}

#[test]
fn refusal_says_how_many_batches_are_needed_and_the_job_goes_on() {
    for (batches, bytes, reason) in [
        (Some(3), 16 << 20, "`retained_inputs` is 3: set it to 4 or more"),
        (None, 100, "`retained_input_bytes`, 100 bytes, has no room for more"),
    ] {
        let build = stamped_then_long_window;
        let mut job = Stamping::through(9, ROWS, "honestly", build);
        let settings = job.test.context.settings();
        (settings.retained_inputs, settings.retained_input_bytes) = (batches, bytes);
        job.run(6);
        let refused = job.swap(version(2, "honestly"), SwapRules::default());
        let refused = refused.expect_err("fewer are retained");
        for part in ["the last 4 batches", reason, "--restart-windows"] {
            assert!(refused.contains(part), "{refused}");
        }
        job.run(3).iter().for_each(is_completed);
        let ledger = job.ledger();
        assert_eq!((ledger.mixed, ledger.versions), (0, vec![1; 9]));
    }
}

/// What a state goes into cannot be made of a few batches again.
#[test]
fn window_behind_a_function_of_the_program_is_refused_with_the_reason() {
    let build = |ids: &DStream, stamp| {
        let stamped = ids.flat_map(stamp);
        let schema = schema_of(&[json!([[0, 0]])]);
        let same = stamped.transform(schema, |dataset, _| Ok(Some(dataset.partitions.clone())));
        same.window(2 * SECOND, SECOND)
    };
    let mut job = Stamping::through(5, ROWS, "honestly", build);
    job.run(2);
    let refused = job.swap(version(2, "honestly"), SwapRules::default());
    let refused = refused.expect_err("the function is not called again");
    assert!(refused.contains("a function of the program makes its datasets"), "{refused}");
}

/// Refused at the gate, by a batch that the windows need, and because another one waits, at the
/// very end: nothing stays held, and nothing of it is seen.
#[test]
fn swaps_that_are_refused_late_leave_the_job_going() {
    let mut job = Stamping::fed(batches(10), &version(1, "honestly"), stamped_then_window);
    job.run(3);
    let traps = "this version traps";
    for rules in [SwapRules::default(), untried()] {
        let swapped = job.swap(version(2, "trapping"), rules.clone());
        let refused = swapped.expect_err("it fails on a batch");
        assert!(refused.contains(traps), "{refused}");
        // Each with what lets it in all the same.
        let flag = if rules.replay { "--no-replay" } else { "--restart-windows" };
        assert!(refused.contains(flag), "{refused}");
        job.run(1).iter().for_each(is_completed);
    }
    let restarted = SwapRules { restart_windows: true, ..untried() };
    job.swap(version(2, "trapping"), restarted).expect("nothing shows before it runs");
    job.run(1).iter().for_each(is_completed);
    job.swap(version(3, "honestly"), SwapRules::default()).expect("it is another version");
    let waiting = job.swap(version(4, "honestly"), SwapRules::default()).expect_err("one waits");
    assert!(waiting.contains("wait"), "{waiting}");
    job.run(3).iter().for_each(is_completed);
    let rows = [4, 8, 12, 12, 12, 12, 12, 12, 12];
    let versions = [1, 1, 1, 1, 1, 1, 3, 3, 3];
    let expected: Vec<_> = rows.into_iter().zip(versions.map(|version| vec![version])).collect();
    assert_eq!(rows_and_versions(&job), expected);
}

/// A paused job takes a swap with windows, and goes on with it.
#[test]
fn paused_job_takes_the_swap() {
    let mut job = Stamping::fed(batches(6), &version(1, "honestly"), stamped_then_window);
    job.run(3);
    let control = job.test.context.control().expect("it runs");
    control.pause();
    job.swap(version(2, "honestly"), SwapRules::default()).expect("no batch is needed");
    assert_eq!(job.status().state, JobState::Paused);
    control.resume();
    job.run(2).iter().for_each(is_completed);
    let expected = [(4, 1), (8, 1), (12, 1), (12, 2), (12, 2)];
    let expected: Vec<_> = expected.map(|(rows, version)| (rows, vec![version])).to_vec();
    assert_eq!(rows_and_versions(&job), expected);
}
