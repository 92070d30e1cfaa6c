//! Api: a clock that stands still until the next batch is asked for.
//!
//! Takes what a job says of its batches. Gives the facts of each, one after the other. Never
//! sleeps: the clock is moved when the batch before has ended.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::driver::status_board::Listener;
use crate::model::status::{BatchInfo, JobEvent};
use crate::model::time::{BatchTime, interval_ms};
use crate::sys::clock::ManualClock;

/// Where tests begin: a whole day after the epoch, so that windows of any slide begin there too.
const START_MS: i64 = 86_400_000;

/// A clock that is moved from batch to batch.
#[derive(Debug)]
pub(super) struct MovedClock {
    /// The clock, for the engine.
    pub(super) clock: ManualClock,
    interval: Duration,
    time: BatchTime,
    sender: Sender<JobEvent>,
    events: Receiver<JobEvent>,
}

impl MovedClock {
    /// A clock for batches of that interval.
    pub(super) fn new(interval: Duration) -> Self {
        let (sender, events) = channel();
        let time = BatchTime::first_after(START_MS - interval_ms(interval), interval);
        Self { clock: ManualClock::at_ms(START_MS), interval, time, sender, events }
    }

    /// Hears what the job says.
    pub(super) fn listener(&self) -> Listener {
        let sender = self.sender.clone();
        Box::new(move |event| {
            // A test that is over hears nothing.
            let _sent = sender.send(event.clone());
        })
    }

    /// The time of the last batch that ran.
    pub(super) fn time(&self) -> BatchTime {
        self.time
    }

    /// Moves the clock by one batch and waits for it; `None`: the job ended before.
    pub(super) fn next_batch(&mut self) -> Option<BatchInfo> {
        self.clock.advance(self.interval);
        self.time = self.time.next(self.interval);
        for event in &self.events {
            match event {
                JobEvent::BatchEnded(info) if info.time == self.time => return Some(info),
                JobEvent::Stopped => break,
                _ => {}
            }
        }
        None
    }
}
