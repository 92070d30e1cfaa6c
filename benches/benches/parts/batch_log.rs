//! Batch log: what a second of batches costs its writer.
//!
//! Takes batches of 5 ms of one job and of many. Gives the time until all are written, in commits
//! of what comes within the time that the writer gathers. A round is a second of batches: what it
//! takes of a second is the writer's share of a core.

use std::sync::Arc;

use anyhow::Context;
use criterion::{Criterion, Throughput};
use serde_json::json;
use tidemill::limits::BATCH_LOG_GATHER;
use tidemill::store::batch_log::{BatchLog, JobLog};
use tidemill::store::batch_record::{BatchRecord, EndRecord};
use tidemill::store::retention::Retention;
use tidemill::sys::clock::ManualClock;

use super::timings::Timings;

const INTERVAL_MS: i64 = 5;
const SECOND_MS: i64 = 1_000;
/// When the batches begin.
const START_MS: i64 = 1_000_000;
/// How many jobs write at once, in the order of rows.
const JOBS: [usize; 3] = [1, 10, 100];

/// Measures the part.
pub fn measure(criterion: &mut Criterion) {
    let work = Throughput::Elements(u64::try_from(SECOND_MS / INTERVAL_MS).expect("it is small"));
    let title = "batch log, a second of batches of 5 ms";
    let mut timings = Timings::of_long(criterion, title, work);
    for jobs in JOBS {
        timings.time(&format!("{jobs} jobs"), || {
            let mut written = Written::begin(jobs)?;
            Ok(move || written.second().expect("the disk takes it"))
        });
    }
    timings.end();
}

/// A log with jobs that write into it.
struct Written {
    log: BatchLog,
    jobs: Vec<JobLog>,
    record: BatchRecord,
    end: EndRecord,
    now_ms: i64,
}

impl Written {
    fn begin(jobs: usize) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let folder = program.parent().context("a program lies in a folder")?.join("bench-log");
        // What an earlier log has left.
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder)?;
        let clock = Arc::new(ManualClock::at_ms(START_MS));
        let log = BatchLog::open(&folder.join("batches.redb"), Retention::default(), clock)?;
        let jobs = (0..jobs).map(|job| log.job(&format!("job-{job}"), 0)).collect();
        Ok(Self { log, jobs, record: record()?, end: end()?, now_ms: START_MS })
    }

    /// Every batch is written twice, as it begins and as it ends.
    fn second(&mut self) -> anyhow::Result<()> {
        let gather_ms = i64::try_from(BATCH_LOG_GATHER.as_millis())?;
        let until_ms = self.now_ms + SECOND_MS;
        while self.now_ms < until_ms {
            let gathered_ms = self.now_ms + gather_ms;
            while self.now_ms < gathered_ms {
                self.batch();
                self.now_ms += INTERVAL_MS;
            }
            self.log.flush()?;
        }
        anyhow::ensure!(self.log.dropped() == 0, "records were dropped");
        Ok(())
    }

    fn batch(&self) {
        for job in &self.jobs {
            let (name, time_ms) = (job.job().to_owned(), self.now_ms);
            let begun = BatchRecord { job: name, time_ms, ..self.record.clone() };
            job.put(begun.clone());
            job.put(BatchRecord { end: Some(self.end.clone()), ..begun });
        }
    }
}

/// A batch of the word count, as it begins.
fn record() -> anyhow::Result<BatchRecord> {
    let call = json!({ "operator": "split", "parameters": {} });
    let plugin = json!({
        "name": "words", "digest": "0".repeat(64), "version": "0.1.0", "calls": [call],
    });
    let blocks: Vec<_> = (0..2)
        .map(|block| json!({ "block": format!("lines-{block}"), "rows": 50, "bytes": 4_000 }))
        .collect();
    let input = json!({
        "source": "lines", "rows": 100, "bytes": 8_000, "blocks": blocks, "files": [],
    });
    Ok(serde_json::from_value(json!({
        "job": "", "time_ms": 0, "run_us": 0, "parent_ms": 0, "seed": "0", "inputs": [input],
        "plans": [{ "revision": 1, "reason": null, "plugins": [plugin] }],
        "submitted_us": 0, "started_us": 0, "end": null,
    }))?)
}

fn end() -> anyhow::Result<EndRecord> {
    let stage = |stage: u32| {
        json!({
            "stage": stage, "stream": "counts", "operators": ["words.split"], "cpu_us": 200,
            "calls": [{ "operator": "words.split", "cpu_us": 150 }], "attempts": 2,
        })
    };
    let output = json!({
        "sink": "out", "rows": 100, "bytes": 1_000, "hash": "0".repeat(64), "failure": null,
    });
    Ok(serde_json::from_value(json!({
        "outcome": "completed", "reason": null, "ended_us": 0, "scheduling_delay_us": 100,
        "processing_delay_us": 1_000, "total_delay_us": 1_100, "rows_in": 100, "bytes_in": 8_000,
        "rows_out": 100, "bytes_out": 1_000, "rejected_rows": 0, "shuffle_rows": 100,
        "shuffle_bytes": 2_000, "tasks": 4, "attempts": 4, "recomputed": 0, "cpu_us": 400,
        "stages": [stage(0), stage(1)], "outputs": [output],
    }))?)
}
