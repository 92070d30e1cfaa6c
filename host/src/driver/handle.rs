//! Driver: the outside's hold on a running job.
//!
//! Takes commands. Gives snapshots of the status and, at the end, how the job ended. Never blocks
//! the loop.

use std::sync::Arc;
use std::sync::mpsc::{Sender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::engine::Engine;
use super::error::DriverError;
use super::event::{Command, Event};
use super::look::JobLook;
use super::remembered::Remembered;
use super::replay::ReplayControl;
use super::status_board::StatusBoard;
use super::swap::SwapControl;
use crate::model::status::JobStatus;

/// A running job. Dropping it stops the job at once.
#[derive(Debug)]
pub struct JobHandle {
    events: Sender<Event>,
    board: Arc<StatusBoard>,
    remembered: Remembered,
    swaps: SwapControl,
    look: JobLook,
    replays: ReplayControl,
    thread: Option<JoinHandle<()>>,
    /// Receivers and executors are the engine's: it lasts as long as the job.
    engine: Arc<Engine>,
}

/// Commands a job from another thread, such as a signal's. It does not keep the job alive.
#[derive(Debug, Clone)]
pub struct JobControl {
    events: Sender<Event>,
}

impl JobControl {
    /// Takes no more input, works off what was received, then ends; what is not done within the
    /// job's `graceful_stop_timeout` is given up.
    pub fn drain(&self) {
        // A job that has ended hears nothing, and need not.
        let _sent = self.events.send(Event::Command(Command::Drain));
    }

    /// Begins no more batches; receivers go on until the block budget is full.
    pub fn pause(&self) {
        let _sent = self.events.send(Event::Command(Command::Pause));
    }

    /// Goes on after a pause: the next batch is given everything that has come meanwhile.
    pub fn resume(&self) {
        let _sent = self.events.send(Event::Command(Command::Resume));
    }

    /// Ends at once; what was received and not published is dropped.
    pub fn stop(&self) {
        let _sent = self.events.send(Event::Command(Command::Stop));
    }

    /// Waits until the job has heard all that this one asked for before, so that its state shows
    /// it. A job that has ended is not waited for.
    pub fn heard(&self) {
        let (asker, answer) = sync_channel(0);
        if self.events.send(Event::Heard(asker)).is_ok() {
            // The loop lets go of the asker, as its end does.
            let _let_go = answer.recv();
        }
    }
}

impl JobHandle {
    pub(super) fn new(
        engine: Arc<Engine>,
        events: Sender<Event>,
        board: Arc<StatusBoard>,
        (remembered, look): (Remembered, JobLook),
        (swaps, replays): (SwapControl, ReplayControl),
        thread: JoinHandle<()>,
    ) -> Self {
        Self { events, board, remembered, swaps, look, replays, thread: Some(thread), engine }
    }

    /// What commands the job from elsewhere.
    pub fn control(&self) -> JobControl {
        JobControl { events: self.events.clone() }
    }

    /// Where the job's standing is written, for whoever shows it.
    pub fn board(&self) -> &Arc<StatusBoard> {
        &self.board
    }

    /// How the job stands.
    pub fn status(&self) -> JobStatus {
        self.board.snapshot()
    }

    /// The way to the datasets that the job remembers.
    pub fn remembered(&self) -> &Remembered {
        &self.remembered
    }

    /// The way to other versions of its plugins, from any thread.
    pub fn swaps(&self) -> &SwapControl {
        &self.swaps
    }

    /// The way to its dead letters, rows and states, from any thread.
    pub fn look(&self) -> &JobLook {
        &self.look
    }

    /// The way to its last batches, to run them again, from any thread.
    pub fn replays(&self) -> &ReplayControl {
        &self.replays
    }

    /// Waits until the job has ended.
    ///
    /// # Errors
    /// What it failed of first, whoever asks and however often.
    pub fn wait(&self) -> Result<(), DriverError> {
        self.board.wait()
    }

    /// Waits until the job has ended, but by the engine's clock no longer than that. Gives whether
    /// it has ended.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_at_most(&self, longest: Duration) -> Result<bool, DriverError> {
        let clock = &*self.engine.config.clock;
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        self.board.wait_until(clock, clock.monotonic_us().saturating_add(micros))
    }

    /// Takes no more input, works off what was received, and waits for the end.
    ///
    /// # Errors
    /// What it failed of.
    pub fn drain(&self) -> Result<(), DriverError> {
        self.control().drain();
        self.wait()
    }
}

impl Drop for JobHandle {
    fn drop(&mut self) {
        self.control().stop();
        // A listener that lets go of its job cannot wait for its end, which waits for the listener.
        let thread = self.thread.take().filter(|_| !self.board.listeners().is_calling());
        if let Some(thread) = thread {
            let _ended = thread.join();
        }
    }
}
