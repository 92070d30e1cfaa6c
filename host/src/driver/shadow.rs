//! Driver: the thread on which live batches are run on new versions when they have ended.
//!
//! Takes batches, one at a time. Gives whoever asked for it how each went. Never takes more than
//! its share of an interval's time, on the average of batches, and never holds one up: what comes
//! while it is busy is left out.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::history::DatasetPartition;
use super::job_version::SharedVersion;
use super::replay::Replayer;
use super::retained::RetainedBatch;
use crate::error::Domain;
use crate::limits::SHADOW_LINES_MAX;
use crate::model::id::SinkId;
use crate::model::time::BatchTime;

/// A live batch that has succeeded.
#[derive(Debug)]
pub struct ShadowBatch {
    /// What it read.
    pub batch: Arc<RetainedBatch>,
    /// What its sinks were given.
    pub given: Vec<(SinkId, Vec<DatasetPartition>)>,
}

/// How it went on the new versions.
#[derive(Debug)]
pub struct ShadowRan {
    /// The number of these.
    pub number: u64,
    /// The batch.
    pub time: BatchTime,
    /// CPU time of the batch in the job, and now.
    pub cpu: (Duration, Duration),
    /// What came of it.
    pub outcome: ShadowOutcome,
}

/// What came of a batch in the shadow.
#[derive(Debug)]
pub enum ShadowOutcome {
    /// It ran.
    Through {
        /// Whether an output was another one; `None`: nothing was compared.
        differs: Option<bool>,
        /// The first rows that differ.
        lines: Vec<String>,
        /// Partitions of sources for which there was no time.
        left_out: u64,
    },
    /// It failed.
    Failed {
        /// Of what.
        reason: String,
        /// By whose fault.
        blame: Domain,
    },
    /// There was no time left.
    NoTime,
}

/// Where it is told how a batch went.
pub type Tell = Box<dyn Fn(ShadowRan) + Send>;

/// New versions that run in the shadow, as long as this is there.
pub struct Shadow {
    batches: SyncSender<ShadowBatch>,
}

impl std::fmt::Debug for Shadow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shadow")
    }
}

impl Shadow {
    /// Starts the thread. `cpu_max` is what it may take of an interval.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        replayer: Arc<Replayer>,
        version: SharedVersion,
        number: u64,
        cpu_max: Duration,
        tell: Tell,
    ) -> std::io::Result<Self> {
        let (batches, given) = sync_channel(1);
        let runner = Runner { replayer, version, number, cpu_max, tell };
        std::thread::Builder::new().name("shadow".to_owned()).spawn(move || runner.run(&given))?;
        Ok(Self { batches })
    }

    /// Has a batch run, unless the one before still does. Gives whether it will.
    pub fn give(&self, batch: ShadowBatch) -> bool {
        self.batches.try_send(batch).is_ok()
    }
}

struct Runner {
    replayer: Arc<Replayer>,
    version: SharedVersion,
    number: u64,
    cpu_max: Duration,
    tell: Tell,
}

impl Runner {
    fn run(&self, batches: &Receiver<ShadowBatch>) {
        // What was taken beyond the share of a batch is taken off the next ones'.
        let mut owed = Duration::ZERO;
        for batch in batches {
            let allowed = self.cpu_max.saturating_sub(owed);
            owed = owed.saturating_sub(self.cpu_max);
            let ran = if allowed.is_zero() {
                let cpu = (batch.batch.cpu, Duration::ZERO);
                ShadowRan {
                    number: self.number,
                    time: batch.batch.time,
                    cpu,
                    outcome: ShadowOutcome::NoTime,
                }
            } else {
                let ran = self.one(&batch, allowed);
                owed += ran.cpu.1.saturating_sub(allowed);
                ran
            };
            // What it holds is gone before anybody hears of it.
            drop(batch);
            (self.tell)(ran);
        }
    }

    fn one(&self, batch: &ShadowBatch, cpu_max: Duration) -> ShadowRan {
        let ShadowBatch { batch, given } = batch;
        let ran = self.replayer.shadow(batch, &self.version, cpu_max, given);
        let (cpu, outcome) = match ran {
            Err((cpu, reason, blame)) => (cpu, ShadowOutcome::Failed { reason, blame }),
            Ok(ran) => {
                let mut lines = ran.lines;
                lines.truncate(SHADOW_LINES_MAX);
                let (differs, left_out) = (ran.differs, ran.left_out);
                (ran.cpu, ShadowOutcome::Through { differs, lines, left_out })
            }
        };
        ShadowRan { number: self.number, time: batch.time, cpu: (batch.cpu, cpu), outcome }
    }
}
