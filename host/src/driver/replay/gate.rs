//! Driver: whether new versions run what the job has run.
//!
//! Takes the versions that are current and those that are to come. Gives what is different in the
//! last batches, or the reason why the new ones are not let in. Never changes the job.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::run::{Output, Replayed, by_name};
use super::{Replayer, compared};
use crate::driver::error::DriverError;
use crate::driver::job_version::SharedVersion;
use crate::driver::retained::RetainedBatch;
use crate::error::Domain;
use crate::model::replay::{ComparedBatch, ComparedOutput, GateReport};
use crate::model::text::number_of;
use crate::version::admission::Refusal;
use crate::version::replayable::Replayable;

/// Why new versions are not let in.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// They failed, or gave something else.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// They cannot be bound: a bug of the host.
    #[error(transparent)]
    Unfit(#[from] DriverError),
}

impl Replayer {
    /// Runs the retained batches on both. With `same` every difference is a refusal, and so is that
    /// nothing can be compared.
    pub fn gate(
        &self,
        current: &SharedVersion,
        new: &SharedVersion,
        same: bool,
    ) -> Result<GateReport, GateError> {
        let unheard = |version: &SharedVersion| self.unheard_as(version).map_err(GateError::Unfit);
        let (before, after) = (unheard(current)?, unheard(new)?);
        let _alone = self.alone();
        let left_out = Replayable::of(&new.plan).left_out;
        let mut report = GateReport { left_out, ..GateReport::default() };
        report.not_tried.extend(self.retained.told());
        for batch in self.retained.to_try() {
            let tried = self.try_batch(&batch, &before, &after);
            match tried.map_err(GateError::Refused)? {
                Tried::Compared(compared) => {
                    if let Some(refusal) = differs(&compared).filter(|_| same) {
                        return Err(GateError::Refused(refusal));
                    }
                    report.batches.push(compared);
                }
                Tried::Not(reason) => report.not_tried.push(reason),
            }
        }
        let compared = report.batches.iter().any(|batch| !batch.outputs.is_empty());
        if same && !compared {
            let reasons = report.not_tried.iter().chain(&report.left_out);
            let reasons = reasons.cloned().collect::<Vec<_>>().join("; ");
            return Err(GateError::Refused(Refusal::NotCompared { reasons }));
        }
        Ok(report)
    }

    fn try_batch(
        &self,
        batch: &Arc<RetainedBatch>,
        before: &SharedVersion,
        after: &SharedVersion,
    ) -> Result<Tried, Refusal> {
        let time = batch.time.of_day();
        let new = self.run(batch, after, None, None).1;
        let old = self.run(batch, before, None, None).1;
        Ok(match (old, new) {
            // As a live batch would: it would be gone back from for them.
            (Ok(old), Ok(new)) if new.poison > old.poison => {
                let reason = more_poison(new.poison, old.poison);
                return Err(Refusal::Replay { batch: time, reason });
            }
            (Ok(old), Ok(new)) => Tried::Compared(compare_batch(batch, old, new)),
            (Ok(_), Err(stopped)) if stopped.blame != Domain::External => {
                let (batch, reason) = (time.to_string(), stopped.message);
                return Err(Refusal::Replay { batch, reason });
            }
            (Ok(_), Err(stopped)) => Tried::Not(format!("batch {time}: {}", stopped.message)),
            (Err(stopped), _) => Tried::Not(format!(
                "batch {time}: it fails on the current version too when it is run again: {}",
                stopped.message
            )),
        })
    }
}

/// What is told of a version whose calls fail with more rows than the current one's.
pub(super) fn more_poison(new: u64, old: u64) -> String {
    let rows = number_of(new, "row", "rows");
    format!("calls fail with {rows}, with {old} on the current version")
}

enum Tried {
    Compared(ComparedBatch),
    Not(String),
}

fn compare_batch(batch: &RetainedBatch, before: Replayed, after: Replayed) -> ComparedBatch {
    let mut old: BTreeMap<String, Output> = by_name(before.outputs);
    let outputs = after.outputs.iter().filter_map(|output| compared(&mut old, output));
    ComparedBatch {
        time: batch.time,
        rows: batch.rows,
        cpu: (before.cpu, after.cpu),
        rejected: (before.rejected, after.rejected),
        outputs: outputs.collect(),
    }
}

/// The first difference of a batch.
fn differs(batch: &ComparedBatch) -> Option<Refusal> {
    let time = batch.time.of_day().to_string();
    if let Some(output) = batch.outputs.iter().find(|output| !output.is_same()) {
        let ComparedOutput { name, lines, gone, come, .. } = output;
        let (output, lines) = (name.clone(), lines.clone());
        return Some(Refusal::Differs { batch: time, output, rows: (*gone, *come), lines });
    }
    let (before, after) = batch.rejected;
    (before != after).then(|| Refusal::Differs {
        batch: time,
        output: "rejected rows".to_owned(),
        rows: (before, after),
        lines: Vec::new(),
    })
}
