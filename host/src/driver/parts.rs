//! Driver: everything that the loop of one job works with.
//!
//! Takes what launching has made. Gives it to the loop. Never does anything itself.

use std::sync::Arc;

use super::broadcasts::JobBroadcasts;
use super::pace::Pace;
use super::publisher::Publisher;
use super::receiver_board::ReceiverBoard;
use super::retained::RetainedInputs;
use super::scribe::Scribe;
use super::sources::JobSources;
use super::status_board::StatusBoard;
use super::ticker::Ticker;
use super::versions::{GoneBack, Versions};
use crate::block::manager::BlockManager;
use crate::exec::executor::{Executors, TaskResult};
use crate::model::partition_store::PartitionStore;
use crate::model::pipeline::JobSettings;
use crate::model::stage::JobPlan;
use crate::sys::steady_clock::SteadyClock;
use crate::sys::storage::Storage;

/// Everything the loop of a job works with. Dropped in this order: no tick and no block comes
/// after the loop has ended.
pub struct JobParts {
    /// The batch clock's thread and, through it, the receivers.
    pub ticker: Ticker,
    /// The publishing thread.
    pub publisher: Publisher,
    /// The plan.
    pub plan: Arc<JobPlan>,
    /// Its stages, bound, in the versions that batches run with, and what its stateful steps keep.
    pub versions: Versions,
    /// Its broadcasts.
    pub broadcasts: Arc<JobBroadcasts>,
    /// The job's settings.
    pub settings: JobSettings,
    /// The job's seed.
    pub seed: u64,
    /// When batches are made.
    pub pace: Pace,
    /// The sources.
    pub sources: JobSources,
    /// What is told of their receivers.
    pub receivers: ReceiverBoard,
    /// The blocks.
    pub blocks: Arc<BlockManager>,
    /// Where datasets are kept for later batches.
    pub store: Arc<dyn PartitionStore>,
    /// Has what windows read made again for a job that has gone back; the loop hears of it.
    pub make_windows: Arc<dyn Fn(GoneBack) + Send + Sync>,
    /// The last batches, for whoever runs them again.
    pub retained: Arc<RetainedInputs>,
    /// The executors.
    pub executors: Arc<Executors>,
    /// Where tasks answer.
    pub answer: Arc<dyn Fn(TaskResult) + Send + Sync>,
    /// Where the job's standing is written.
    pub board: Arc<StatusBoard>,
    /// What writes the batch log, where one is kept.
    pub scribe: Option<Scribe>,
    /// Files.
    pub storage: Arc<dyn Storage>,
    /// The time of batches: it never goes back.
    pub clock: Arc<SteadyClock>,
}
