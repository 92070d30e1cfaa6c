//! Driver: what the loop of a job does with rows of dead letters.
//!
//! Takes rows that somebody wants to have tried again. Gives them to the next batch that is made,
//! and notes in the file what became of them when that batch is published. Never notes it before:
//! a letter of a batch that fails, or of a process that dies, stays as it is. A batch that fails
//! with such rows is run again without them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::EventLoop;
use crate::driver::dead_letter;
use crate::driver::fed_letters::{FedLetters, FedOutcome, FeedAsked};
use crate::driver::letters::{self, LetterId};
use crate::driver::look_error::LookError;
use crate::driver::running_batch::{QueuedBatch, RunningBatch};
use crate::error::Domain;
use crate::model::status::JobState;
use crate::model::time::BatchTime;

impl EventLoop {
    pub(super) fn feed_asked(&mut self, asked: FeedAsked) {
        let state = match (self.paused, self.draining || self.failure.is_some()) {
            (true, _) => JobState::Paused,
            (false, true) => JobState::Draining,
            (false, false) if asked.rows.is_empty() => {
                let _sent = asked.answer.try_send(Ok(FedOutcome::of(BatchTime(0))));
                return;
            }
            (false, false) => return self.to_feed.push_back(asked),
        };
        refuse(asked, state);
    }

    /// Rows that wait for a batch do not wait for the end of a pause.
    pub(super) fn refuse_fed(&mut self) {
        self.to_feed.drain(..).for_each(|asked| refuse(asked, JobState::Paused));
    }

    /// Gives a batch that is made the rows that wait to be fed back.
    pub(super) fn feed(&mut self, batch: &mut QueuedBatch) {
        let Some(asked) = self.to_feed.pop_front() else { return };
        match FedLetters::join(asked, &mut batch.inputs, &self.parts.plan) {
            Ok(fed) => batch.fed = Some(Arc::new(fed)),
            Err(asked) => self.to_feed.push_front(asked),
        }
    }

    /// Runs a batch again without the rows that it was fed, where it has failed with them. They may
    /// have broken it in many ways, in stages behind their own too; its own rows are to go on as if
    /// nobody had fed any.
    pub(super) fn runs_without_fed(&mut self, run: u64) -> bool {
        let is_to = |batch: &RunningBatch| {
            // A full disk or a lost file is no row's fault.
            let is_theirs = batch.failure.is_some() && batch.blame != Domain::External;
            let is_to_count = !batch.is_revoked && !batch.is_comparison();
            is_theirs && is_to_count && batch.batch.fed.is_some()
        };
        let Some(batch) = self.running.get(&run).filter(|batch| is_to(batch)) else {
            return false;
        };
        let version = Arc::clone(&batch.version);
        let begun = self.begin_anew(run, &version, RunningBatch::run_without_fed);
        self.submit_ready(run);
        begun
    }

    /// Notes what became of the rows that a batch was fed, which has ended, and tells it.
    pub(super) fn settle_fed(&self, batch: &mut RunningBatch) {
        let (fed, withdrawn) = match (batch.batch.fed.take(), batch.withdrawn.take()) {
            (Some(fed), _) => (fed, None),
            (None, Some((fed, reason))) => (fed, Some(reason)),
            (None, None) => return,
        };
        if let Some(reason) = batch.failure.clone() {
            return fed.tell(Err(LookError::BatchFailed { reason }));
        }
        let settled = match withdrawn {
            Some(reason) => self.all_failed(batch, &fed, reason),
            None => Ok(became_of(batch, &fed)),
        };
        let written = settled.and_then(|Settled { outcome, lines }| {
            for (path, lines) in lines {
                dead_letter::append_notes(&*self.parts.storage, &path, &lines)
                    .map_err(LookError::NotNoted)?;
            }
            Ok(outcome)
        });
        fed.tell(written);
    }

    /// Letters without which a batch was run: each has one attempt more.
    fn all_failed(
        &self,
        batch: &RunningBatch,
        fed: &FedLetters,
        reason: String,
    ) -> Result<Settled, LookError> {
        let mut settled = Settled::of(batch.batch.time);
        for id in fed.letters() {
            let place = (id.byte, id.check);
            // Nobody's any more, if somebody has edited the file.
            let letter = letters::read(&*self.parts.storage, &id.path, place)?;
            if let Some(letter) = letter {
                let again = letter.tried_again(&format!("its batch failed with it: {reason}"));
                settled.refused(id, &again);
            }
        }
        settled.outcome.withdrawn = Some(reason);
        Ok(settled)
    }
}

fn refuse(asked: FeedAsked, state: JobState) {
    let FeedAsked { flight, answer, .. } = asked;
    // They are on their way no more when it is heard.
    drop(flight);
    // There is room for the one answer; whoever asked may have left.
    let _sent = answer.try_send(Err(LookError::NoBatch { state: state.word() }));
}

/// What is told of letters, and what is written of them.
struct Settled {
    outcome: FedOutcome,
    lines: BTreeMap<PathBuf, Vec<u8>>,
}

impl Settled {
    fn of(time: BatchTime) -> Self {
        Self { outcome: FedOutcome::of(time), lines: BTreeMap::new() }
    }

    fn delivered(&mut self, letter: &LetterId) {
        self.outcome.delivered += 1;
        self.note(letter, "delivered", &[]);
    }

    fn refused(&mut self, letter: &LetterId, again: &[u8]) {
        self.outcome.refused += 1;
        self.note(letter, "refused", again);
    }

    fn note(&mut self, letter: &LetterId, word: &str, again: &[u8]) {
        let file = self.lines.entry(letter.path.clone()).or_default();
        // Before its note: whatever breaks off in between, it is not lost.
        file.extend_from_slice(again);
        file.extend_from_slice(letter.note(word, Some(self.outcome.time.0)).as_bytes());
    }
}

/// What became of letters whose rows went into a batch that has succeeded.
fn became_of(batch: &RunningBatch, fed: &FedLetters) -> Settled {
    let is_absent = fed.letters_in(|stage| batch.dataset(stage).is_none());
    let mut settled = Settled::of(batch.batch.time);
    for (number, letter) in fed.letters().iter().enumerate() {
        match batch.refused.again.get(&number) {
            _ if is_absent.contains(&number) => settled.outcome.not_run += 1,
            _ if batch.refused.late.contains(&number) => settled.outcome.late += 1,
            None => settled.delivered(letter),
            Some(again) => settled.refused(letter, again),
        }
    }
    settled
}
