//! Cli: a batch in a line or two, and what a person might do about it.
//!
//! Takes the facts of a batch and the job's standing. Gives text. Never writes it anywhere.

use std::time::Duration;

use tidemill::model::status::{BatchInfo, BatchOutcome, JobStatus};
use tidemill::model::text::{grouped, number_of};

/// What the hints depend on beside the batch.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// Time between batches.
    pub batch_interval: Duration,
    /// Executor threads.
    pub executors: usize,
}

/// The batch in parts that each fit a line of a narrow terminal: what came, how long it took, and
/// a hint where there is one.
pub fn status_parts(batch: &BatchInfo, status: &JobStatus, machine: Machine) -> Vec<String> {
    let interval = machine.batch_interval;
    let per_second = batch.rows_in as f64 / interval.as_secs_f64();
    let came = format!(
        "batch {} | {} | {} rows/s | backlog {}",
        batch.time.of_day(),
        number_of(batch.rows_in, "row", "rows"),
        grouped(per_second as u64),
        number_of(status.backlog_rows, "row", "rows"),
    );
    let mut took = format!(
        "processing {} of {} | total delay {}",
        millis(batch.processing_delay),
        millis(interval),
        millis(batch.total_delay),
    );
    if status.queued_batches > 0 {
        let waits = number_of(status.queued_batches, "batch waits", "batches wait");
        took.push_str(&format!(" | {waits}"));
    }
    if let BatchOutcome::Failed { .. } = batch.outcome {
        took.push_str(" | FAILED");
    }
    let mut parts = vec![came, took];
    parts.extend(hint(batch, machine));
    parts
}

/// What a person might do, where there is something.
pub fn hint(batch: &BatchInfo, machine: Machine) -> Option<String> {
    if batch.processing_delay > machine.batch_interval {
        return Some("processing takes longer than the interval: batches pile up".to_owned());
    }
    let (tasks, cores) = (batch.source_tasks, machine.executors);
    // A batch that is done in a fraction of its interval needs no more cores.
    let busy = batch.processing_delay * 2 > machine.batch_interval;
    (busy && tasks > 0 && tasks < cores)
        .then(|| number_of(tasks, "task", "tasks"))
        .map(|tasks| format!("{tasks} on {cores} cores: a shorter block_interval makes more"))
}

/// All batches of a job in a line.
pub fn totals(status: &JobStatus) -> String {
    let mut totals = format!(
        "{}, {} failed, {}, {} rejected, {} bad",
        number_of(status.batches, "batch", "batches"),
        grouped(status.failed_batches),
        number_of(status.rows_in, "row", "rows"),
        grouped(status.rejected_rows),
        grouped(status.bad_rows),
    );
    if status.dropped_events > 0 {
        let dropped = number_of(status.dropped_events, "message was", "messages were");
        totals.push_str(&format!("; {dropped} not shown"));
    }
    totals
}

/// What a job counted, if anything.
pub fn counters(status: &JobStatus) -> Option<String> {
    let counters = status.counters.iter().map(|(name, count)| format!("{name} {}", grouped(count)));
    let counters: Vec<String> = counters.collect();
    (!counters.is_empty()).then(|| counters.join(", "))
}

/// A time in as many digits as say something.
pub fn millis(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ..100.0 => format!("{ms:.1} ms"),
        ..10_000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use tidemill::model::counted::Counted;
    use tidemill::model::rejected::Rejected;
    use tidemill::model::time::BatchTime;
    use tidemill::model::version::BatchCode;

    use super::*;

    fn batch(processing_ms: u64, source_tasks: usize) -> BatchInfo {
        BatchInfo {
            time: BatchTime(3_723_000),
            inputs: Vec::new(),
            rows_in: 1_234_567,
            bytes_in: 0,
            tasks: 4,
            source_tasks,
            submitted_us: 0,
            started_us: 0,
            ended_us: 0,
            scheduling_delay: Duration::ZERO,
            processing_delay: Duration::from_millis(processing_ms),
            total_delay: Duration::from_millis(processing_ms),
            cpu: Duration::ZERO,
            shuffled: (0, 0),
            rejected: Rejected::default(),
            counters: Counted::default(),
            retries: 0,
            recomputed: 0,
            code: BatchCode::default(),
            outputs: Vec::new(),
            outcome: BatchOutcome::Completed,
        }
    }

    fn hint_of(processing_ms: u64, source_tasks: usize) -> Option<String> {
        let machine = Machine { batch_interval: Duration::from_secs(1), executors: 2 };
        hint(&batch(processing_ms, source_tasks), machine)
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!((grouped(12), grouped(123)), ("12".to_owned(), "123".to_owned()));
    }

    #[test]
    fn hints_come_where_something_can_be_done() {
        assert!(hint_of(1_500, 2).is_some_and(|hint| hint.contains("pile up")));
        assert!(hint_of(600, 1).is_some_and(|hint| hint.contains("block_interval")));
        assert_eq!(hint_of(600, 2), None);
        assert_eq!(hint_of(10, 1), None);
    }
}
