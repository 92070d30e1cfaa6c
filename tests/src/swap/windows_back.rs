//! Who goes back finds whole windows: what the versions before lack is made again.

use tidemill::api::dstream::DStream;
use tidemill::api::given::Partitions;
use tidemill::driver::swap::{NewCode, SwapError};
use tidemill::model::operation::{BuiltInFold, OperatorRef};
use tidemill::model::status::JobEvent;
use tidemill::model::version::{SwapReport, SwapRules, VersionEvent};
use tidemill::version::admission::Refusal;

use super::rig::{PLUGIN, Stamping, ids, is_completed, untried, version};
use super::windows_made_again::{
    ROWS, batches, by_version, rows_and_versions, stamped_then_window,
};
use crate::lifecycle::rig::{SECOND, ears, wait_for};
use crate::set_up::patience::patiently;

/// Six batches, then the one with ids 36 to 39, of which 37 traps in a version that rarely does,
/// then five.
fn traps_at_the_seventh() -> Vec<Option<Partitions>> {
    let batches = [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14];
    batches.map(|batch| Some(ids(batch, ROWS))).to_vec()
}

/// After so many batches the job is swapped, and goes back by itself at the seventh. What comes out
/// from then on is what would have without the swap.
#[track_caller]
fn goes_on_as_if_never_swapped(build: impl Fn(&DStream, OperatorRef) -> DStream) {
    let job_of = || {
        let input = traps_at_the_seventh();
        let mut job = Stamping::fed(input, &version(1, "honestly"), &build);
        job.test.context.settings().retained_inputs = Some(10);
        job
    };
    for swapped_after in [4, 5, 6] {
        let [mut swapped, mut never] = [job_of(), job_of()];
        for job in [&mut swapped, &mut never] {
            job.run(swapped_after);
        }
        swapped.swap(version(2, "rarely"), SwapRules::default()).expect("it fails on none yet");
        for job in [&mut swapped, &mut never] {
            job.run(6 - swapped_after);
        }
        let before = never.datasets().len();
        let after = swapped.run(6);
        never.run(6);
        after.iter().for_each(is_completed);
        assert_eq!(after[0].code.revision, 2, "it is run again");
        assert_eq!(swapped.status().code.quarantined.len(), 1);
        let (found, expected) = (swapped.datasets(), never.datasets());
        assert!(expected.len() > before, "something is compared");
        assert_eq!(found[before..], expected[before..], "swapped after {swapped_after}");
    }
}

#[test]
fn plain_windows_are_whole() {
    goes_on_as_if_never_swapped(stamped_then_window);
}

#[test]
fn folds_over_windows_are_whole() {
    goes_on_as_if_never_swapped(|ids, stamp| {
        let stamped = by_version(&ids.flat_map(stamp));
        stamped.reduce_by_key_and_window(BuiltInFold::Sum, 3 * SECOND, SECOND)
    });
}

/// Each is made of the one before: the first is made anew, of parts from before and after the swap.
#[test]
fn incremental_windows_are_whole() {
    goes_on_as_if_never_swapped(|ids, stamp| {
        ids.flat_map(stamp).select(&["_2"]).count_by_value_and_window(3 * SECOND, SECOND)
    });
}

/// The inner windows reach back beyond the swap.
#[test]
fn windows_of_windows_are_whole() {
    goes_on_as_if_never_swapped(|ids, stamp| {
        let first = ids.flat_map(stamp).window(3 * SECOND, SECOND);
        first.window(2 * SECOND, SECOND)
    });
}

#[test]
fn windows_with_longer_slides_are_whole() {
    goes_on_as_if_never_swapped(|ids, stamp| ids.flat_map(stamp).window(4 * SECOND, 2 * SECOND));
}

/// Windows of five batches, of which two ran on the new version: those are retained by default.
#[test]
fn no_more_than_the_batches_since_the_swap_is_needed() {
    let window = |ids: &DStream, stamp| ids.flat_map(stamp).window(5 * SECOND, SECOND);
    let mut job = Stamping::fed(traps_at_the_seventh(), &version(1, "honestly"), window);
    job.test.context.settings().retained_inputs = Some(2);
    job.run(4);
    let restarted = SwapRules { restart_windows: true, ..untried() };
    job.swap(version(2, "rarely"), restarted).expect("windows begin anew");
    job.run(8).iter().for_each(is_completed);
    let (old, new) = (vec![1], vec![2]);
    let rows = [4, 8, 12, 16, 4, 8, 20, 20, 20, 20, 20, 20];
    let versions = [&old, &old, &old, &old, &new, &new, &old, &old, &old, &old, &old, &old];
    let expected: Vec<_> = rows.into_iter().zip(versions.map(Clone::clone)).collect();
    assert_eq!(rows_and_versions(&job), expected);
}

/// What is not retained cannot be made again: the job goes on all the same, and says what its
/// windows lack.
#[test]
fn windows_that_stay_short_are_told() {
    let mut job =
        Stamping::fed(traps_at_the_seventh(), &version(1, "honestly"), stamped_then_window);
    job.test.context.settings().retained_inputs = Some(0);
    let (listener, events) = ears();
    job.test.context.add_listener(listener).expect("a thread starts");
    job.run(4);
    let restarted = SwapRules { restart_windows: true, ..untried() };
    job.swap(version(2, "rarely"), restarted).expect("windows begin anew");
    let after = job.run(5);
    after.iter().for_each(is_completed);
    let reason = after[2].code.reason.clone().unwrap_or_default();
    for part in ["this version traps", "its windows lack the batches since the swap"] {
        assert!(reason.contains(part), "{reason}");
    }
    let short =
        |event: &JobEvent| matches!(event, JobEvent::Versions(VersionEvent::ShortWindows { .. }));
    let JobEvent::Versions(event) = wait_for(&events, short) else { unreachable!("it waited") };
    assert!(event.is_a_failure());
    for part in ["lack batches", "the inputs of the last 2 batches are needed"] {
        assert!(event.to_string().contains(part), "{event}");
        assert!(!event.to_string().contains("--restart-windows"), "{event}");
    }
    let rows: Vec<usize> = rows_and_versions(&job).iter().map(|(rows, _)| *rows).collect();
    assert_eq!(rows[6..], [4, 8, 12]);
}

/// The story: a swap made windows again and a rollback did not, so that going forward to the old
/// version was better than going back to it: windows lacked the batches in between.
#[test]
fn who_goes_back_finds_whole_windows_of_the_old_version() {
    let mut job = Stamping::fed(batches(9), &version(1, "honestly"), stamped_then_window);
    job.run(4);
    job.swap(version(2, "honestly"), SwapRules::default()).expect("everything is retained");
    job.run(1);
    job.test.context.roll_back().expect("there is a version before");
    job.run(4).iter().for_each(is_completed);
    let (old, new) = (vec![1], vec![2]);
    let rows = [4, 8, 12, 12, 12, 12, 12, 12, 12];
    let versions = [&old, &old, &old, &old, &new, &old, &old, &old, &old];
    let expected: Vec<_> = rows.into_iter().zip(versions.map(Clone::clone)).collect();
    assert_eq!(rows_and_versions(&job), expected);
}

/// The story: going back by hand left windows short without a word where nothing was retained.
#[test]
fn who_goes_back_by_hand_is_told_of_windows_that_stay_short() {
    let mut job = Stamping::fed(batches(8), &version(1, "honestly"), stamped_then_window);
    job.test.context.settings().retained_inputs = Some(0);
    let (listener, events) = ears();
    job.test.context.add_listener(listener).expect("a thread starts");
    job.run(3);
    let restarted = SwapRules { restart_windows: true, ..untried() };
    job.swap(version(2, "honestly"), restarted).expect("windows begin anew");
    job.run(2);
    job.test.context.roll_back().expect("there is a version before");
    let after = job.run(3);
    let code = &after[0].code;
    let told = code.reason.as_deref().unwrap_or_default();
    assert!(told.starts_with("its windows lack the batches since the swap: "), "{told}");
    assert_eq!((code.revision, &after[1].code.reason), (1, &None));
    wait_for(&events, |event| {
        matches!(event, JobEvent::Versions(VersionEvent::ShortWindows { .. }))
    });
    let rows: Vec<usize> = rows_and_versions(&job).iter().map(|(rows, _)| *rows).collect();
    assert_eq!(rows[5..], [4, 8, 12]);
}

/// The story: while another swap was prepared the job went back at once, and its windows lacked
/// what was retained.
#[test]
fn who_goes_back_while_a_swap_is_prepared_finds_whole_windows() {
    let mut job = Stamping::fed(batches(8), &version(1, "honestly"), stamped_then_window);
    job.run(3);
    job.swap(version(2, "honestly"), SwapRules::default()).expect("everything is retained");
    job.run(2);
    let swaps = job.test.context.swaps().expect("it runs");
    let is_preparing = |swapped: &Result<SwapReport, SwapError>| {
        matches!(swapped, Err(SwapError::Refused(Refusal::Preparing)))
    };
    let code =
        |plugin: &str, behaviour| [(plugin.to_owned(), NewCode::Component(version(3, behaviour)))];
    std::thread::scope(|scope| {
        let prepared = scope.spawn(|| {
            patiently("the swap is tried", || {
                let tried = swaps.swap(&code(PLUGIN, "looping"), SwapRules::default());
                (!is_preparing(&tried)).then_some(tried)
            })
        });
        patiently("a swap is being prepared", || {
            let other = swaps.swap(&code("nobody", "honestly"), SwapRules::default());
            is_preparing(&other).then_some(())
        });
        job.test.context.roll_back().expect("there is a version before");
        let refused = prepared.join().expect("nothing panics");
        assert!(refused.is_err(), "{refused:?}");
    });
    job.run(3).iter().for_each(is_completed);
    let found = rows_and_versions(&job);
    assert_eq!(found[5..], [(12, vec![1]), (12, vec![1]), (12, vec![1])]);
}

/// The story: a rollback made windows first, and what it was to give up began meanwhile.
#[test]
fn swap_that_waits_is_given_up_before_windows_are_made() {
    let mut job = Stamping::fed(batches(8), &version(1, "honestly"), stamped_then_window);
    job.run(3);
    job.swap(version(2, "honestly"), SwapRules::default()).expect("everything is retained");
    job.run(2);
    job.swap(version(3, "honestly"), SwapRules::default()).expect("everything is retained");
    job.test.context.roll_back().expect("a swap waits");
    job.run(1);
    job.test.context.roll_back().expect("there is a version before");
    job.run(2).iter().for_each(is_completed);
    let versions: Vec<_> = rows_and_versions(&job).into_iter().map(|(_, all)| all).collect();
    assert_eq!(versions, [1, 1, 1, 2, 2, 2, 1, 1].map(|version| vec![version]));
}

/// The batch in which the new version fails sees the old windows when it is run again, whole.
#[test]
fn batch_that_is_run_again_sees_the_old_windows() {
    let input = [0, 1, 2, 9, 10, 11, 12].map(|batch| Some(ids(batch, ROWS))).to_vec();
    let mut job = Stamping::fed(input, &version(1, "honestly"), stamped_then_window);
    job.run(3);
    job.swap(version(2, "rarely"), SwapRules::default()).expect("it fails on none of these");
    let after = job.run(3);
    assert_eq!((after[0].code.revision, job.status().code.quarantined.len()), (2, 1));
    // Whether it would be tried or not, and whatever it would fail on then.
    for rules in [untried(), SwapRules::default()] {
        let refused = job.swap(version(2, "rarely"), rules).expect_err("it is quarantined");
        assert!(refused.contains("quarantined for this job"), "{refused}");
    }
    job.run(1).iter().for_each(is_completed);
    let expected: Vec<_> = [4, 8, 12, 12, 12, 12, 12].map(|rows| (rows, vec![1])).to_vec();
    assert_eq!(rows_and_versions(&job), expected);
}
