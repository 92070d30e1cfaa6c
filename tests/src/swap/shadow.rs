//! New versions run in the shadow of live batches before they count.

use tidemill::model::version::{ShadowStatus, SwapRules};

use super::rig::{PLUGIN, Stamping, digest, is_completed, version};
use crate::set_up::patience::patiently;

const ROWS: usize = 10;

fn shadow_of(batches: u32) -> SwapRules {
    // The gate would find what these tests have the shadow find.
    SwapRules { shadow_batches: batches, replay: false, ..SwapRules::default() }
}

/// Waits until the shadow has told of as many batches as are to be done, or has ended.
fn until(job: &Stamping, done: impl Fn(&ShadowStatus) -> bool) -> Option<ShadowStatus> {
    patiently("the shadow goes on", || match job.status().code.shadow {
        Some(shadow) if !done(&shadow) => None,
        ended => Some(ended),
    })
}

/// Runs a batch, and waits for its shadow.
fn run_one(job: &mut Stamping) -> Option<ShadowStatus> {
    let told = |shadow: &ShadowStatus| shadow.ran + shadow.batches_left_out;
    let before = job.status().code.shadow.as_ref().map_or(0, told);
    job.run(1).iter().for_each(is_completed);
    until(job, |shadow| told(shadow) > before)
}

#[test]
fn version_switches_when_it_has_run_its_batches() {
    let mut job = Stamping::over(8, ROWS, "honestly");
    job.run(2);
    let report = job.swap(version(2, "honestly"), shadow_of(3)).expect("it fits");
    assert_eq!(report.shadow_batches, 3);
    let begun = job.status().code;
    assert_eq!(
        (begun.waiting, begun.plugins[PLUGIN].digest.as_str()),
        (None, report.plugins[0].from.digest.as_str())
    );
    // A batch that began before is not in the shadow: the first that does is the third.
    for ran in 1..3 {
        let shadow = run_one(&mut job).expect("it goes on");
        assert_eq!((shadow.ran, shadow.differing, shadow.batches), (ran, ran, 3), "{shadow:?}");
    }
    assert_eq!(run_one(&mut job), None);
    let after = job.run(2);
    assert_eq!(digest(&after[0]), report.plugins[0].to.digest);
    let ledger = job.ledger();
    ledger.is_whole();
    assert_eq!(ledger.versions, [1, 1, 1, 1, 1, 2, 2]);
    assert_eq!(job.status().counters.iter().count(), 0, "nothing of a shadow is counted");
}

#[test]
fn version_that_fails_in_the_shadow_is_refused_and_quarantined() {
    let mut job = Stamping::over(8, ROWS, "honestly");
    job.run(2);
    job.swap(version(2, "rarely"), shadow_of(5)).expect("nothing shows before it runs");
    run_one(&mut job).expect("row 37 is in the fourth batch");
    assert_eq!(run_one(&mut job), None);
    job.run(2).iter().for_each(is_completed);
    let code = job.status().code;
    assert_eq!((code.waiting, code.quarantined.len()), (None, 1));
    let reason = &code.quarantined[0].reason;
    for part in ["in the shadow: ", "partition 1", "one row in a hundred"] {
        assert!(reason.contains(part), "`{part}` is not in: {reason}");
    }
    let refused = job.swap(version(2, "rarely"), shadow_of(5)).expect_err("it is quarantined");
    assert!(refused.contains("quarantined for this job"), "{refused}");
    let ledger = job.ledger();
    ledger.is_whole();
    assert_eq!(ledger.versions, [1; 6]);
    // No live batch was run again for it.
    assert_eq!(job.status().failed_batches, 0);
}

#[test]
fn difference_refuses_where_the_same_is_asked_for_and_blames_nobody() {
    let mut job = Stamping::over(4, ROWS, "honestly");
    job.run(1);
    let rules = SwapRules { same: true, ..shadow_of(3) };
    job.swap(version(2, "honestly"), rules).expect("nothing shows before it runs");
    assert_eq!(run_one(&mut job), None);
    let code = job.status().code;
    assert_eq!((code.waiting, code.quarantined), (None, Vec::new()));
    job.run(1);
    assert_eq!(job.ledger().versions, [1; 3]);
}

/// While versions run in the shadow others are refused; a rollback gives them up.
#[test]
fn one_shadow_at_a_time_and_a_rollback_ends_it() {
    let mut job = Stamping::over(6, ROWS, "honestly");
    job.run(1);
    job.swap(version(2, "honestly"), shadow_of(100)).expect("it fits");
    for rules in [SwapRules::default(), shadow_of(1)] {
        let refused = job.swap(version(3, "honestly"), rules).expect_err("one is there");
        assert!(refused.contains("run in the shadow"), "{refused}");
    }
    run_one(&mut job).expect("it goes on");
    job.test.context.roll_back().expect("it gives the shadow up");
    assert_eq!(job.status().code.shadow, None);
    job.swap(version(3, "honestly"), SwapRules::default()).expect("nothing is in its way");
    job.run(1);
    job.ledger().is_whole();
    assert_eq!(job.ledger().versions, [1, 1, 3]);
}

/// The share of time is next to nothing: of each batch that gets a turn one partition is run.
#[test]
fn partitions_beyond_the_share_are_left_out_and_counted() {
    let mut job = Stamping::over(40, ROWS, "honestly");
    job.run(1);
    let rules = SwapRules { shadow_share: 1e-9, ..shadow_of(3) };
    job.swap(version(2, "honestly"), rules).expect("it fits");
    let shadow = run_one(&mut job).expect("it goes on");
    assert_eq!((shadow.ran, shadow.partitions_left_out, shadow.differing), (1, 1, 0));
    // What the first took is taken off the next ones' share, for longer than this test.
    let shadow = run_one(&mut job).expect("it goes on");
    assert_eq!((shadow.ran, shadow.batches_left_out), (1, 1));
    while run_one(&mut job).is_some() {}
    let code = job.status().code;
    assert_eq!((code.waiting, code.quarantined), (None, Vec::new()), "nobody is to blame");
    job.run(1);
    let ledger = job.ledger();
    ledger.is_whole();
    assert!(ledger.versions.iter().all(|version| *version == 1));
}

#[test]
fn batches_that_are_too_large_are_left_out() {
    let mut job = Stamping::over(4, 10_000, "honestly");
    job.test.context.settings().retained_input_bytes = 10_000;
    job.run(1);
    job.swap(version(2, "honestly"), shadow_of(2)).expect("it fits");
    let shadow = run_one(&mut job).expect("it goes on");
    assert_eq!((shadow.ran, shadow.batches_left_out), (0, 1));
}

/// A job that retains nothing still has a shadow: its batches are held for as long as that takes.
#[test]
fn job_that_retains_nothing_has_a_shadow_too() {
    let mut job = Stamping::over(4, ROWS, "honestly");
    job.test.context.settings().retained_inputs = Some(0);
    job.run(1);
    job.swap(version(2, "honestly"), shadow_of(1)).expect("it fits");
    assert_eq!(run_one(&mut job), None);
    job.run(1);
    assert_eq!(job.ledger().versions, [1, 1, 2]);
    assert_eq!(job.status().retained.batches, 0);
}
