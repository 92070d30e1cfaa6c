//! Control: the numbers of all jobs, in the text that Prometheus reads.
//!
//! Takes views of jobs. Gives text. Never makes a label of anything but a job's name and state,
//! which are bounded, as is the number of jobs.

use std::fmt::Write;

use super::views::{JobView, LastBatchView};

/// A number of a job: its name, its kind, what it is, and how it is found.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    of: fn(&JobView) -> Option<f64>,
}

const METRICS: &[Metric] = &[
    Metric {
        name: "tidemill_batches_total",
        kind: "counter",
        help: "Batches that have ended.",
        of: |job| Some(job.batches as f64),
    },
    Metric {
        name: "tidemill_failed_batches_total",
        kind: "counter",
        help: "Batches that failed.",
        of: |job| Some(job.failed_batches as f64),
    },
    Metric {
        name: "tidemill_rows_total",
        kind: "counter",
        help: "Rows of batches that have ended.",
        of: |job| Some(job.rows_in as f64),
    },
    Metric {
        name: "tidemill_rejected_rows_total",
        kind: "counter",
        help: "Rows that operators refused.",
        of: |job| Some(job.rejected_rows as f64),
    },
    Metric {
        name: "tidemill_bad_rows_total",
        kind: "counter",
        help: "Records that sources could not use.",
        of: |job| Some(job.bad_rows as f64),
    },
    Metric {
        name: "tidemill_queued_batches",
        kind: "gauge",
        help: "Batches that wait to run.",
        of: |job| Some(job.queued_batches as f64),
    },
    Metric {
        name: "tidemill_backlog_rows",
        kind: "gauge",
        help: "Rows that wait.",
        of: |job| Some(job.backlog_rows as f64),
    },
    Metric {
        name: "tidemill_held_bytes",
        kind: "gauge",
        help: "Bytes held of the block budget.",
        of: |job| Some(job.held_bytes as f64),
    },
    Metric {
        name: "tidemill_swaps_total",
        kind: "counter",
        help: "Swaps that brought other versions of plugins.",
        of: |job| Some(job.swaps as f64),
    },
    Metric {
        name: "tidemill_rollbacks_total",
        kind: "counter",
        help: "Rollbacks of plugins, by the job itself or asked for.",
        of: |job| Some(job.rollbacks as f64),
    },
    Metric {
        name: "tidemill_quarantined_versions",
        kind: "gauge",
        help: "Versions of plugins that the job is not to run again.",
        of: |job| Some(job.quarantined as f64),
    },
    Metric {
        name: "tidemill_batch_interval_seconds",
        kind: "gauge",
        help: "Time between batches.",
        of: |job| Some(seconds(job.batch_interval_us)),
    },
    Metric {
        name: "tidemill_scheduling_delay_seconds",
        kind: "gauge",
        help: "From the last batch's time until it began to run.",
        of: |job| last(job, |batch| batch.scheduling_delay_us),
    },
    Metric {
        name: "tidemill_processing_delay_seconds",
        kind: "gauge",
        help: "From then until its last output was published.",
        of: |job| last(job, |batch| batch.processing_delay_us),
    },
    Metric {
        name: "tidemill_total_delay_seconds",
        kind: "gauge",
        help: "Both together.",
        of: |job| last(job, |batch| batch.total_delay_us),
    },
];

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn last(job: &JobView, delay_us: fn(&LastBatchView) -> u64) -> Option<f64> {
    job.last_batch.as_ref().map(|batch| seconds(delay_us(batch)))
}

/// The numbers of these jobs, and how many records the batch log has dropped.
pub(super) fn text(jobs: &[JobView], dropped_records: u64) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "# HELP tidemill_job_info The jobs, each with its state.\n# TYPE tidemill_job_info gauge"
    );
    for job in jobs {
        let (name, state) = (&job.name, job.state);
        let _ = writeln!(text, "tidemill_job_info{{job=\"{name}\",state=\"{state}\"}} 1");
    }
    for Metric { name, kind, help, of } in METRICS {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for job in jobs {
            if let Some(value) = of(job) {
                let _ = writeln!(text, "{name}{{job=\"{}\"}} {value}", job.name);
            }
        }
    }
    let name = "tidemill_batch_log_dropped_total";
    let help = "Records that the batch log could not write.";
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {dropped_records}");
    text
}
