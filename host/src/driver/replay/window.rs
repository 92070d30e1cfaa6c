//! Driver: what windows read of earlier batches, made again by new versions.
//!
//! Takes the stages that windows read. Runs the batches that are retained one after the other, as
//! the job did, and gives the datasets of those stages, which lie in the job's store. Never makes
//! one twice, and lets go of those that nobody takes.

use std::ops::Bound;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use super::Replayer;
use super::gate::more_poison;
use super::run::Stopped;
use crate::driver::history::{History, MadeAgain};
use crate::driver::job_version::SharedVersion;
use crate::driver::retained::Unbroken;
use crate::model::partition_store::PartitionStore;
use crate::model::time::BatchTime;
use crate::version::admission::Refusal;
use crate::version::window_parents::WindowParents;

/// Datasets that are made so far. Nobody else replays meanwhile.
pub struct WindowsMade<'a> {
    replayer: &'a Replayer,
    version: SharedVersion,
    parents: WindowParents,
    history: History,
    /// The last batch that was run, or need not be.
    done: Option<BatchTime>,
    /// The newest batch of the job then.
    newest: Option<BatchTime>,
    /// Whether the version has run no batch.
    is_new: bool,
    _alone: MutexGuard<'a, ()>,
}

impl Replayer {
    /// None yet, of these stages by that version, which is bound unheard. Where the job still has
    /// what it made of batches before a time, those are left out, unless windows before windows
    /// look back to them. Where a batch awaits them, they have a turn of their own.
    pub fn windows(
        &self,
        parents: WindowParents,
        version: SharedVersion,
        store: Arc<dyn PartitionStore>,
        (made_before, is_awaited): (Option<BatchTime>, bool),
    ) -> WindowsMade<'_> {
        let interval = self.pipeline.settings.batch_interval;
        let made_up_to = made_before.map(|time| time.before(interval));
        WindowsMade {
            replayer: self,
            version,
            history: History::new(&parents.replayable.plan, store),
            done: made_up_to.filter(|_| !parents.is_nested),
            parents,
            newest: None,
            is_new: made_before.is_none(),
            _alone: if is_awaited { self.alone_going_back() } else { self.alone() },
        }
    }
}

impl WindowsMade<'_> {
    /// Runs the batches to which the windows of the next one reach back, and that were not run yet.
    ///
    /// # Errors
    /// When one fails, or is not retained.
    pub fn go_on(&mut self) -> Result<(), Refusal> {
        let unbroken = self.replayer.retained.unbroken();
        self.newest = unbroken.newest;
        let Some(newest) = unbroken.newest else { return Ok(()) };
        let begin = newest.before(self.reaches_back(self.parents.span));
        let begin = self.done.map_or(begin, |done| done.max(begin));
        self.all_are_there(&unbroken, begin)?;
        let rest = (Bound::Excluded(begin), Bound::Unbounded);
        for (time, batch) in unbroken.batches.range(rest) {
            if self.replayer.retained.has_ended() {
                return Err(Refusal::Ending);
            }
            match batch {
                None => self.history.keep_empty(&self.parents.replayable.plan, *time),
                Some(batch) => {
                    let replayable = &self.parents.replayable;
                    let whole = self.replayer.whole(batch, &self.version, replayable);
                    let fails = |reason| Refusal::WindowReplay { batch: time.of_day(), reason };
                    let poison = whole
                        .run_on(&mut self.history)
                        .map_err(|Stopped { message, .. }| fails(message))?;
                    // A live batch would be gone back from for them, and windows would lack them.
                    if self.is_new && poison > batch.poison {
                        return Err(fails(more_poison(poison, batch.poison)));
                    }
                }
            }
            self.done = Some(*time);
        }
        Ok(())
    }

    /// Hands over the datasets that windows of the next batch reach back to.
    pub fn taken(mut self) -> Vec<MadeAgain> {
        let Some(newest) = self.newest else { return Vec::new() };
        let reach = self.parents.reach.iter();
        let after: Vec<_> = reach
            .map(|(stage, length)| (*stage, newest.before(self.reaches_back(*length))))
            .collect();
        let taken = after.into_iter().flat_map(|(stage, after)| self.history.take(stage, after));
        taken.collect()
    }

    /// How far before the newest batch the oldest one is to which the next one's windows do not
    /// reach back any more.
    fn reaches_back(&self, length: Duration) -> Duration {
        length.saturating_sub(self.interval())
    }

    fn interval(&self) -> Duration {
        self.replayer.pipeline.settings.batch_interval
    }

    fn all_are_there(&self, unbroken: &Unbroken, begin: BatchTime) -> Result<(), Refusal> {
        if unbroken.after.is_none_or(|missing| missing <= begin) {
            return Ok(());
        }
        let wanted = (Bound::Excluded(begin), Bound::Unbounded);
        let needed = self.reaches_back(self.parents.span).as_millis();
        let needed = needed.div_ceil(self.interval().as_millis().max(1));
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        Err(match unbroken.fed.filter(|fed| *fed > begin) {
            Some(fed) => Refusal::WindowLetters { needed, batch: fed.of_day() },
            None => {
                let retained = unbroken.batches.range(wanted).count();
                let too_few = self.replayer.retained.too_few_for(needed);
                Refusal::WindowInputs { needed, retained, too_few }
            }
        })
    }
}

impl Drop for WindowsMade<'_> {
    fn drop(&mut self) {
        self.history.clear();
    }
}
