//! Driver: what the loop of a job does when no more input is taken.
//!
//! Takes a wish to end, and the time that it may take. Gives the last batches, and how far they
//! are. Never waits for a batch that has nothing to do or has failed: both have ended.

use std::collections::BTreeMap;

use super::EventLoop;
use crate::driver::error::JobFailure;
use crate::driver::pace::Pace;
use crate::model::status::JobEvent;
use crate::model::time::BatchTime;

impl EventLoop {
    /// Ends when everything is worked off, however long that takes.
    pub(super) fn drain(&mut self) {
        if !self.draining {
            self.draining = true;
            self.note_state();
            self.parts.board.tell(&JobEvent::Draining);
            self.parts.ticker.drain();
        }
    }

    /// As [`Self::drain`], within the time that the job's settings allow. Sources that end by
    /// themselves are given all the time they need.
    pub(super) fn stop_gracefully(&mut self) {
        // What a pause held back is to be worked off.
        self.resume();
        self.drain();
        self.parts.ticker.drain_within(self.parts.settings.graceful_stop());
    }

    /// Batches of what is left when nothing more comes. There may be more files than one is given.
    pub(super) fn make_last_batches(&mut self, next: BatchTime) {
        self.parts.receivers.stopped(&self.parts.board);
        self.last_batch_made = true;
        if let Pace::Once(batch) = &self.parts.pace {
            let inputs = self.parts.sources.take_all(batch);
            self.queue_batch(batch.time, BTreeMap::new(), inputs);
            return;
        }
        let mut time = next;
        self.parts.sources.look_for_files(time, &self.parts.board);
        while self.tracker.has_unallocated() || self.parts.sources.has_more_files() {
            self.make_batch(time);
            time = time.next(self.parts.settings.batch_interval);
        }
        self.tell_progress();
    }

    pub(super) fn tell_progress(&self) {
        let (batches, rows) = self.left();
        self.parts.board.tell(&JobEvent::DrainProgress { batches, rows });
    }

    /// The time is over: what is left is given up.
    pub(super) fn give_up_the_rest(&mut self) {
        let (batches, rows) = self.left();
        let within = self.parts.settings.graceful_stop();
        self.failure.get_or_insert(JobFailure::GivenUp { within, batches, rows });
    }

    /// Batches that wait or run, and their rows.
    fn left(&self) -> (usize, u64) {
        let running = self.running.values().map(|batch| batch.batch.size.0);
        let rows = self.queue.iter().map(|batch| batch.size.0).chain(running).sum();
        (self.queue.len() + self.running.len(), rows)
    }
}
