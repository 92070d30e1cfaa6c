//! Driver: new versions in the shadow of the current ones, as the loop knows them.
//!
//! Takes live batches that have ended, and how they went in the shadow. Gives the swap its place
//! when all of them are through, or refuses it. Never runs anything itself.

use std::sync::Arc;

use super::{SharedVersion, Versions, Waiting, changed};
use crate::driver::shadow::{Shadow, ShadowBatch, ShadowOutcome, ShadowRan};
use crate::driver::status_board::StatusBoard;
use crate::model::version::{Quarantined, ShadowStatus, ShadowedBatch, SwapRules, VersionEvent};
use crate::version::shadow::{Ran, Verdict, judge};

/// New versions that run in the shadow.
#[derive(Debug)]
pub(super) struct Shadowing {
    version: SharedVersion,
    rules: SwapRules,
    shadow: Shadow,
    status: ShadowStatus,
}

impl Shadowing {
    pub(super) fn status(&self) -> ShadowStatus {
        self.status.clone()
    }
}

impl Versions {
    /// Whether live batches are wanted in the shadow.
    pub fn is_shadowing(&self) -> bool {
        self.shadowing.is_some()
    }

    pub(super) fn begin_shadow(
        &mut self,
        (version, rules): (SharedVersion, SwapRules),
        shadow: Shadow,
        board: &StatusBoard,
    ) {
        let (plugins, batches) = (Arc::clone(&version.told), rules.shadow_batches);
        let status = ShadowStatus { plugins: Arc::clone(&plugins), batches, ..Default::default() };
        self.shadowing = Some(Shadowing { version, rules, shadow, status });
        self.tell(VersionEvent::ShadowBegun { plugins, batches }, board);
    }

    /// The swap is not done, and nobody is to blame.
    pub(super) fn give_up_shadow(&mut self, board: &StatusBoard) -> bool {
        let Some(Shadowing { version, .. }) = self.shadowing.take() else { return false };
        let plugins = Arc::clone(&version.told);
        self.tell(VersionEvent::GivenUp { plugins }, board);
        true
    }

    /// Hands over a batch that has succeeded; `None`: it is too large. Gives whether it will run.
    pub fn shadow(&mut self, batch: Option<ShadowBatch>, board: &StatusBoard) -> bool {
        let Some(shadowing) = &self.shadowing else { return false };
        let is_current = |batch: &ShadowBatch| batch.batch.version.number == self.current.number;
        if let Some(batch) = batch {
            if !is_current(&batch) {
                return false;
            }
            if shadowing.shadow.give(batch) {
                return true;
            }
        }
        self.judge_shadow(Ran::LeftOut, "", board);
        false
    }

    /// A batch was run in the shadow. Gives what is told of it, unless the shadow has ended.
    pub fn shadowed(&mut self, ran: &ShadowRan, board: &StatusBoard) -> Option<ShadowedBatch> {
        let ours = |shadowing: &&Shadowing| shadowing.version.number == ran.number;
        let shadowing = self.shadowing.as_ref().filter(ours)?;
        let mut told = ShadowedBatch {
            time: ran.time,
            plugins: Arc::clone(&shadowing.version.told),
            differs: None,
            lines: Vec::new(),
            cpu: ran.cpu,
            partitions_left_out: 0,
            failure: None,
        };
        let facts = match &ran.outcome {
            ShadowOutcome::NoTime => {
                self.judge_shadow(Ran::LeftOut, "", board);
                return None;
            }
            ShadowOutcome::Through { differs, lines, left_out } => {
                (told.differs, told.partitions_left_out) = (*differs, *left_out);
                told.lines.clone_from(lines);
                Ran::Through { differs: *differs, left_out: *left_out }
            }
            ShadowOutcome::Failed { reason, blame } => {
                told.failure = Some(reason.clone());
                Ran::Failed(reason, *blame)
            }
        };
        self.tell(VersionEvent::Shadowed(told.clone()), board);
        let at = format!("batch {} in the shadow: ", ran.time.of_day());
        self.judge_shadow(facts, &at, board);
        Some(told)
    }

    fn judge_shadow(&mut self, ran: Ran<'_>, at: &str, board: &StatusBoard) {
        let Some(shadowing) = &mut self.shadowing else { return };
        let verdict = judge(&mut shadowing.status, ran, shadowing.rules.same);
        match verdict {
            Verdict::GoesOn => {}
            Verdict::Switches => {
                let Some(Shadowing { version, rules, status, .. }) = self.shadowing.take() else {
                    return;
                };
                // Before it is told: they are needed from the shadow to the swap.
                self.waiting = Some(Waiting::Swap { version, rules });
                self.tell(VersionEvent::ShadowPassed(status), board);
            }
            Verdict::Refused { reason, is_to_blame } => {
                let Some(Shadowing { version, .. }) = self.shadowing.take() else { return };
                let reason = format!("{at}{reason}");
                let bad = changed(&version, &self.current).filter(|_| is_to_blame);
                let quarantined: Vec<Quarantined> = bad
                    .map(|(plugin, version)| Quarantined {
                        plugin: plugin.clone(),
                        version: version.clone(),
                        reason: reason.clone(),
                    })
                    .collect();
                quarantined.iter().for_each(|version| self.quarantine.put(version.clone()));
                let plugins = Arc::clone(&version.told);
                self.tell(VersionEvent::ShadowRefused { plugins, reason, quarantined }, board);
            }
        }
    }
}
