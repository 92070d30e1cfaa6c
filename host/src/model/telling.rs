//! Model: what a job says of itself, in the words that every reader is given.
//!
//! Takes events. Gives lines with their level. Never says the same of every batch: rows that
//! operators refuse are told when they first occur, and from then on added up for a while.

use super::rejected::Rejected;
use super::status::{BatchInfo, BatchOutcome, JobEvent};
use super::text::number_of;
use super::time::BatchTime;
use crate::limits::REJECTED_TOLD_EVERY;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `error`, `warn`, `info` or `debug`.
    pub level: &'static str,
    /// The words; those of a guest are free of control characters.
    pub text: String,
    /// Whether it is told to somebody, too, who wants to hear of errors alone.
    pub urgent: bool,
}

impl Told {
    fn new(level: &'static str, text: impl Into<String>) -> Self {
        Self { level, text: text.into(), urgent: level == "error" }
    }

    fn warning(is_one: bool, text: String) -> Self {
        Self { level: if is_one { "warn" } else { "info" }, text, urgent: is_one }
    }
}

/// What has been told of one job, and what waits.
#[derive(Debug, Default)]
pub struct Telling {
    /// Rows refused since the last time they were told.
    rejected: Rejected,
    /// In how many batches, and the first and last of them.
    batches: u64,
    first: Option<BatchTime>,
    told: Option<BatchTime>,
}

impl Telling {
    /// What is to be told of the event.
    pub fn hear(&mut self, event: &JobEvent) -> Vec<Told> {
        match event {
            JobEvent::BatchEnded(batch) => {
                let failed = match &batch.outcome {
                    BatchOutcome::Failed { message } => Some(failed(batch.time, message)),
                    BatchOutcome::Completed => None,
                };
                let failed = failed.map(|text| Told::new("error", text));
                failed.into_iter().chain(self.batch(batch)).collect()
            }
            JobEvent::Stopped => {
                self.rest().into_iter().chain([Told::new("info", "ended")]).collect()
            }
            other => of_event(other).into_iter().collect(),
        }
    }

    /// Counts the rows that a batch refused. Gives what is to be told of such by now. A batch that
    /// failed has refused nothing: its rows are told with why.
    pub fn batch(&mut self, batch: &BatchInfo) -> Option<Told> {
        let counts = batch.outcome == BatchOutcome::Completed;
        self.refused(batch.time, counts.then_some(&batch.rejected))
    }

    fn refused(&mut self, time: BatchTime, rejected: Option<&Rejected>) -> Option<Told> {
        if let Some(rejected) = rejected.filter(|rejected| rejected.rows() > 0) {
            self.rejected.absorb(rejected.clone());
            self.batches += 1;
            self.first.get_or_insert(time);
        }
        let every = REJECTED_TOLD_EVERY.as_millis() as i64;
        if self.told.is_some_and(|told| time.0 - told.0 < every) {
            return None;
        }
        let rest = self.rest()?;
        self.told = Some(time);
        Some(rest)
    }

    /// What is still to be told when the job ends.
    pub fn rest(&mut self) -> Option<Told> {
        let first = self.first.take()?.of_day();
        let (rejected, batches) =
            (std::mem::take(&mut self.rejected), std::mem::take(&mut self.batches));
        let text = match batches {
            1 => format!("batch {first}: {rejected}"),
            all => format!("{} since {first}: {rejected}", number_of(all, "batch", "batches")),
        };
        Some(Told { urgent: false, ..Told::new("warn", text) })
    }
}

/// That a batch has failed.
pub fn failed(time: BatchTime, message: &str) -> String {
    format!("batch {} failed: {message}", time.of_day())
}

/// What is told of an event by itself.
fn of_event(event: &JobEvent) -> Option<Told> {
    Some(match event {
        JobEvent::Started { .. } => Told::new("info", "started"),
        JobEvent::Draining => Told::new("info", "draining: what was received is worked off"),
        JobEvent::Paused => Told::new("info", "paused: no batch begins until the job is resumed"),
        JobEvent::Resumed => Told::new("info", "resumed"),
        JobEvent::SinkFailed { time, message, .. } => {
            let time = time.of_day();
            Told::new("error", format!("batch {time} is not published everywhere: {message}"))
        }
        JobEvent::Source { source, message, warning } => {
            Told::warning(*warning, format!("source `{source}`: {message}"))
        }
        JobEvent::Broadcast { name, message, warning } => {
            Told::warning(*warning, format!("broadcast `{name}`: {message}"))
        }
        JobEvent::Versions(event) => Told::warning(event.is_a_failure(), event.to_string()),
        JobEvent::OutOfWindows { stream, rows, next } => {
            let (next, rows) = (next.of_day(), number_of(*rows, "row", "rows"));
            let text = format!(
                "{rows} of stream `{stream}` fell in no window: its next slide would have been at \
                 {next}"
            );
            Told { urgent: false, ..Told::new("warn", text) }
        }
        JobEvent::GuestLog { plugin, level, message } => {
            Told::new(level, format!("{plugin}: {message}"))
        }
        // Numbers, for those who ask for them.
        JobEvent::BatchSubmitted(_)
        | JobEvent::BatchStarted { .. }
        | JobEvent::BatchEnded(_)
        | JobEvent::OutputStarted { .. }
        | JobEvent::OutputEnded(_)
        | JobEvent::ReceiverStarted(_)
        | JobEvent::ReceiverError(_)
        | JobEvent::ReceiverStopped(_)
        | JobEvent::DrainProgress { .. }
        | JobEvent::Stopped => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The story: of a source with some bad rows among many, every batch said so, and nobody saw
    /// what else was said.
    #[test]
    fn rows_that_are_refused_in_every_batch_are_added_up_for_a_while() {
        let mut telling = Telling::default();
        let mut refused = Rejected::default();
        refused.count("log.status", "no-status");
        let minute = REJECTED_TOLD_EVERY.as_millis() as i64;
        let mut told: Vec<String> = Vec::new();
        // A batch a second for two minutes and a half, of which the last one refuses nothing.
        for second in 0..=minute * 5 / 2 / 1000 {
            let rows = (second < minute * 5 / 2 / 1000).then_some(&refused);
            told.extend(telling.refused(BatchTime(second * 1000), rows).map(|told| told.text));
        }
        told.extend(telling.rest().map(|told| told.text));
        assert_eq!(
            told,
            [
                "batch 00:00:00: 1 row rejected by `log.status` (no-status)",
                "60 batches since 00:00:01: 60 rows rejected by `log.status` (no-status)",
                "60 batches since 00:01:01: 60 rows rejected by `log.status` (no-status)",
                "29 batches since 00:02:01: 29 rows rejected by `log.status` (no-status)",
            ]
        );
        assert_eq!(telling.rest(), None);
        // After a long silence at once.
        let told = telling.refused(BatchTime(minute * 9), Some(&refused));
        let expected = "batch 00:09:00: 1 row rejected by `log.status` (no-status)";
        assert_eq!(told.map(|told| told.text).as_deref(), Some(expected));
    }

    #[test]
    fn what_is_urgent_are_errors_and_warnings_of_the_outside() {
        let source = |warning| JobEvent::Source {
            source: "lines".to_owned(),
            message: "connected".to_owned(),
            warning,
        };
        let mut telling = Telling::default();
        for (event, level, urgent, text) in [
            (source(false), "info", false, "source `lines`: connected"),
            (source(true), "warn", true, "source `lines`: connected"),
            (
                JobEvent::OutOfWindows { stream: "s".to_owned(), rows: 1, next: BatchTime(0) },
                "warn",
                false,
                "1 row of stream `s` fell in no window: its next slide would have been at 00:00:00",
            ),
            (JobEvent::Stopped, "info", false, "ended"),
        ] {
            let told = telling.hear(&event);
            assert_eq!(told, [Told { level, text: text.to_owned(), urgent }]);
        }
        let begins = JobEvent::DrainProgress { batches: 1, rows: 1 };
        assert_eq!(telling.hear(&begins), []);
    }
}
