//! Driver: what the loop of a job does while it is paused: nothing that begins.
//!
//! Takes a wish to pause or to go on. Gives the job's state. Never stops what runs, and never a
//! receiver: those stop by themselves when the block budget is full.

use super::EventLoop;
use crate::model::status::{JobEvent, JobState};

impl EventLoop {
    /// Makes and begins no more batches. Times that pass are as those that `catch_up = "merge"`
    /// leaves out: they have no dataset.
    pub(super) fn pause(&mut self) {
        // A graceful stop has so much time and no more: it is not held up.
        if !self.paused && !self.draining {
            self.paused = true;
            self.note_state();
            self.refuse_fed();
            self.parts.board.tell(&JobEvent::Paused);
        }
    }

    /// Goes on. The next batch is given everything that has come meanwhile.
    pub(super) fn resume(&mut self) {
        if self.paused {
            self.paused = false;
            self.note_state();
            self.parts.board.tell(&JobEvent::Resumed);
        }
    }

    /// Notes where the job stands. A pause is told as long as it lasts, also when sources have
    /// ended meanwhile.
    pub(super) fn note_state(&self) {
        let state = match (self.paused, self.draining) {
            (true, _) => JobState::Paused,
            (false, true) => JobState::Draining,
            (false, false) => JobState::Running,
        };
        self.parts.board.change(|status| status.state = state);
    }
}
