//! Driver: the loop of a job, sole owner of what changes while it runs.
//!
//! Takes events, one at a time. Gives tasks to executors, batches to the publisher, facts to the
//! status board. Never waits for anything but the next event.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::hash::Hasher;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::dead_letter;
use super::error::DriverError;
use super::event::{Command, Event};
use super::history::{self, History};
use super::pace::Pace;
use super::parts::JobParts;
use super::publisher::Publication;
use super::running_batch::{QueuedBatch, RunningBatch};
use crate::block::tracker::Tracker;
use crate::error::Classify;
use crate::exec::executor::{Task, TaskKey, TaskResult};
use crate::exec::state::snapshot;
use crate::ingest::ReceiverEvent;
use crate::limits::BATCH_QUEUE_MAX;
use crate::model::id::SourceId;
use crate::model::operator::TaskFacts;
use crate::model::policy::{OnBadRow, OnFailure};
use crate::model::stage::StageInput;
use crate::model::status::{JobEvent, JobState};
use crate::model::time::BatchTime;
use crate::sched::batch_run::{ReadyTask, Verdict};

/// What a job may say about rows that operators refuse, beside its failure.
const REJECTED_POLICIES: &str = "`on_rejected = \"skip\"` or `\"dead-letter\"`";

/// The loop of one job.
pub struct EventLoop {
    parts: JobParts,
    tracker: Tracker,
    queue: VecDeque<QueuedBatch>,
    running: BTreeMap<u64, RunningBatch>,
    next_run: u64,
    history: History,
    /// Whether batches read datasets of earlier ones.
    remembers: bool,
    draining: bool,
    /// No more input comes: what is queued and running is the rest.
    last_batch_made: bool,
    failure: Option<DriverError>,
}

impl EventLoop {
    /// A loop over the parts of a started job.
    pub fn new(parts: JobParts) -> Self {
        Self {
            history: History::new(&parts.plan, Arc::clone(&parts.store)),
            remembers: History::is_needed(&parts.plan) || parts.states.any(),
            parts,
            tracker: Tracker::new(),
            queue: VecDeque::new(),
            running: BTreeMap::new(),
            next_run: 0,
            draining: false,
            last_batch_made: false,
            failure: None,
        }
    }

    /// Runs until the job has ended, and notes how on the status board.
    pub fn run(mut self, events: &Receiver<Event>) {
        self.parts.board.tell(&JobEvent::Started);
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
            Event::Published { run, fatal } => self.published(run, fatal),
            Event::Command(Command::Drain | Command::Stop) => self.drain(),
            Event::Drained { next } => self.make_last_batches(next),
        }
    }

    fn tick(&mut self, time: BatchTime) {
        if !self.draining {
            // Also while the queue is full: files that nobody looks for grow too old to be read.
            self.parts.sources.look_for_files(time, &self.parts.board);
            // A full queue holds ticks back: what is there goes to a later batch, nothing is lost.
            if self.queue.len() < BATCH_QUEUE_MAX {
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
        self.queue.push_back(QueuedBatch::new(time, blocks, files));
    }

    /// Batches of what is left when nothing more comes. There may be more files than one is given.
    fn make_last_batches(&mut self, next: BatchTime) {
        self.last_batch_made = true;
        if let Pace::Once(batch) = &self.parts.pace {
            let inputs = self.parts.sources.take_all(batch);
            self.queue.push_back(QueuedBatch::new(batch.time, BTreeMap::new(), inputs));
            return;
        }
        let mut time = next;
        self.parts.sources.look_for_files(time, &self.parts.board);
        while self.tracker.has_unallocated() || self.parts.sources.has_more_files() {
            self.make_batch(time);
            time = time.next(self.parts.settings.batch_interval);
        }
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
            self.failure = Some(DriverError::Broken { name, message: message.clone() });
        }
        self.parts.sources.heard(source, &event, &self.parts.board);
        if self.parts.sources.all_ended() {
            self.drain();
        }
    }

    fn drain(&mut self) {
        if !self.draining {
            self.draining = true;
            self.parts.board.change(|status| status.state = JobState::Draining);
            self.parts.board.tell(&JobEvent::Draining);
            self.parts.ticker.drain();
        }
    }

    /// Starts waiting batches, oldest first, as many at once as the job allows.
    fn begin_batches(&mut self) {
        // What reads earlier batches waits for them.
        let at_once = if self.remembers { 1 } else { self.parts.settings.concurrent_jobs };
        while self.failure.is_none() && self.running.len() < at_once {
            let Some(batch) = self.queue.pop_front() else { return };
            let run = self.next_run;
            self.next_run += 1;
            self.parts.board.tell(&JobEvent::BatchStarted(batch.time));
            let now_us = self.parts.clock.now_us();
            let failures_max = self.parts.settings.max_failures;
            let keeps = self.history.begin(&self.parts.plan);
            let running = RunningBatch::begin(&self.parts.plan, batch, keeps, failures_max, now_us);
            self.running.insert(run, running);
            self.submit_ready(run);
        }
    }

    fn submit_ready(&mut self, run: u64) {
        let Some(batch) = self.running.get_mut(&run) else { return };
        let tasks = batch.ready(&self.parts.plan, &self.history);
        tasks.into_iter().for_each(|task| self.submit(run, task));
    }

    fn submit(&mut self, run: u64, task: ReadyTask) {
        let Some(batch) = self.running.get(&run) else { return };
        let ReadyTask { stage, partition } = task;
        let planned = &self.parts.plan.stages[stage.0];
        let time = batch.batch.time;
        let read = match &planned.input {
            StageInput::Source(source) => {
                let partition = batch.batch.inputs[source][partition].clone();
                self.parts.sources.reader(&partition)
            }
            StageInput::Snapshots(from) => {
                let delta = batch.deltas.get(&(*from, partition)).map(Arc::clone);
                let schema = planned.input_schema.to_arrow();
                let Some(store) = self.parts.states.of(*from).map(Arc::clone) else { return };
                Box::new(move || {
                    Ok(vec![snapshot(&store, delta.as_deref(), &schema, (partition, time))?])
                })
            }
            _ => {
                let input = batch.data.input(planned, partition, time, &self.history);
                Box::new(move || history::read(&input))
            }
        };
        let answer = Arc::clone(&self.parts.answer);
        let answer = match self.history.keeper(&batch.keeps, planned, partition) {
            Some(keeper) => Arc::new(move |result| answer(keeper.keep(result))) as _,
            None => answer,
        };
        let facts = TaskFacts {
            batch_time: time,
            partition: u32::try_from(partition).unwrap_or(u32::MAX),
            seed: task_seed(self.parts.seed, time, task),
            input_rows: 0,
            input_bytes: 0,
        };
        self.parts.executors.submit(Task {
            key: TaskKey { run, stage, partition },
            stage: Arc::clone(&self.parts.stages[stage.0]),
            facts,
            read,
            cancelled: Arc::clone(&batch.cancelled),
            answer,
        });
    }

    fn task_ended(&mut self, result: TaskResult) {
        let TaskResult { key, outcome, cpu, rows_in } = result;
        let Some(batch) = self.running.get_mut(&key.run) else { return };
        batch.charge(cpu);
        let files = self.parts.sources.files_of_stage(&self.parts.plan, key.stage);
        if let Some(source) = files.filter(|_| outcome.is_ok()) {
            batch.has_read(source, key.stage, rows_in);
        }
        let task = ReadyTask { stage: key.stage, partition: key.partition };
        match outcome {
            Ok(attempted) => {
                let result_bytes_max = self.parts.pace.result_bytes_max();
                batch.weigh(&self.parts.plan, key.stage, &attempted.output, result_bytes_max);
                batch.data.store(key.stage, key.partition, attempted.output);
                batch.refused.absorb(attempted.refused);
                if let Some(delta) = attempted.state {
                    batch.deltas.insert((key.stage, key.partition), Arc::new(delta));
                }
                if batch.schedule().finished(task) && batch.failure.is_none() {
                    self.submit_ready(key.run);
                }
            }
            Err(error) => match batch.schedule().failed(task, error.retry()) {
                Verdict::Again(task) if batch.failure.is_none() => {
                    batch.again();
                    self.submit(key.run, task);
                }
                _ => {
                    let stream = &self.parts.plan.stages[key.stage.0].stream;
                    let message = format!(
                        "stream `{stream}`, stage {}, partition {}: {error}",
                        key.stage.0, key.partition
                    );
                    batch.fail(message);
                }
            },
        }
    }

    /// Hands the oldest batch to the publisher when it is through; a younger one waits for it.
    fn publish_in_order(&mut self) {
        while let Some((&run, batch)) = self.running.first_key_value() {
            if batch.publishing || !batch.is_through() {
                return;
            }
            self.refuse_rejected(run);
            let Some(batch) = self.running.get_mut(&run) else { return };
            if batch.failure.is_some() {
                self.batch_ended(run);
                continue;
            }
            batch.publishing = true;
            let sinks = &self.parts.plan.sinks;
            let datasets =
                sinks.iter().map(|(_, stage)| batch.dataset(*stage).map(<[_]>::to_vec)).collect();
            let time = batch.batch.time;
            self.parts.publisher.publish(Publication { run, time, datasets });
            return;
        }
    }

    /// Fails a batch of which operators refused rows, or writes those down, as the job says.
    fn refuse_rejected(&mut self, run: u64) {
        let Some(batch) = self.running.get_mut(&run) else { return };
        let Some(first) = batch.refused.first.clone().filter(|_| batch.failure.is_none()) else {
            return;
        };
        match &self.parts.settings.on_rejected {
            OnBadRow::Fail => {
                batch.failure = Some(format!(
                    "{}, the first: {first}; to go on without such rows, set {REJECTED_POLICIES}",
                    batch.refused.counts
                ));
            }
            OnBadRow::Skip => {}
            OnBadRow::DeadLetter(path) => {
                let storage = &*self.parts.storage;
                if let Err(error) = dead_letter::append(storage, path, &batch.refused.lines) {
                    batch.failure = Some(error);
                }
            }
        }
    }

    fn published(&mut self, run: u64, fatal: Option<String>) {
        let Some(batch) = self.running.get_mut(&run) else { return };
        let time = batch.batch.time;
        batch.failure.clone_from(&fatal);
        self.batch_ended(run);
        // The sink's own policy is to stop, whatever the job's is for batches.
        if let Some(message) = fatal
            && self.failure.is_none()
        {
            self.failure = Some(DriverError::Batch { time, message });
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
        let states = self.parts.states.sizes();
        self.parts.board.change(|status| status.states = states);
        let now_us = self.parts.clock.now_us();
        let info = batch.info(now_us);
        self.parts.sources.batch_ended(&batch, &released, &info, now_us);
        self.parts.board.tell(&JobEvent::BatchEnded(info));
        if let Some(message) = batch.failure.take()
            && self.parts.settings.on_failure == OnFailure::Stop
            && self.failure.is_none()
        {
            self.failure = Some(DriverError::Batch { time, message });
        }
    }

    /// Keeps what later batches read of one that has succeeded, and nothing of one that has failed.
    fn remember(&mut self, batch: &mut RunningBatch) {
        let (plan, time) = (&self.parts.plan, batch.batch.time);
        if batch.failure.is_some() {
            self.history.give_up(&batch.keeps);
        } else {
            self.parts.states.commit(time, std::mem::take(&mut batch.deltas));
            let partitions_of = |stage| batch.dataset(stage).map(<[_]>::len);
            self.history.keep(plan, time, &batch.keeps, partitions_of);
        }
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
        self.parts.board.change(|status| {
            status.queued_batches = queued;
            status.backlog_rows = waiting_rows + queued_rows;
            status.held_bytes = (gauges.held_bytes, gauges.held_bytes_max);
        });
    }

    /// Lets go of receivers, clock and publisher, in this order, and notes the end.
    fn end(self) {
        let Self { parts, failure, .. } = self;
        let board = Arc::clone(&parts.board);
        drop(parts);
        board.end(failure);
    }
}

/// The same chance in every attempt and every replay of a task.
fn task_seed(job_seed: u64, time: BatchTime, task: ReadyTask) -> u64 {
    let mut hasher = siphasher::sip::SipHasher13::new_with_keys(job_seed, 1);
    hasher.write(&time.0.to_le_bytes());
    hasher.write(&(task.stage.0 as u64).to_le_bytes());
    hasher.write(&(task.partition as u64).to_le_bytes());
    hasher.finish()
}
