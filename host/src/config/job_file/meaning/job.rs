//! Config: the settings of a job.
//!
//! Takes the keys before the first section. Gives settings within their ranges. Never keeps a
//! value that is out of range.

use super::{Meaning, span_of};
use crate::config::job_file::bad_row::OnJobFailure;
use crate::config::job_file::value::At;
use crate::config::job_file::written::{BackpressureText, JobText};
use crate::limits::{
    BATCH_INTERVAL_MAX, BATCH_INTERVAL_MIN, BLOCK_BUDGET_BYTES_DEFAULT, BLOCK_BUDGET_BYTES_MAX,
    BLOCK_BYTES_MAX, BLOCK_INTERVAL_MAX, BLOCK_INTERVAL_MIN, CONCURRENT_JOBS_MAX,
    GRACEFUL_STOP_MAX, PARTITIONS_MAX, POISON_ROWS_ASKED_MAX, POISON_ROWS_MAX,
    RETAINED_BATCHES_DEFAULT, RETAINED_BATCHES_MAX, RETAINED_INPUT_BYTES_DEFAULT,
    RETAINED_INPUT_BYTES_MAX, RETAINED_INPUTS_MAX, TASK_FAILURES_ASKED_MAX, TASK_FAILURES_MAX,
};
use crate::model::pipeline::JobSettings;
use crate::model::policy::{OnBadRow, OnFailure};

impl Meaning<'_> {
    pub(super) fn settings(
        &mut self,
        job: &JobText,
        backpressure: Option<&At<BackpressureText>>,
    ) -> JobSettings {
        self.check_name(&job.name);
        let batch_interval = self
            .duration(
                "batch_interval",
                Some(&job.batch_interval),
                BATCH_INTERVAL_MIN..=BATCH_INTERVAL_MAX,
            )
            .unwrap_or(BATCH_INTERVAL_MAX);
        let block_interval = self.duration(
            "block_interval",
            job.block_interval.as_ref(),
            BLOCK_INTERVAL_MIN..=BLOCK_INTERVAL_MAX,
        );
        if let (Some(found), Some(span)) = (block_interval, span_of(&job.block_interval))
            && found > batch_interval
        {
            self.complain(span, "`block_interval` is longer than `batch_interval`");
        }
        let concurrent =
            self.number("concurrent_jobs", job.concurrent_jobs.as_ref(), 1..=CONCURRENT_JOBS_MAX);
        let failures =
            self.number("max_failures", job.max_failures.as_ref(), 1..=TASK_FAILURES_ASKED_MAX);
        // A block is sealed while the next one fills, so a budget holds at least two.
        let budget = self.bytes(
            "block_budget",
            job.block_budget.as_ref(),
            2 * BLOCK_BYTES_MAX..=BLOCK_BUDGET_BYTES_MAX,
        );
        let graceful = self.duration(
            "graceful_stop_timeout",
            job.graceful_stop_timeout.as_ref(),
            BATCH_INTERVAL_MIN..=GRACEFUL_STOP_MAX,
        );
        let retained = job.retained_batches.as_ref();
        let retained = self.number("retained_batches", retained, 0..=RETAINED_BATCHES_MAX);
        let (retained_inputs, retained_input_bytes) = self.retained_inputs(job);
        let (on_rejected, poison_rows_max) = self.bad_rows(job);
        JobSettings {
            batch_interval,
            block_interval,
            concurrent_jobs: concurrent.unwrap_or(1),
            on_failure: match job.on_failure.as_ref().map(|at| at.value.0) {
                Some(OnJobFailure::Batch(on_failure)) => on_failure,
                Some(OnJobFailure::DeadLetter) | None => OnFailure::Stop,
            },
            on_rejected,
            poison_rows_max,
            max_failures: failures.unwrap_or(TASK_FAILURES_MAX),
            partitions: self.number("partitions", job.partitions.as_ref(), 1..=PARTITIONS_MAX),
            block_budget_bytes: budget.unwrap_or(BLOCK_BUDGET_BYTES_DEFAULT),
            seed: self.number("seed", job.seed.as_ref(), 0..=i64::MAX.unsigned_abs()),
            graceful_stop_timeout: graceful,
            retained_batches: retained.unwrap_or(RETAINED_BATCHES_DEFAULT),
            retained_inputs,
            retained_input_bytes,
            remember: None,
            catch_up: job.catch_up.as_ref().map(|at| at.value.0).unwrap_or_default(),
            backpressure: self.backpressure(backpressure),
        }
    }

    /// Of how many batches inputs are retained, and how many bytes of them.
    fn retained_inputs(&mut self, job: &JobText) -> (Option<usize>, usize) {
        let batches = job.retained_inputs.as_ref();
        let batches = self.number("retained_inputs", batches, 0..=RETAINED_INPUTS_MAX);
        let bytes = job.retained_input_bytes.as_ref();
        let bytes = self.bytes("retained_input_bytes", bytes, 0..=RETAINED_INPUT_BYTES_MAX);
        (batches, bytes.unwrap_or(RETAINED_INPUT_BYTES_DEFAULT))
    }

    /// What becomes of rows that operators refuse, and how many may be left out of a batch because
    /// calls fail with them.
    fn bad_rows(&mut self, job: &JobText) -> (OnBadRow, u64) {
        let on_rejected = self.on_bad_row(job.on_rejected.as_ref()).unwrap_or_default();
        let asked = job.poison_rows_max.as_ref();
        let asked = self.number("poison_rows_max", asked, 1..=POISON_ROWS_ASKED_MAX);
        if job.on_failure.as_ref().map(|at| at.value.0) != Some(OnJobFailure::DeadLetter) {
            if let Some(span) = span_of(&job.poison_rows_max) {
                self.complain(span, "`poison_rows_max` goes with `on_failure = \"dead-letter\"`");
            }
            return (on_rejected, 0);
        }
        let on_rejected = match (on_rejected, span_of(&job.on_rejected)) {
            (written @ OnBadRow::DeadLetter(_), _) => written,
            (_, None) => self.default_dead_letter(),
            (other, Some(span)) => {
                self.complain(
                    span,
                    "`on_failure = \"dead-letter\"` writes down what operators refuse, too: \
                     `on_rejected` may only say where",
                );
                other
            }
        };
        (on_rejected, asked.unwrap_or(POISON_ROWS_MAX))
    }
}
