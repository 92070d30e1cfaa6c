//! Versions that are broken, each in its own way: the job goes back, the batch is run again, and
//! the version is not let in once more.

use tidemill::model::status::{BatchInfo, BatchOutcome};
use tidemill::model::version::SwapRules;

use super::rig::{Ledger, PLUGIN, Stamping, digest, is_completed, untried, version};
use crate::border::handmade::Handmade;
use crate::job_rig::{component, scratch};

const ROWS: usize = 10;
const BATCHES: usize = 12;

/// Swaps to a version that behaves so after two batches, and runs on. Gives the batches after the
/// swap, and what came out.
fn swapped_to(
    first: &str,
    behaviour: &str,
    rules: SwapRules,
) -> (Vec<BatchInfo>, Ledger, Stamping) {
    let mut job = Stamping::over(BATCHES, ROWS, first);
    let before = job.run(2);
    let report = job.swap(version(2, behaviour), rules).expect("nothing shows before it runs");
    assert_eq!(report.plugins[0].from.digest, digest(&before[1]));
    let after = job.run(BATCHES - 2);
    after.iter().for_each(is_completed);
    let ledger = job.ledger();
    ledger.is_whole();
    (after, ledger, job)
}

/// The version fails at once: every row is stamped by the old one.
#[track_caller]
fn is_rolled_back(behaviour: &str, why: &str) {
    let (after, ledger, job) = swapped_to("honestly", behaviour, untried());
    assert_eq!(ledger.versions, [1; BATCHES]);
    is_quarantined(&job, behaviour, why);
    assert_eq!(after[0].code.revision, 2);
    let reason = after[0].code.reason.as_deref().expect("it was run again");
    assert!(reason.contains(why), "`{why}` is not in: {reason}");
    assert!(after[1..].iter().all(|batch| batch.code.revision == 1), "there is no flapping");
}

#[track_caller]
fn is_quarantined(job: &Stamping, behaviour: &str, why: &str) {
    let code = job.status().code;
    assert_eq!(code.quarantined.len(), 1, "{code:?}");
    let reason = &code.quarantined[0].reason;
    assert!(reason.contains(why), "`{why}` is not in: {reason}");
    assert_eq!((code.previous, code.watched_batches), (None, None));
    let refused = job.swap(version(2, behaviour), untried());
    let refused = refused.expect_err("it is quarantined");
    assert!(refused.contains("quarantined for this job") && refused.contains(why), "{refused}");
}

#[test]
fn version_that_traps_is_rolled_back() {
    is_rolled_back("trapping", "this version traps");
}

#[test]
fn version_that_loops_is_rolled_back() {
    is_rolled_back("looping", "cpu time");
}

#[test]
fn version_that_floods_is_rolled_back() {
    is_rolled_back("flooding", "stamped.stamp");
}

#[test]
fn version_that_hoards_is_rolled_back() {
    is_rolled_back("hoarding", "memory");
}

/// The batches that it did not fail are its own; the first that it failed, and all that follow, are
/// the old version's.
#[test]
fn version_that_traps_rarely_is_rolled_back_at_its_first_trap() {
    let (after, ledger, job) = swapped_to("honestly", "rarely", untried());
    assert_eq!(ledger.versions, [1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1], "row 37 is in batch 3");
    assert_eq!(after.iter().filter(|batch| batch.code.revision == 2).count(), 1);
    is_quarantined(&job, "rarely", "one row in a hundred");
}

#[test]
fn version_that_is_slow_is_rolled_back_where_that_is_asked() {
    let rules = SwapRules { slower_max: Some(2.5), ..SwapRules::default() };
    let (_, ledger, job) = swapped_to("working", "slowly", rules);
    assert_eq!(ledger.versions, [1; BATCHES]);
    is_quarantined(&job, "slowly", "times the CPU time that it took on the old version");
    let (_, ledger, _) = swapped_to("working", "slowly", SwapRules::default());
    assert_eq!(ledger.versions[2..], [2; BATCHES - 2], "nobody asked");
}

#[test]
fn version_of_another_schema_never_runs() {
    let mut job = Stamping::over(3, ROWS, "honestly");
    let before = job.run(1);
    let refused = job.swap(component("restamped"), SwapRules::default()).expect_err("a text");
    for part in ["_2: utf8", "_2: int64"] {
        assert!(refused.contains(part), "`{part}` is not in: {refused}");
    }
    let after = job.run(2);
    assert!(after.iter().all(|batch| digest(batch) == digest(&before[0])));
    job.ledger().is_whole();
    assert_eq!(job.status().code.waiting, None);
}

#[test]
fn version_whose_start_function_traps_never_runs() {
    let mut job = Stamping::over(3, ROWS, "honestly");
    let before = job.run(1);
    let fields = "(func $start unreachable) (start $start)".to_owned();
    let file = scratch("stamped").join("start-traps.wasm");
    let bytes = Handmade { fields, ..Handmade::default() }.component();
    std::fs::write(&file, bytes).expect("there is room");
    let refused = job.swap(file, SwapRules::default()).expect_err("it cannot be started");
    assert!(refused.contains(&format!("plugin `{PLUGIN}` cannot be used")), "{refused}");
    let after = job.run(2);
    assert!(after.iter().all(|batch| digest(batch) == digest(&before[0])));
    job.ledger().is_whole();
}

/// The old version fails the batch too: the new one is not to blame, and may come again.
#[test]
fn batch_that_fails_on_both_follows_the_jobs_policy() {
    let mut job = Stamping::over(6, ROWS, "rarely");
    job.run(2);
    job.swap(version(2, "rarely"), SwapRules::default()).expect("it fits");
    let after = job.run(4);
    let failed = |batch: &BatchInfo| batch.outcome != BatchOutcome::Completed;
    let failed: Vec<bool> = after.iter().map(failed).collect();
    assert_eq!(failed, [false, true, false, false], "row 37 is in batch 3");
    assert_eq!(after[1].code.revision, 2);
    let ledger = job.ledger();
    assert_eq!(ledger.versions, [1, 1, 2, 1, 1]);
    assert_eq!(ledger.lost, (30..40).collect::<Vec<_>>(), "the job skips a failed batch");
    assert_eq!(job.status().code.quarantined, []);
    job.swap(version(2, "rarely"), SwapRules::default()).expect("it is not quarantined");
}

#[test]
fn quarantined_version_comes_again_only_when_forced() {
    let (_, _, mut job) = swapped_to("honestly", "trapping", untried());
    let rules = SwapRules { force: true, ..untried() };
    job.swap(version(2, "trapping"), rules).expect("it is forced");
    let again = job.test.run(1).expect("it runs").remove(0);
    // The batch is empty: nothing traps.
    assert_eq!((again.code.revision, again.rows_in), (1, 0));
    assert_eq!(job.status().code.quarantined, []);
}
