//! Driver: writes the batch log of one job: a plan when a batch begins, its end when it ends.
//!
//! Takes what the loop knows of a batch. Gives records to the log, which makes nobody wait. A batch
//! that is begun is ended, whatever becomes of the job.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::plan_record::{inputs_of, operators_of, plugins_of};
use super::running_batch::RunningBatch;
use crate::model::stage::JobPlan;
use crate::model::status::{BatchInfo, BatchOutcome, OutputInfo};
use crate::model::time::BatchTime;
use crate::model::version::{PluginVersion, ShadowedBatch};
use crate::store::batch_log::JobLog;
use crate::store::batch_record::{
    BatchRecord, CallTimeRecord, EndRecord, OutcomeRecord, OutputRecord, PlanRecord, PluginRecord,
    ShadowRecord, StageRecord,
};

/// Why a batch is given up that has not failed.
const GIVEN_UP: &str = "the job ended before the batch did";

/// Writes the batches of one run of a job.
#[derive(Debug)]
pub struct Scribe {
    log: JobLog,
    plan: Arc<JobPlan>,
    /// What the last batch was bound to, by the number of its version.
    plugins: (u64, Vec<PluginRecord>),
    sources: Vec<String>,
    seed: String,
    parent: Option<BatchTime>,
    begun: BTreeMap<u64, BatchRecord>,
    /// Batches that are run in the shadow, with their records once they have ended.
    shadowed: BTreeMap<BatchTime, Option<BatchRecord>>,
}

impl Scribe {
    /// Nothing has begun yet.
    pub fn new(log: JobLog, plan: &Arc<JobPlan>, sources: Vec<String>, seed: u64) -> Self {
        Self {
            log,
            plan: Arc::clone(plan),
            plugins: (u64::MAX, Vec::new()),
            sources,
            seed: format!("{seed:016x}"),
            parent: None,
            begun: BTreeMap::new(),
            shadowed: BTreeMap::new(),
        }
    }

    /// A batch begins to run: its plan is written.
    pub fn begun(&mut self, run: u64, batch: &RunningBatch) {
        let time = batch.batch.time;
        let plan = self.plan_of(batch);
        let record = BatchRecord {
            job: self.log.job().to_owned(),
            time_ms: time.0,
            run_us: self.log.run_us(),
            parent_ms: self.parent.map(|parent| parent.0),
            seed: self.seed.clone(),
            inputs: inputs_of(batch, &self.sources),
            plans: vec![plan],
            submitted_us: batch.batch.submission.submitted_us,
            started_us: batch.begun_us(),
            end: None,
            shadow: None,
        };
        self.parent = Some(time);
        self.log.put(record.clone());
        self.begun.insert(run, record);
    }

    /// A batch begins anew, on other versions: its plan has a further revision.
    pub fn revised(&mut self, run: u64, batch: &RunningBatch) {
        let plan = self.plan_of(batch);
        let Some(record) = self.begun.get_mut(&run) else { return };
        record.plans.push(plan);
        self.log.put(record.clone());
    }

    /// There is more to say of why a batch runs as it does.
    pub fn explained(&mut self, run: u64, batch: &RunningBatch) {
        let Some(record) = self.begun.get_mut(&run) else { return };
        if let Some(plan) = record.plans.last_mut() {
            plan.reason.clone_from(&batch.code.reason);
        }
        self.log.put(record.clone());
    }

    fn plan_of(&mut self, batch: &RunningBatch) -> PlanRecord {
        let version = &batch.version;
        if self.plugins.0 != version.number {
            self.plugins = (version.number, plugins_of(&version.plan, &version.plugins));
        }
        let (revision, reason) = (batch.code.revision, batch.code.reason.clone());
        PlanRecord { revision, reason, plugins: self.plugins.1.clone() }
    }

    /// A batch has ended.
    pub fn ended(&mut self, run: u64, info: &BatchInfo, batch: &RunningBatch) {
        let Some(mut record) = self.begun.remove(&run) else { return };
        for (input, known) in record.inputs.iter_mut().zip(&info.inputs) {
            input.rows = known.rows;
        }
        let bytes_in = record.inputs.iter().map(|input| input.bytes).sum();
        record.end = Some(self.end_of(info, batch, bytes_in));
        if let Some(kept) = self.shadowed.get_mut(&info.time) {
            *kept = Some(record.clone());
        }
        self.log.put(record);
    }

    /// A batch that is about to end will be run in the shadow.
    pub fn will_be_shadowed(&mut self, time: BatchTime) {
        // What was handed over before has been told, or its shadow is gone: two wait at most.
        while self.shadowed.len() > 2 {
            self.shadowed.pop_first();
        }
        self.shadowed.insert(time, None);
    }

    /// It was.
    pub fn shadowed(&mut self, told: &ShadowedBatch) {
        let Some(mut record) = self.shadowed.remove(&told.time).flatten() else { return };
        let digest =
            |(name, version): (&String, &PluginVersion)| (name.clone(), version.digest.clone());
        record.shadow = Some(ShadowRecord {
            digests: told.plugins.iter().map(digest).collect(),
            same: told.differs.map(|differs| !differs),
            failure: told.failure.clone(),
            cpu_us: micros(told.cpu.1),
            partitions_left_out: told.partitions_left_out,
        });
        self.log.put(record);
    }

    /// The job ends: so do the batches that still run.
    pub fn give_up(&mut self, now_us: i64) {
        for (_, mut record) in std::mem::take(&mut self.begun) {
            let (outcome, reason) = (OutcomeRecord::GivenUp, GIVEN_UP.to_owned());
            record.end = Some(EndRecord::without_work(outcome, reason, now_us));
            self.log.put(record);
        }
    }

    fn end_of(&self, info: &BatchInfo, batch: &RunningBatch, bytes_in: u64) -> EndRecord {
        let (outcome, reason) = match &info.outcome {
            BatchOutcome::Completed => (OutcomeRecord::Completed, None),
            BatchOutcome::Failed { message } => (OutcomeRecord::Failed, Some(message.clone())),
        };
        let given = || info.outputs.iter().filter_map(|output| output.given.as_ref());
        let stages = batch.work().iter().filter_map(|(id, work)| {
            let stage = self.plan.stages.get(id.0)?;
            Some(StageRecord {
                stage: id.0,
                stream: stage.stream.clone(),
                operators: operators_of(stage),
                cpu_us: micros(work.cpu),
                calls: work.call_times.iter().map(call).collect(),
                attempts: u64::from(work.attempts),
            })
        });
        let attempts = batch.work().values().map(|work| u64::from(work.attempts)).sum();
        EndRecord {
            outcome,
            reason,
            ended_us: info.ended_us,
            scheduling_delay_us: micros(info.scheduling_delay),
            processing_delay_us: micros(info.processing_delay),
            total_delay_us: micros(info.total_delay),
            rows_in: info.rows_in,
            bytes_in,
            rows_out: given().map(|given| given.rows).sum(),
            bytes_out: given().map(|given| given.bytes).sum(),
            rejected_rows: info.rejected.rows(),
            shuffle_rows: info.shuffled.0,
            shuffle_bytes: info.shuffled.1,
            tasks: info.tasks as u64,
            attempts,
            recomputed: u64::from(info.recomputed),
            cpu_us: micros(info.cpu),
            stages: stages.collect(),
            outputs: info.outputs.iter().map(output).collect(),
        }
    }
}

fn call((label, cpu): (&str, Duration)) -> CallTimeRecord {
    CallTimeRecord { operator: label.to_owned(), cpu_us: micros(cpu) }
}

fn output(info: &OutputInfo) -> OutputRecord {
    let given = info.given.as_ref();
    OutputRecord {
        sink: info.name.clone(),
        rows: given.map_or(0, |given| given.rows),
        bytes: given.map_or(0, |given| given.bytes),
        hash: given.map(|given| given.hash.clone()),
        failure: info.failure.clone(),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
