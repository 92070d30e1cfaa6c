//! Version: what becomes of new versions that run in the shadow of the current ones.
//!
//! Takes how each batch went on them. Gives a verdict with its reason. Never looks at a row: that
//! an output differs is told to it.

use crate::error::Domain;
use crate::limits::SHADOW_PATIENCE;
use crate::model::text::number_of;
use crate::model::version::ShadowStatus;

/// How a batch went in the shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran<'a> {
    /// It ran.
    Through {
        /// Whether an output was another one; `None`: nothing was compared.
        differs: Option<bool>,
        /// Partitions of sources for which there was no time.
        left_out: u64,
    },
    /// It failed, of this and by whose fault.
    Failed(&'a str, Domain),
    /// It did not run: there was no time or no room.
    LeftOut,
}

/// What becomes of the new versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// They stay in the shadow.
    GoesOn,
    /// They run from the next batch on.
    Switches,
    /// They do not.
    Refused {
        /// Why.
        reason: String,
        /// Whether they failed by themselves, and are quarantined.
        is_to_blame: bool,
    },
}

/// Counts a batch, and judges. With `same` every difference is one too many, and a batch of which
/// nothing was compared says nothing.
pub fn judge(status: &mut ShadowStatus, ran: Ran<'_>, same: bool) -> Verdict {
    match ran {
        Ran::Failed(reason, domain) if domain != Domain::External => {
            return Verdict::Refused { reason: reason.to_owned(), is_to_blame: true };
        }
        // A full disk or too little memory is not the new version's fault.
        Ran::Failed(..) | Ran::LeftOut => status.batches_left_out += 1,
        Ran::Through { differs: None, left_out: 0 } if same => {
            let reason = "nothing of it can be compared, and it must give the same: no sink is \
                          given what is made of one batch alone"
                .to_owned();
            return Verdict::Refused { reason, is_to_blame: false };
        }
        Ran::Through { differs: None, left_out } if same => {
            status.batches_left_out += 1;
            status.partitions_left_out += left_out;
        }
        Ran::Through { differs, left_out } => {
            let differs = differs == Some(true);
            status.ran += 1;
            status.differing += u32::from(differs);
            status.partitions_left_out += left_out;
            if differs && same {
                let reason = "it gave other rows, and must give the same".to_owned();
                return Verdict::Refused { reason, is_to_blame: false };
            }
        }
    }
    let (ran, wanted, left_out) = (status.ran, status.batches, status.batches_left_out);
    if ran >= wanted {
        return Verdict::Switches;
    }
    if left_out >= wanted.saturating_mul(SHADOW_PATIENCE) {
        let reason = format!(
            "{} left out, and only {ran} of {wanted} ran: there is too little time or room for a \
             shadow",
            number_of(left_out, "batch was", "batches were")
        );
        return Verdict::Refused { reason, is_to_blame: false };
    }
    Verdict::GoesOn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(batches: u32) -> ShadowStatus {
        ShadowStatus { batches, ..ShadowStatus::default() }
    }

    const SAME: Ran<'_> = Ran::Through { differs: Some(false), left_out: 0 };
    const OTHER: Ran<'_> = Ran::Through { differs: Some(true), left_out: 0 };
    const IN_PART: Ran<'_> = Ran::Through { differs: None, left_out: 3 };
    const BEHIND_A_STATE: Ran<'_> = Ran::Through { differs: None, left_out: 0 };

    #[test]
    fn versions_switch_when_all_their_batches_have_run() {
        let mut status = of(3);
        let verdicts =
            [IN_PART, OTHER, Ran::LeftOut, SAME].map(|ran| judge(&mut status, ran, false));
        let goes_on = Verdict::GoesOn;
        assert_eq!(verdicts, [goes_on.clone(), goes_on.clone(), goes_on, Verdict::Switches]);
        let counted = (status.ran, status.differing, status.batches_left_out);
        assert_eq!((counted, status.partitions_left_out), ((3, 1, 1), 3));
    }

    #[test]
    fn failures_of_their_own_are_blamed_and_others_left_out() {
        let mut status = of(3);
        let full = judge(&mut status, Ran::Failed("disk full", Domain::External), false);
        assert_eq!((full, status.batches_left_out), (Verdict::GoesOn, 1));
        let trapped = judge(&mut status, Ran::Failed("it trapped", Domain::Plugin), false);
        let reason = "it trapped".to_owned();
        assert_eq!(trapped, Verdict::Refused { reason, is_to_blame: true });
    }

    #[test]
    fn differences_are_refused_where_the_same_is_asked_for_and_not_blamed() {
        let verdict = judge(&mut of(3), OTHER, true);
        assert!(matches!(verdict, Verdict::Refused { is_to_blame: false, .. }), "{verdict:?}");
    }

    /// The story: batches of which partitions were left out, or whose sinks stand behind a state,
    /// counted as the same, and a version was let in of which nothing had been compared.
    #[test]
    fn what_was_not_compared_is_not_the_same() {
        let mut status = of(1);
        for _ in 1..SHADOW_PATIENCE {
            assert_eq!(judge(&mut status, IN_PART, true), Verdict::GoesOn);
        }
        let counted = (status.ran, status.batches_left_out, status.partitions_left_out);
        assert_eq!(counted, (0, SHADOW_PATIENCE - 1, 3 * u64::from(SHADOW_PATIENCE - 1)));
        for ran in [IN_PART, BEHIND_A_STATE] {
            let verdict = judge(&mut status, ran, true);
            assert!(matches!(verdict, Verdict::Refused { is_to_blame: false, .. }), "{verdict:?}");
        }
    }

    #[test]
    fn shadow_without_time_ends() {
        let mut status = of(2);
        for _ in 1..2 * SHADOW_PATIENCE {
            assert_eq!(judge(&mut status, Ran::LeftOut, false), Verdict::GoesOn);
        }
        let Verdict::Refused { reason, is_to_blame } = judge(&mut status, Ran::LeftOut, false)
        else {
            panic!("nothing has run in four times as many batches")
        };
        assert!(reason.contains("only 0 of 2 ran") && !is_to_blame, "{reason}");
    }
}
