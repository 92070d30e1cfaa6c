//! Driver: everything that can happen to a job, in one closed list.
//!
//! Takes nothing. Gives the events of the job's loop. Never carries anything shared.

use std::sync::mpsc::SyncSender;

use super::fed_letters::FeedAsked;
use super::history::MadeAgain;
use super::shadow::ShadowRan;
use super::slice::SliceAsked;
use super::taps::TapAsked;
use super::versions::{BackAsked, SwapAsked};
use crate::exec::executor::TaskResult;
use crate::ingest::ReceiverEvent;
use crate::model::id::SourceId;
use crate::model::status::OutputInfo;
use crate::model::time::BatchTime;
use crate::model::version::Quarantined;
use crate::version::admission::Refusal;

/// What the loop of a job hears.
#[derive(Debug)]
pub enum Event {
    /// A batch is due; what was received before it has been stored and told.
    Tick(BatchTime),
    /// Something happened at a receiver.
    Receiver(SourceId, ReceiverEvent),
    /// A task has ended.
    Task(TaskResult),
    /// The publisher is through with a batch.
    Published {
        /// The batch's run.
        run: u64,
        /// What became of each output.
        outputs: Vec<OutputInfo>,
        /// The first failure of a sink whose policy is to stop.
        fatal: Option<String>,
    },
    /// Somebody asks for something.
    Command(Command),
    /// Somebody wants to know when all that was asked before has been heard.
    Heard(SyncSender<()>),
    /// The receivers have stopped; everything they had is stored and told. `next` is the time of
    /// the batch that takes what is left.
    Drained {
        /// The batch time that would have been next.
        next: BatchTime,
    },
    /// A graceful stop may take no longer.
    Deadline,
    /// A program asks for datasets of earlier batches.
    Slice(SliceAsked),
    /// A program has prepared new versions of plugins.
    Swap(SwapAsked),
    /// A swap makes what windows read again: no batch is to begin. Who is told when none runs.
    Hold(SyncSender<Result<(), Refusal>>),
    /// It does so no more.
    Release,
    /// A batch was run on new versions in the shadow of the current ones.
    Shadowed(ShadowRan),
    /// Somebody goes back: what waits, or runs in the shadow, is given up. Says whether anything
    /// was.
    GiveUp(SyncSender<bool>),
    /// A program asks for the versions before.
    RollBack(BackAsked),
    /// What windows read of earlier batches is made again for a job that has gone back;
    /// or why it is not.
    WindowsMade(Result<Vec<MadeAgain>, String>),
    /// Rows of dead letters are to be tried again.
    Feed(FeedAsked),
    /// Somebody looks at rows of the batches.
    Tap(TapAsked),
    /// An earlier run of the job has gone back from these; who waits is told when it is heard.
    Quarantined(Vec<Quarantined>, SyncSender<()>),
}

/// What may be asked of a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Begin no more batches; receivers go on until the block budget is full.
    Pause,
    /// Go on; the next batch is given everything that has come meanwhile.
    Resume,
    /// Take no more input, work off what was received, then end: within the time that the job's
    /// settings allow.
    Drain,
    /// End now; what was received and not published is dropped.
    Stop,
}
