//! Driver: the loop of a job, sole owner of what changes while it runs.
//!
//! Takes events, one at a time. Gives tasks to executors, batches to the publisher, facts to the
//! status board. Never waits for anything but the next event.

mod draining;
mod feeding;
mod pausing;
mod retaining;
mod swapping;
mod tasks;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use super::dead_letter;
use super::error::JobFailure;
use super::event::{Command, Event};
use super::fed_letters::FeedAsked;
use super::history::History;
use super::out_of_windows::OutOfWindows;
use super::parts::JobParts;
use super::publisher::Publication;
use super::refusals::failure_of;
use super::running_batch::{BatchInputs, QueuedBatch, RunningBatch};
use super::taps::Taps;
use crate::block::tracker::Tracker;
use crate::ingest::ReceiverEvent;
use crate::limits::BATCH_QUEUE_MAX;
use crate::model::block::BlockInfo;
use crate::model::id::SourceId;
use crate::model::policy::{OnBadRow, OnFailure};
use crate::model::status::{JobEvent, OutputInfo};
use crate::model::time::BatchTime;
use crate::version::admission::Refusal;

/// Whether batches are held back for a swap.
enum Held {
    No,
    /// As soon as none runs, somebody is told.
    Asked(SyncSender<Result<(), Refusal>>),
    Told,
}

/// The loop of one job.
pub struct EventLoop {
    parts: JobParts,
    tracker: Tracker,
    queue: VecDeque<QueuedBatch>,
    /// Rows of dead letters that wait for a batch to be made: one question after the other, as
    /// whoever asks waits for the answer.
    to_feed: VecDeque<FeedAsked>,
    taps: Taps,
    running: BTreeMap<u64, RunningBatch>,
    next_run: u64,
    history: History,
    out_of_windows: OutOfWindows,
    /// Whether datasets are kept beyond their batches.
    remembers: bool,
    /// Whether batches read datasets of earlier ones.
    looks_back: bool,
    draining: bool,
    /// No batch is made or begun until somebody says so.
    paused: bool,
    /// No batch is begun while a swap makes again what windows read, unless the job ends.
    held: Held,
    /// The first batch of a job that has gone back: it runs when what its windows read is made
    /// again.
    awaits_windows: Option<u64>,
    /// No more input comes: what is queued and running is the rest.
    last_batch_made: bool,
    failure: Option<JobFailure>,
}

impl EventLoop {
    /// A loop over the parts of a started job.
    pub fn new(parts: JobParts) -> Self {
        Self {
            history: History::new(&parts.plan, Arc::clone(&parts.store)),
            out_of_windows: OutOfWindows::new(&parts.plan),
            remembers: History::is_needed(&parts.plan) || parts.versions.current().states.any(),
            looks_back: History::is_read(&parts.plan) || parts.versions.current().states.any(),
            parts,
            tracker: Tracker::new(),
            queue: VecDeque::new(),
            to_feed: VecDeque::new(),
            taps: Taps::default(),
            running: BTreeMap::new(),
            next_run: 0,
            draining: false,
            paused: false,
            held: Held::No,
            awaits_windows: None,
            last_batch_made: false,
            failure: None,
        }
    }

    /// Runs until the job has ended, and notes how on the status board.
    pub fn run(mut self, events: &Receiver<Event>) {
        self.parts.board.tell(&JobEvent::Started { at_us: self.parts.clock.now_us() });
        self.parts.receivers.started(&self.parts.board);
        if self.parts.pace.is_at_once() {
            self.draining = true;
            self.parts.ticker.drain();
        }
        // The senders live in the parts, so the channel outlasts the loop.
        while let Ok(event) = events.recv() {
            if matches!(event, Event::Command(Command::Stop)) {
                break;
            }
            self.hear(event);
            self.begin_batches();
            self.publish_in_order();
            self.answer_hold();
            if self.is_over() {
                break;
            }
            self.note_status();
        }
        self.end();
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Tick(time) => self.tick(time),
            Event::Receiver(source, event) => self.receiver(source, event),
            Event::Task(result) => self.task_ended(result),
            Event::Published { run, outputs, fatal } => self.published(run, outputs, fatal),
            Event::Command(Command::Drain | Command::Stop) => self.stop_gracefully(),
            Event::Command(Command::Pause) => self.pause(),
            Event::Command(Command::Resume) => self.resume(),
            Event::Heard(asker) => drop(asker),
            Event::Drained { next } => self.make_last_batches(next),
            Event::Deadline => self.give_up_the_rest(),
            Event::Slice(asked) => asked.answer(&self.parts.plan, &self.history),
            Event::Swap(asked) => self.swap_asked(asked),
            Event::Hold(answer) => self.held = Held::Asked(answer),
            Event::Release => self.held = Held::No,
            Event::Shadowed(ran) => self.shadowed(&ran),
            Event::GiveUp(answer) => {
                let given_up = self.parts.versions.give_up(&self.parts.board);
                self.note_status();
                let _sent = answer.send(given_up);
            }
            Event::RollBack(asked) => self.back_asked(asked),
            Event::WindowsMade(made) => self.windows_made(made),
            Event::Feed(asked) => self.feed_asked(asked),
            Event::Tap(asked) => self.taps.begin(asked),
            Event::Quarantined(earlier, heard) => {
                self.parts.versions.remember(earlier);
                self.note_status();
                let _sent = heard.send(());
            }
        }
    }

    fn tick(&mut self, time: BatchTime) {
        if !self.draining {
            // Also while the queue is full: files that nobody looks for grow too old to be read.
            self.parts.sources.look_for_files(time, &self.parts.board);
            // A pause and a full queue hold ticks back: what is there goes to a later batch,
            // nothing is lost.
            if !self.paused && self.queue.len() < BATCH_QUEUE_MAX {
                self.make_batch(time);
            }
        }
        if self.parts.sources.all_ended() && !self.draining {
            self.drain();
        }
    }

    fn make_batch(&mut self, time: BatchTime) {
        let files = self.parts.sources.take(time);
        let blocks = self.tracker.allocate(time);
        self.queue_batch(time, blocks, files);
    }

    fn queue_batch(
        &mut self,
        time: BatchTime,
        blocks: BTreeMap<SourceId, Vec<BlockInfo>>,
        files: BatchInputs,
    ) {
        let name_of = |source| self.parts.sources.name(source).to_owned();
        let now_us = self.parts.clock.now_us();
        let mut batch = QueuedBatch::new(time, blocks, files, name_of, now_us);
        self.feed(&mut batch);
        self.parts.board.tell(&JobEvent::BatchSubmitted(batch.submission.clone()));
        self.queue.push_back(batch);
    }

    fn receiver(&mut self, source: SourceId, event: ReceiverEvent) {
        if let ReceiverEvent::Stored(info) = event {
            self.tracker.reported(info);
            return;
        }
        if let ReceiverEvent::Acknowledge(acknowledgement) = event {
            return acknowledgement.give();
        }
        if let ReceiverEvent::Broken { message } = &event
            && self.failure.is_none()
        {
            let name = self.parts.sources.name(source).to_owned();
            self.failure = Some(JobFailure::Broken { name, message: message.clone() });
        }
        let now_us = self.parts.clock.now_us();
        self.parts.receivers.heard(source, &event, now_us, &self.parts.board);
        self.parts.sources.heard(source, &event, &self.parts.board);
        if self.parts.sources.all_ended() {
            self.drain();
        }
    }

    /// Starts waiting batches, oldest first, as many at once as the job allows.
    fn begin_batches(&mut self) {
        // What reads earlier batches waits for them.
        let at_once = if self.looks_back { 1 } else { self.parts.settings.concurrent_jobs };
        while self.may_begin() && self.running.len() < at_once {
            let Some(batch) = self.queue.pop_front() else { return };
            let run = self.next_run;
            self.next_run += 1;
            let now_us = self.parts.clock.now_us();
            let failures_max = self.parts.settings.max_failures;
            let keeps = self.history.begin(&self.parts.plan);
            let time = batch.time;
            let (version, gone_back) = self.parts.versions.begin(time, &self.parts.board);
            self.history.seen_by(&version.codes);
            let plan = &self.parts.plan;
            let with = (keeps, self.parts.broadcasts.current());
            let mut running = RunningBatch::begin(plan, batch, with, failures_max, now_us, version);
            running.retaining = self.retaining();
            self.parts.board.tell(&JobEvent::BatchStarted {
                batch: running.batch.submission.clone(),
                scheduling_delay: running.scheduling_delay(),
            });
            if let Some(scribe) = &mut self.parts.scribe {
                scribe.begun(run, &running);
            }
            self.running.insert(run, running);
            if !self.awaits_windows_of(run, time, gone_back) {
                self.submit_ready(run);
            }
        }
    }

    /// Hands the oldest batch to the publisher when it is through; a younger one waits for it.
    fn publish_in_order(&mut self) {
        while let Some((&run, batch)) = self.running.first_key_value() {
            if batch.publishing || !batch.is_through() || self.make_lost_again(run) {
                return;
            }
            self.fail_rejected(run);
            if self.runs_without_fed(run) {
                continue;
            }
            if self.runs_again(run) {
                continue;
            }
            self.write_rejected(run);
            let Some(batch) = self.running.get_mut(&run) else { return };
            if batch.failure.is_some() {
                self.batch_ended(run);
                continue;
            }
            batch.publishing = true;
            let sinks = &self.parts.plan.sinks;
            let mut datasets: Vec<_> =
                sinks.iter().map(|(_, stage)| batch.dataset(*stage).map(<[_]>::to_vec)).collect();
            self.parts.versions.spoil(&batch.version, &mut datasets);
            let time = batch.batch.time;
            self.parts.publisher.publish(Publication { run, time, datasets });
            return;
        }
    }

    /// Fails a batch of which operators refused rows, if the job says so, or failed with too many.
    fn fail_rejected(&mut self, run: u64) {
        let Some(batch) = self.running.get_mut(&run) else { return };
        if let Some((message, blame)) = failure_of(&batch.refused, &self.parts.settings) {
            batch.fail(message, blame);
        }
    }

    /// Writes down the rows that operators refused, if the job says so: when it is certain that the
    /// batch is not run again.
    fn write_rejected(&mut self, run: u64) {
        let Some(batch) = self.running.get_mut(&run).filter(|batch| batch.failure.is_none()) else {
            return;
        };
        let OnBadRow::DeadLetter(path) = &self.parts.settings.on_rejected else { return };
        if batch.refused.first.is_none() {
            return;
        }
        let storage = &*self.parts.storage;
        if let Err(error) = dead_letter::append(storage, path, &batch.refused.lines) {
            batch.failure = Some(error);
        }
    }

    fn published(&mut self, run: u64, outputs: Vec<OutputInfo>, fatal: Option<String>) {
        let Some(batch) = self.running.get_mut(&run) else { return };
        batch.outputs = outputs;
        let time = batch.batch.time;
        batch.failure.clone_from(&fatal);
        self.batch_ended(run);
        // The sink's own policy is to stop, whatever the job's is for batches.
        if let Some(message) = fatal
            && self.failure.is_none()
        {
            self.failure = Some(JobFailure::Batch { time, message });
        }
    }

    fn batch_ended(&mut self, run: u64) {
        let Some(mut batch) = self.running.remove(&run) else { return };
        let time = batch.batch.time;
        if self.remembers {
            self.remember(&mut batch);
        }
        let released = self.tracker.finished(time);
        for block in &released {
            self.parts.blocks.remove(block.id);
        }
        let states = self.parts.versions.current().states.sizes();
        self.parts.board.change(|status| status.states = states);
        batch.settle_counts();
        let now_us = self.parts.clock.now_us();
        let info = batch.info(now_us);
        self.parts.sources.batch_ended(&batch, &released, &info, now_us);
        // Whoever reads of its end in the log finds it retained.
        self.retain(&batch, &info);
        self.settle_fed(&mut batch);
        if let Some(scribe) = &mut self.parts.scribe {
            scribe.ended(run, &info, &batch);
        }
        // Whoever hears of the end finds the status as it is then.
        self.note_status();
        self.parts.board.tell(&JobEvent::BatchEnded(info));
        if let Some(message) = batch.failure.take()
            && self.parts.settings.on_failure == OnFailure::Stop
            && self.failure.is_none()
        {
            self.failure = Some(JobFailure::Batch { time, message });
        }
        if self.last_batch_made {
            self.tell_progress();
        }
    }

    /// Keeps what later batches read of one that has succeeded; one that has failed is empty to
    /// them, and has changed no state.
    fn remember(&mut self, batch: &mut RunningBatch) {
        let (plan, time) = (&self.parts.plan, batch.batch.time);
        if batch.failure.is_some() {
            self.history.give_up(&batch.keeps);
            self.history.keep_empty(plan, time);
        } else {
            batch.version.states.commit(time, std::mem::take(&mut batch.deltas));
            let partitions_of = |stage| batch.dataset(stage).map(<[_]>::len);
            self.history.keep(plan, time, &batch.keeps, partitions_of);
        }
        self.out_of_windows.batch_ended(time, |stage| batch.rows_of(stage));
        let kept = self.history.sizes(plan);
        self.parts.board.change(|status| status.kept = kept);
    }

    fn is_over(&self) -> bool {
        if self.failure.is_some() {
            // Running batches are given up: nothing after the failed one is to be published.
            return true;
        }
        self.last_batch_made && self.queue.is_empty() && self.running.is_empty()
    }

    fn note_status(&self) {
        let (waiting_rows, _) = self.tracker.unallocated_size();
        let queued_rows: u64 = self.queue.iter().map(|batch| batch.size.0).sum();
        let gauges = self.parts.blocks.gauges();
        let queued = self.queue.len();
        let code = self.parts.versions.status();
        self.parts.board.change(|status| {
            status.queued_batches = queued;
            status.backlog_rows = waiting_rows + queued_rows;
            status.code = code;
            status.held_bytes = (gauges.held_bytes, gauges.held_bytes_max);
        });
    }

    /// Lets go of receivers, clock and publisher, in this order, and notes the end.
    fn end(self) {
        let Self { mut parts, failure, out_of_windows, last_batch_made, .. } = self;
        let board = Arc::clone(&parts.board);
        if let Some(scribe) = &mut parts.scribe {
            scribe.give_up(parts.clock.now_us());
        }
        parts.receivers.stopped(&board);
        // A job that has failed, or was ended at once, leaves more than that.
        if failure.is_none() && last_batch_made {
            out_of_windows.told().for_each(|event| board.tell(&event));
        }
        parts.retained.clear();
        board.change(|status| status.retained = parts.retained.sizes());
        drop(parts);
        board.end(failure);
    }
}
