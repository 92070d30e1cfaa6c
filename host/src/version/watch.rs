//! Version: what becomes of a batch when all its tasks have ended: it counts, or it is run again on
//! the versions before.
//!
//! Takes how the batch went, and what is watched. Gives a verdict with its reason. Never sends a
//! batch round in circles: one that was run again is judged as any other, and its versions are not
//! watched.

use super::effort::{Effort, Usual};
use crate::error::Domain;
use crate::model::text::number_of;

/// New versions that are watched.
#[derive(Debug, Clone)]
pub struct Watch {
    /// For how many batches more.
    pub batches_left: u32,
    /// So many times the usual CPU time a row is a failure.
    pub slower_max: Option<f64>,
    /// What the old versions took.
    pub usual: Usual,
}

/// How a batch went on the versions before, where it was run on those as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOld {
    /// It failed.
    Failed,
    /// It did not, without so many rows with which calls failed.
    Poison(u64),
}

/// How a batch went.
#[derive(Debug, Clone, Copy)]
pub struct Went<'a> {
    /// Whether it failed, of what, and whose fault that is.
    pub failure: Option<(&'a str, Domain)>,
    /// Its work.
    pub effort: Effort,
    /// Rows that were taken out of it because calls failed with them.
    pub poison: u64,
    /// How it went on the versions before, if that is known.
    pub on_old: Option<OnOld>,
    /// Whether it ran on versions that the job has gone back from meanwhile.
    pub is_revoked: bool,
    /// Whether it ran on versions that were watched when others were swapped in, or the ones before
    /// them: nobody watches them any more.
    pub is_left_behind: bool,
    /// Whether it was run again, on the versions that are current.
    pub is_again: bool,
    /// The watch over its versions, if they are watched.
    pub watch: Option<&'a Watch>,
}

/// What becomes of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is published.
    Counts,
    /// It is published, and its versions have been watched for one batch more.
    CountsWatched,
    /// It is run on the versions before as well, to see whether those fail with as many rows; then
    /// it is judged once more.
    Compare,
    /// The job goes back, and the batch is run again. What it ran on is quarantined.
    GoBack {
        /// Why.
        reason: String,
    },
    /// The job has other versions already: the batch is run again on what is current.
    RunAgain,
    /// It has failed: the job's policy decides.
    Fails,
    /// It has failed on the old versions as it did on the new ones: those are not to blame.
    FailsOnBoth,
}

/// Judges a batch whose tasks have ended.
pub fn judge(went: &Went<'_>) -> Verdict {
    if went.is_revoked {
        return Verdict::RunAgain;
    }
    match (went.failure, went.watch) {
        // A full disk or a lost file is not the new version's fault.
        (Some((reason, domain)), Some(_)) if domain != Domain::External => {
            Verdict::GoBack { reason: reason.to_owned() }
        }
        (Some((_, domain)), None) if went.is_left_behind && domain != Domain::External => {
            Verdict::RunAgain
        }
        (Some((_, domain)), _) if went.is_again && domain != Domain::External => {
            Verdict::FailsOnBoth
        }
        (Some(_), _) => Verdict::Fails,
        // Who looks for rows to take out takes long, on any version.
        (None, Some(_)) if went.poison > 0 => poisoned(went.poison, went.on_old),
        (None, Some(watch)) => match slower(watch, went.effort) {
            Some(reason) => Verdict::GoBack { reason },
            None => Verdict::CountsWatched,
        },
        (None, None) => Verdict::Counts,
    }
}

/// Rows with which the old versions fail too are the stream's own: a version is to blame for those
/// that it adds.
fn poisoned(poison: u64, on_old: Option<OnOld>) -> Verdict {
    match on_old {
        None => Verdict::Compare,
        Some(OnOld::Poison(old)) if old < poison => {
            let rows = number_of(poison, "row", "rows");
            Verdict::GoBack {
                reason: format!("calls failed with {rows}, on the old version with {old}"),
            }
        }
        Some(OnOld::Poison(_) | OnOld::Failed) => Verdict::CountsWatched,
    }
}

fn slower(watch: &Watch, effort: Effort) -> Option<String> {
    let times_max = watch.slower_max?;
    let times = watch.usual.exceeded_by(effort, times_max)?;
    Some(format!(
        "a row took {times:.1} times the CPU time that it took on the old version, allowed are \
         {times_max:.1}"
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn watch(slower_max: Option<f64>) -> Watch {
        let mut usual = Usual::default();
        usual.add(Effort { cpu: Duration::from_millis(100), rows: 100 });
        Watch { batches_left: 3, slower_max, usual }
    }

    fn went(failure: Option<(&str, Domain)>, watch: Option<&Watch>) -> Verdict {
        let effort = Effort { cpu: Duration::from_millis(500), rows: 100 };
        judge(&Went { failure, effort, watch, ..WELL })
    }

    /// A batch that went well on versions that nobody watches.
    const WELL: Went<'static> = Went {
        failure: None,
        effort: Effort { cpu: Duration::ZERO, rows: 0 },
        poison: 0,
        on_old: None,
        is_revoked: false,
        is_left_behind: false,
        is_again: false,
        watch: None,
    };

    #[test]
    fn rows_that_only_new_versions_fail_with_are_their_fault() {
        let watch = watch(None);
        let of = |poison, on_old| judge(&Went { poison, on_old, watch: Some(&watch), ..WELL });
        assert_eq!(of(0, None), Verdict::CountsWatched);
        assert_eq!(of(2, None), Verdict::Compare);
        for on_old in [OnOld::Poison(2), OnOld::Poison(3), OnOld::Failed] {
            assert_eq!(of(2, Some(on_old)), Verdict::CountsWatched, "{on_old:?}");
        }
        let Verdict::GoBack { reason } = of(2, Some(OnOld::Poison(1))) else {
            panic!("it fails with one row more")
        };
        assert_eq!(reason, "calls failed with 2 rows, on the old version with 1");
        assert_eq!(judge(&Went { poison: 2, ..WELL }), Verdict::Counts, "nobody watches");
    }

    #[test]
    fn batch_that_fails_on_new_versions_is_run_again_on_the_old_ones() {
        let watch = watch(None);
        let back = Verdict::GoBack { reason: "it trapped".to_owned() };
        for domain in [Domain::Plugin, Domain::User, Domain::Internal] {
            assert_eq!(went(Some(("it trapped", domain)), Some(&watch)), back);
        }
        assert_eq!(went(Some(("disk full", Domain::External)), Some(&watch)), Verdict::Fails);
        assert_eq!(went(Some(("it trapped", Domain::Plugin)), None), Verdict::Fails);
    }

    #[test]
    fn slow_versions_are_gone_back_from_where_that_is_asked() {
        assert_eq!(went(None, Some(&watch(None))), Verdict::CountsWatched);
        assert_eq!(went(None, Some(&watch(Some(6.0)))), Verdict::CountsWatched);
        let Verdict::GoBack { reason } = went(None, Some(&watch(Some(4.0)))) else {
            panic!("five times is more than four")
        };
        assert!(reason.contains("5.0 times") && reason.contains("allowed are 4.0"), "{reason}");
        assert_eq!(went(None, None), Verdict::Counts);
    }

    #[test]
    fn batch_that_fails_on_both_follows_the_jobs_policy() {
        let failure = Some(("bad row", Domain::Plugin));
        let again = Went { failure, is_again: true, ..WELL };
        assert_eq!(judge(&again), Verdict::FailsOnBoth);
        let failure = Some(("disk full", Domain::External));
        assert_eq!(judge(&Went { failure, ..again }), Verdict::Fails);
        assert_eq!(judge(&Went { failure: None, ..again }), Verdict::Counts);
    }

    #[test]
    fn batch_that_fails_on_versions_that_nobody_watches_any_more_is_run_again() {
        let failure = Some(("it trapped", Domain::Plugin));
        let left = Went { failure, is_left_behind: true, ..WELL };
        assert_eq!(judge(&left), Verdict::RunAgain);
        let failure = Some(("disk full", Domain::External));
        assert_eq!(judge(&Went { failure, ..left }), Verdict::Fails);
        assert_eq!(judge(&Went { failure: None, ..left }), Verdict::Counts);
    }

    #[test]
    fn batches_of_versions_that_are_gone_are_run_again_whatever_they_did() {
        let revoked = Went { is_revoked: true, ..WELL };
        assert_eq!(judge(&revoked), Verdict::RunAgain);
        let failure = Some(("cancelled", Domain::Internal));
        assert_eq!(judge(&Went { failure, ..revoked }), Verdict::RunAgain);
    }
}
