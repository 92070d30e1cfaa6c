//! Driver: what has become of a job's batches and receivers so far, for gauges and pages.
//!
//! Takes the job's events. Gives counts, and the batches that ended last. Never keeps more of them
//! than it was told to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::model::gauges::{Gauges, LastCompleted, LastReceived};
use crate::model::id::SourceId;
use crate::model::status::{BatchInfo, BatchSubmission, JobEvent};
use crate::model::time::BatchTime;

/// A job's batches by how far they are.
#[derive(Debug)]
pub struct Progress {
    retained_max: usize,
    waiting: BTreeMap<BatchTime, BatchSubmission>,
    running: BTreeMap<BatchTime, (BatchSubmission, i64)>,
    completed: VecDeque<BatchInfo>,
    receivers: BTreeSet<SourceId>,
    total_completed: u64,
    received_rows: u64,
    processed_rows: u64,
}

impl Progress {
    /// Nothing has happened yet; so many batches that ended are to be kept.
    pub fn new(retained_max: usize) -> Self {
        Self {
            retained_max,
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            completed: VecDeque::new(),
            receivers: BTreeSet::new(),
            total_completed: 0,
            received_rows: 0,
            processed_rows: 0,
        }
    }

    /// Takes note of an event.
    pub fn hear(&mut self, event: &JobEvent) {
        match event {
            JobEvent::BatchSubmitted(batch) => {
                self.waiting.insert(batch.time, batch.clone());
            }
            JobEvent::BatchStarted { batch, scheduling_delay } => {
                self.waiting.remove(&batch.time);
                self.received_rows += batch.rows();
                let delay_us = i64::try_from(scheduling_delay.as_micros()).unwrap_or(i64::MAX);
                let started_us = batch.due_us().saturating_add(delay_us);
                self.running.insert(batch.time, (batch.clone(), started_us));
            }
            JobEvent::BatchEnded(batch) => self.ended(batch),
            JobEvent::ReceiverStarted(receiver) => {
                self.receivers.insert(receiver.id);
            }
            JobEvent::ReceiverStopped(receiver) => {
                self.receivers.remove(&receiver.id);
            }
            _ => {}
        }
    }

    fn ended(&mut self, batch: &BatchInfo) {
        let known = self.running.remove(&batch.time).map_or(0, |(begun, _)| begun.rows());
        // Rows of files are counted when they are read.
        self.received_rows += batch.rows_in.saturating_sub(known);
        self.processed_rows += batch.rows_in;
        self.total_completed += 1;
        self.completed.push_back(batch.clone());
        while self.completed.len() > self.retained_max {
            self.completed.pop_front();
        }
    }

    /// The batches that ended last, the oldest first.
    pub fn completed(&self) -> Vec<BatchInfo> {
        self.completed.iter().cloned().collect()
    }

    /// The numbers.
    pub fn gauges(&self) -> Gauges {
        let last = self.completed.back();
        Gauges {
            receivers: self.receivers.len(),
            total_completed_batches: self.total_completed,
            total_received_rows: self.received_rows,
            total_processed_rows: self.processed_rows,
            unprocessed_batches: self.waiting.len() + self.running.len(),
            waiting_batches: self.waiting.len(),
            running_batches: self.running.len(),
            retained_completed_batches: self.completed.len(),
            last_completed_batch: last.map(|batch| LastCompleted {
                submitted_us: batch.submitted_us,
                started_us: batch.started_us,
                ended_us: batch.ended_us,
                scheduling_delay: batch.scheduling_delay,
                processing_delay: batch.processing_delay,
                total_delay: batch.total_delay,
            }),
            last_received_batch: self.last_received(),
        }
    }

    fn last_received(&self) -> Option<LastReceived> {
        let waiting = self.waiting.last_key_value().map(|(time, batch)| {
            let (rows, submitted_us) = (batch.rows(), batch.submitted_us);
            (*time, LastReceived { submitted_us, started_us: None, ended_us: None, rows })
        });
        let running = self.running.last_key_value().map(|(time, (batch, started_us))| {
            let (rows, submitted_us) = (batch.rows(), batch.submitted_us);
            let started_us = Some(*started_us);
            (*time, LastReceived { submitted_us, started_us, ended_us: None, rows })
        });
        let completed = self.completed.back().map(|batch| {
            let last = LastReceived {
                submitted_us: batch.submitted_us,
                started_us: Some(batch.started_us),
                ended_us: Some(batch.ended_us),
                rows: batch.rows_in,
            };
            (batch.time, last)
        });
        let all = [completed, running, waiting].into_iter().flatten();
        all.max_by_key(|(time, _)| *time).map(|(_, last)| last)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::counted::Counted;
    use crate::model::rejected::Rejected;
    use crate::model::status::{BatchOutcome, ReceiverInfo, SourceRows};
    use crate::model::version::BatchCode;

    fn submission(time: i64) -> BatchSubmission {
        let of = |id: u32| SourceRows { id: SourceId(id), source: format!("s{id}"), rows: 300 };
        let (inputs, submitted_us) = (vec![of(0), of(1)], time * 1000 + 1);
        BatchSubmission { time: BatchTime(time), inputs, submitted_us }
    }

    fn started(time: i64) -> JobEvent {
        let scheduling_delay = Duration::from_micros(1_500);
        JobEvent::BatchStarted { batch: submission(time), scheduling_delay }
    }

    fn ended(time: i64, rows_in: u64) -> JobEvent {
        JobEvent::BatchEnded(BatchInfo {
            time: BatchTime(time),
            inputs: submission(time).inputs,
            rows_in,
            bytes_in: 0,
            tasks: 1,
            source_tasks: 1,
            submitted_us: 1,
            started_us: 2,
            ended_us: 3,
            scheduling_delay: Duration::ZERO,
            processing_delay: Duration::ZERO,
            total_delay: Duration::ZERO,
            cpu: Duration::ZERO,
            shuffled: (0, 0),
            rejected: Rejected::default(),
            counters: Counted::default(),
            retries: 0,
            recomputed: 0,
            code: BatchCode::default(),
            outputs: Vec::new(),
            outcome: BatchOutcome::Completed,
        })
    }

    /// Case E03 of Spark's suites.
    #[test]
    fn rows_are_received_at_the_start_and_processed_at_the_end() {
        let mut progress = Progress::new(100);
        assert_eq!(progress.gauges(), Gauges::default(), "nothing is known yet");
        progress.hear(&JobEvent::BatchSubmitted(submission(1000)));
        let gauges = progress.gauges();
        assert_eq!((gauges.waiting_batches, gauges.total_received_rows), (1, 0));
        assert_eq!(gauges.last_received_batch.expect("it waits").started_us, None);
        progress.hear(&started(1000));
        let gauges = progress.gauges();
        assert_eq!((gauges.waiting_batches, gauges.running_batches), (0, 1));
        assert_eq!((gauges.total_received_rows, gauges.total_processed_rows), (600, 0));
        let running = gauges.last_received_batch.expect("it runs");
        assert_eq!((running.started_us, running.ended_us), (Some(1_001_500), None));
        progress.hear(&ended(1000, 600));
        let gauges = progress.gauges();
        assert_eq!((gauges.unprocessed_batches, gauges.total_processed_rows), (0, 600));
        assert_eq!(gauges.last_completed_batch.map(|batch| batch.ended_us), Some(3));
    }

    /// Case E03, its second half.
    #[test]
    fn only_the_last_batches_are_kept_and_all_are_counted() {
        let mut progress = Progress::new(100);
        for number in 1..=110 {
            progress.hear(&ended(number * 1000, 1));
        }
        let gauges = progress.gauges();
        assert_eq!((gauges.retained_completed_batches, gauges.total_completed_batches), (100, 110));
        assert_eq!(progress.completed()[0].time, BatchTime(11_000));
    }

    #[test]
    fn rows_of_files_are_received_when_they_are_read() {
        let mut progress = Progress::new(1);
        progress.hear(&started(1000));
        progress.hear(&ended(1000, 650));
        assert_eq!(progress.gauges().total_received_rows, 650);
    }

    #[test]
    fn receivers_count_while_they_are_active() {
        let mut progress = Progress::new(1);
        let receiver = ReceiverInfo {
            id: SourceId(3),
            source: "s".to_owned(),
            active: true,
            last_error: None,
            last_error_us: None,
        };
        progress.hear(&JobEvent::ReceiverStarted(receiver.clone()));
        assert_eq!(progress.gauges().receivers, 1);
        progress.hear(&JobEvent::ReceiverStopped(ReceiverInfo { active: false, ..receiver }));
        assert_eq!(progress.gauges().receivers, 0);
    }
}
