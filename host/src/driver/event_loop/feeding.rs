//! Driver: what the loop of a job does with rows of dead letters.
//!
//! Takes rows that somebody wants to have tried again. Gives them to the next batch that is made,
//! and notes in the file what became of them when that batch is published. Never notes it before:
//! a letter of a batch that fails, or of a process that dies, stays as it is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::EventLoop;
use crate::driver::dead_letter;
use crate::driver::fed_letters::{FedLetters, FedOutcome, FeedAsked};
use crate::driver::look_error::LookError;
use crate::driver::running_batch::{QueuedBatch, RunningBatch};
use crate::model::status::JobState;

impl EventLoop {
    pub(super) fn feed_asked(&mut self, asked: FeedAsked) {
        let state = match (self.paused, self.draining || self.failure.is_some()) {
            (true, _) => JobState::Paused,
            (false, true) => JobState::Draining,
            (false, false) => return self.to_feed.push_back(asked),
        };
        // There is room for the one answer; whoever asked may have left.
        let refused = LookError::NoBatch { state: state.word() };
        let _sent = asked.answer.try_send(Err(refused));
    }

    /// Gives a batch that is made the rows that wait to be fed back.
    pub(super) fn feed(&mut self, batch: &mut QueuedBatch) {
        let Some(asked) = self.to_feed.pop_front() else { return };
        match FedLetters::join(asked, &mut batch.inputs, &self.parts.plan) {
            Ok(fed) => batch.fed = Some(Arc::new(fed)),
            Err(asked) => self.to_feed.push_front(asked),
        }
    }

    /// Notes what became of the rows that a batch was fed, which has ended, and tells it.
    pub(super) fn settle_fed(&self, batch: &mut RunningBatch) {
        let Some(fed) = batch.batch.fed.take() else { return };
        if let Some(reason) = batch.failure.clone() {
            return fed.tell(Err(LookError::BatchFailed { reason }));
        }
        let is_absent = fed.letters_in(|stage| batch.dataset(stage).is_none());
        let mut outcome =
            FedOutcome { time: batch.batch.time, delivered: 0, refused: 0, not_run: 0 };
        let mut lines: BTreeMap<&PathBuf, Vec<u8>> = BTreeMap::new();
        for (number, letter) in fed.letters().iter().enumerate() {
            let file = lines.entry(&letter.path).or_default();
            let word = match batch.refused.again.get(&number) {
                _ if is_absent.contains(&number) => {
                    outcome.not_run += 1;
                    continue;
                }
                None => {
                    outcome.delivered += 1;
                    "delivered"
                }
                Some(again) => {
                    outcome.refused += 1;
                    // Before its note: whatever breaks off in between, it is not lost.
                    file.extend_from_slice(again);
                    "refused"
                }
            };
            let note = letter.note(word, Some(outcome.time.0));
            file.extend_from_slice(note.as_bytes());
        }
        let storage = &*self.parts.storage;
        let written = lines.into_iter().map(|(path, lines)| {
            dead_letter::append_notes(storage, path, &lines).map_err(LookError::NotNoted)
        });
        let written: Result<(), LookError> = written.collect();
        fed.tell(written.map(|()| outcome));
    }
}
