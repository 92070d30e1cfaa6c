//! Driver: one live batch on new versions, against what its sinks were given.
//!
//! Takes the batch, its outputs and how much time there is. Gives whether they differ. Never runs
//! the current versions: what they made is there.

use std::time::Duration;

use arrow_array::RecordBatch;

use super::Replayer;
use super::compare::compare;
use super::run::{Replayed, Stopped};
use crate::driver::history::DatasetPartition;
use crate::driver::job_version::SharedVersion;
use crate::driver::retained::RetainedBatch;
use crate::error::Domain;
use crate::model::id::SinkId;
use crate::version::replayable::Replayable;

/// What came of it.
pub struct Shadowed {
    /// CPU time of its tasks.
    pub cpu: Duration,
    /// Whether an output was another one; `None`: not all of it ran, or no sink is given what it
    /// makes of one batch alone.
    pub differs: Option<bool>,
    /// The first rows that differ.
    pub lines: Vec<String>,
    /// Partitions of sources for which there was no time.
    pub left_out: u64,
}

impl Replayer {
    /// Runs a batch for so long and compares it.
    ///
    /// # Errors
    /// With the CPU time that was spent, why it failed, and whose fault that is.
    pub fn shadow(
        &self,
        batch: &RetainedBatch,
        version: &SharedVersion,
        cpu_max: Duration,
        given: &[(SinkId, Vec<DatasetPartition>)],
    ) -> Result<Shadowed, (Duration, String, Domain)> {
        let _alone = self.alone();
        let ran = self.run(batch, version, None, Some(cpu_max)).1;
        let failed = |Stopped { message, blame, cpu }| (cpu, message, blame);
        let Replayed { outputs, cpu, partitions_left_out, .. } = ran.map_err(failed)?;
        let mut shadowed =
            Shadowed { cpu, differs: None, lines: Vec::new(), left_out: partitions_left_out };
        let is_nothing_comparable = Replayable::of(&version.plan).plan.sinks.is_empty();
        // Of a part of the rows every output is another one.
        if partitions_left_out > 0 || is_nothing_comparable {
            return Ok(shadowed);
        }
        // Sinks that have no dataset in this batch are none that differ.
        let mut differs = false;
        for output in outputs {
            let same = |(sink, _): &&(SinkId, Vec<DatasetPartition>)| Some(*sink) == output.sink;
            let Some((_, before)) = given.iter().find(same) else { continue };
            let before: Vec<Vec<RecordBatch>> =
                before.iter().map(|partition| partition.to_vec()).collect();
            let compared = compare(output.name, &output.columns, &before, &output.partitions);
            differs |= !compared.is_same();
            shadowed.lines.extend(compared.lines);
        }
        shadowed.differs = Some(differs);
        Ok(shadowed)
    }
}
