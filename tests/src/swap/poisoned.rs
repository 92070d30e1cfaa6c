//! Versions that fail with single rows, in a job that takes such rows out: those with which the old
//! version fails too are the stream's, the others are the new version's fault.

use std::path::PathBuf;

use serde_json::Value;
use tidemill::api::dstream::DStream;
use tidemill::model::operation::OperatorRef;
use tidemill::model::policy::OnBadRow;
use tidemill::model::status::BatchInfo;
use tidemill::model::version::SwapRules;

use super::rig::{Stamping, digest, is_completed, untried, version};
use crate::job_rig::scratch;
use crate::lifecycle::rig::SECOND;

const ROWS: usize = 10;
const BATCHES: usize = 8;

/// A job that runs version 1 for two batches and then version 2, and has taken out what they fail
/// with.
struct Swapped {
    job: Stamping,
    after: Vec<BatchInfo>,
    letters: PathBuf,
}

impl Swapped {
    fn from_to(name: &str, first: &str, second: &str) -> Self {
        Self::through(name, (first, second), |ids, stamp| ids.flat_map(stamp))
    }

    fn through(
        name: &str,
        (first, second): (&str, &str),
        build: impl Fn(&DStream, OperatorRef) -> DStream,
    ) -> Self {
        let mut job = Stamping::through(BATCHES, ROWS, first, build);
        let letters = scratch("poisoned").join(format!("{name}.jsonl"));
        // Left by an earlier run of this test, if by anything.
        let _removed = std::fs::remove_file(&letters);
        job.test.context.settings().on_rejected = OnBadRow::DeadLetter(letters.clone());
        job.test.context.settings().poison_rows_max = 16;
        job.run(2);
        job.swap(version(2, second), untried()).expect("nothing shows before it runs");
        let after = job.run(BATCHES - 2);
        after.iter().for_each(is_completed);
        Self { job, after, letters }
    }

    fn letters(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.letters).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
    }

    /// Nobody was blamed, and no batch counts that was run again.
    #[track_caller]
    fn stays(&self) {
        assert_eq!(self.job.status().code.quarantined, []);
        assert!(self.after.iter().all(|batch| batch.code.revision == 1));
    }

    #[track_caller]
    fn is_blamed_for(&self, why: &str) {
        let quarantined = self.job.status().code.quarantined;
        assert!(quarantined.len() == 1 && quarantined[0].reason.contains(why), "{quarantined:?}");
        let again = self.after.iter().filter(|batch| batch.code.revision == 2);
        let reasons: Vec<_> = again.map(|batch| batch.code.reason.as_deref()).collect();
        assert!(matches!(reasons[..], [Some(reason)] if reason.starts_with(why)), "{reasons:?}");
    }
}

/// The story: batches were smaller than the rows that may be taken out of one, and a version that
/// failed with every row ran on: all rows were letters, and no batch failed.
#[test]
fn version_that_fails_with_every_row_is_rolled_back() {
    let swapped = Swapped::from_to("every", "honestly", "trapping");
    let ledger = swapped.job.ledger();
    ledger.is_whole();
    assert_eq!(ledger.versions, [1; BATCHES]);
    swapped.is_blamed_for("calls failed with 10 rows, on the old version with 0; 10 rows ");
    let reason = &swapped.job.status().code.quarantined[0].reason;
    assert!(reason.contains("this version traps"), "{reason}");
    assert_eq!(swapped.letters(), [] as [Value; 0], "what it failed with came out");
}

#[test]
fn version_that_fails_with_one_row_more_is_rolled_back() {
    let swapped = Swapped::from_to("rarely", "honestly", "rarely");
    let ledger = swapped.job.ledger();
    ledger.is_whole();
    assert_eq!(ledger.versions, [1, 1, 2, 1, 1, 1, 1, 1], "row 37 is in batch 3");
    swapped.is_blamed_for("calls failed with 1 row, on the old version with 0");
    assert_eq!(swapped.letters(), [] as [Value; 0]);
}

#[test]
fn rows_with_which_both_fail_are_the_streams() {
    let swapped = Swapped::from_to("both", "rarely", "rarely");
    let ledger = swapped.job.ledger();
    assert_eq!((ledger.versions, ledger.mixed), (vec![1, 1, 2, 2, 2, 2, 2, 2], 0));
    assert_eq!((ledger.lost, ledger.repeated), (vec![37], vec![]));
    swapped.stays();
    let letters = swapped.letters();
    assert_eq!(letters.len(), 1, "it is a letter once: {letters:?}");
    assert_eq!(letters[0]["plugin_digest"], digest(&swapped.after[1]), "of the run that counts");
}

#[test]
fn version_that_fails_with_fewer_rows_stays() {
    let swapped = Swapped::from_to("fewer", "trapping", "rarely");
    let ledger = swapped.job.ledger();
    assert_eq!(ledger.versions, [2; BATCHES - 2], "the first two are letters");
    swapped.stays();
    assert_eq!(swapped.letters().len(), 2 * ROWS + 1);
}

/// What windows read is that of the version that counts, also behind a batch that was run on both.
#[test]
fn comparison_leaves_windows_as_they_are() {
    let swapped = Swapped::through("windows", ("rarely", "rarely"), |ids, stamp| {
        ids.flat_map(stamp).window(2 * SECOND, SECOND)
    });
    let ledger = swapped.job.ledger();
    assert_eq!((ledger.versions, ledger.mixed), (vec![1, 1, 2, 2, 2, 2, 2, 2], 0));
    assert_eq!(ledger.lost, [37]);
    swapped.stays();
    assert_eq!(swapped.letters().len(), 1);
}

/// The story: it was let in with a row less, which a live batch would have gone back for, and
/// windows that were made again lacked the row for good.
#[test]
fn version_that_fails_with_a_row_of_a_retained_batch_is_refused() {
    let mut job = Stamping::over(5, ROWS, "honestly");
    job.test.context.settings().on_rejected =
        OnBadRow::DeadLetter(scratch("poisoned").join("tried.jsonl"));
    job.test.context.settings().poison_rows_max = 16;
    // The fourth has ids 30 to 39, and the new version traps at 37.
    job.run(4);
    let refused = job.swap(version(2, "rarely"), SwapRules::default());
    let refused = refused.expect_err("the current one takes the row");
    for part in ["calls fail with 1 row, with 0 on the current version", "--no-replay"] {
        assert!(refused.contains(part), "{refused}");
    }
    job.run(1).iter().for_each(is_completed);
    job.ledger().is_whole();
}

/// The same of a batch that is tried by no replay, and that windows look back to.
#[test]
fn version_that_fails_with_a_row_that_windows_have_is_refused() {
    let window = |ids: &DStream, stamp| ids.flat_map(stamp).window(7 * SECOND, SECOND);
    let mut job = Stamping::through(9, ROWS, "honestly", window);
    job.test.context.settings().on_rejected =
        OnBadRow::DeadLetter(scratch("poisoned").join("windows.jsonl"));
    job.test.context.settings().poison_rows_max = 16;
    job.run(8);
    let refused = job.swap(version(2, "rarely"), SwapRules::default());
    let refused = refused.expect_err("windows would lack the row");
    for part in ["calls fail with 1 row, with 0 on the current version", "--restart-windows"] {
        assert!(refused.contains(part), "{refused}");
    }
    job.run(1).iter().for_each(is_completed);
}
