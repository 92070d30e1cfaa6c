//! Driver: retained batches of a running job are run again outside it.
//!
//! Takes a batch, and other versions of plugins. Gives what comes out, and what is different. The
//! job goes on meanwhile: everything happens on the thread of whoever asks, one at a time of all
//! jobs of an engine.

mod case;
mod compare;
mod gate;
mod run;
mod shadowed;
mod window;

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use super::engine::Engine;
use super::error::DriverError;
use super::job_version::{Binder, Counted, SharedVersion};
use super::new_code::{NewCode, load_new};
use super::plugins::JobPlugins;
use super::retained::{RetainedBatch, RetainedInputs};
use super::states::JobStates;
use crate::error::{Classify, Domain, Retry};
use crate::exec::stage::BadRows;
use crate::limits::REPLAY_CASE_BYTES_MAX;
use crate::model::id::SinkId;
use crate::model::output_measure::OutputMeasure;
use crate::model::partition_store::PartitionStore;
use crate::model::pipeline::Pipeline;
use crate::model::replay::ComparedOutput;
use crate::model::replayed::{ReplayReport, ReplayedOutput};
use crate::model::stage::JobPlan;
use crate::model::time::BatchTime;
use crate::plan::{PlanDefaults, plan};
use crate::sys::niceness::standing_back;
use crate::version::admission::{Refusal, may_name};
use crate::version::fit::same_shape;
use crate::version::replayable::Replayable;
use crate::wasm::host_state::SilentPort;
pub(super) use gate::GateError;
use run::{Output, Replay, Replayed, Stopped, by_name};
pub(super) use window::WindowsMade;

/// Which batch is run again, and how.
#[derive(Debug, Clone, Default)]
pub struct ReplayAsked {
    /// Its time; `None`: the newest that is retained.
    pub time: Option<BatchTime>,
    /// Other versions of plugins, by their names in the job.
    pub plugins: Vec<(String, NewCode)>,
    /// The only partition of sources whose rows are read; `None`: all.
    pub partition: Option<usize>,
    /// Whether its rows are wanted as a case for the test kit.
    pub case: bool,
}

/// Why a batch is not run again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Its inputs are not retained.
    #[error(
        "{}; retained are the inputs of {}{}",
        asked(*.time),
        times(.retained),
        .told.as_ref().map(|told| format!(": {told}")).unwrap_or_default()
    )]
    NotRetained {
        /// The batch.
        time: Option<BatchTime>,
        /// Those that are retained.
        retained: Vec<BatchTime>,
        /// Why there are no more.
        told: Option<String>,
    },
    /// The other versions do not fit the job.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// One of them cannot be loaded, or its operators do not fit the job's streams.
    #[error(transparent)]
    Unfit(#[from] DriverError),
    /// No source had so many partitions.
    #[error("no source had a partition {found} in this batch: there were {partitions}, from 0")]
    NoPartition {
        /// What was asked for.
        found: usize,
        /// The most that a source had.
        partitions: usize,
    },
    /// The rows are too many for a case.
    #[error(
        "the rows of the batch are more than the {REPLAY_CASE_BYTES_MAX} bytes that a case may \
         have: ask for one partition of it"
    )]
    CaseTooLarge,
}

impl Classify for ReplayError {
    fn domain(&self) -> Domain {
        match self {
            Self::Refused(refusal) => refusal.domain(),
            Self::Unfit(error) => error.domain(),
            _ => Domain::User,
        }
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

fn asked(time: Option<BatchTime>) -> String {
    time.map_or_else(
        || "there is no batch to run again".to_owned(),
        |time| format!("batch {} is not retained", time.rfc3339()),
    )
}

fn times(retained: &[BatchTime]) -> String {
    let words: Vec<String> = retained.iter().map(|time| time.rfc3339()).collect();
    if words.is_empty() { "no batch".to_owned() } else { words.join(", ") }
}

/// Runs batches of one job again. It does not keep the job alive.
#[derive(Clone)]
pub struct ReplayControl(Arc<Replayer>);

impl std::fmt::Debug for ReplayControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReplayControl({})", self.0.pipeline.name)
    }
}

impl ReplayControl {
    pub(super) fn new(replayer: Arc<Replayer>) -> Self {
        Self(replayer)
    }

    /// Runs a retained batch again, on the versions that it ran with or on others, and compares
    /// what comes out: with what the job's sinks were given, or with a run on the old versions. A
    /// batch that fails is a report, not an error.
    ///
    /// # Errors
    /// When the batch is not retained, or other versions do not fit the job.
    pub fn replay(&self, asked: &ReplayAsked) -> Result<ReplayReport, ReplayError> {
        standing_back("replay", || self.0.replay(asked))
            .map_err(|source| DriverError::System { what: "a thread for a replay", source })?
    }
}

/// What it takes to run batches of one job again.
pub(super) struct Replayer {
    /// Where other versions are loaded.
    pub engine: Arc<Engine>,
    /// The job as declared.
    pub pipeline: Pipeline,
    /// What it is planned with.
    pub defaults: PlanDefaults,
    /// Its last batches.
    pub retained: Arc<RetainedInputs>,
    binder: Binder,
    nothing: Arc<dyn PartitionStore>,
}

impl Replayer {
    pub fn new(
        engine: &Arc<Engine>,
        pipeline: &Pipeline,
        defaults: PlanDefaults,
        (seed, bad_rows): (u64, BadRows),
        retained: RetainedInputs,
    ) -> Arc<Self> {
        // What guests say they said when the batch ran.
        let (port, counted) = (Arc::new(SilentPort), Counted::default());
        Arc::new(Self {
            engine: Arc::clone(engine),
            pipeline: pipeline.clone(),
            defaults,
            // What is refused is counted and not written down.
            binder: Binder { seed, bad_rows: BadRows { keep: false, ..bad_rows }, port, counted },
            retained: Arc::new(retained),
            nothing: engine.partition_store(0),
        })
    }

    /// One at a time: each has the sandbox's room of one executor.
    fn alone(&self) -> MutexGuard<'_, ()> {
        self.engine.replaying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One at a time, and none waits for a replay: each has room of its own.
    fn alone_going_back(&self) -> MutexGuard<'_, ()> {
        self.engine.going_back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same versions, bound so that nobody hears their guests.
    pub fn unheard_as(&self, version: &SharedVersion) -> Result<SharedVersion, DriverError> {
        let (plugins, states) = (version.plugins.clone(), version.states.clone());
        self.unheard(&version.plan, plugins, states)
    }

    fn unheard(
        &self,
        plan: &Arc<JobPlan>,
        plugins: JobPlugins,
        states: JobStates,
    ) -> Result<SharedVersion, DriverError> {
        let codes = vec![0; plan.stages.len()];
        self.binder.bind((0, codes), Arc::clone(plan), plugins, states)
    }

    fn run(
        &self,
        batch: &RetainedBatch,
        version: &SharedVersion,
        partition: Option<usize>,
        cpu_max: Option<Duration>,
    ) -> (Replayable, Result<Replayed, Stopped>) {
        let replayable = Replayable::of(&version.plan);
        let replay = Replay { partition, cpu_max, ..self.whole(batch, version, &replayable) };
        let ran = replay.run(&|sink: SinkId| self.pipeline.sinks[sink.0].name.clone());
        (replayable, ran)
    }

    /// All of a batch, however long it takes.
    fn whole<'a>(
        &'a self,
        batch: &'a RetainedBatch,
        version: &'a SharedVersion,
        replayable: &'a Replayable,
    ) -> Replay<'a> {
        Replay {
            replayable,
            version,
            batch,
            partition: None,
            settings: &self.pipeline.settings,
            seed: self.binder.seed,
            nothing: Arc::clone(&self.nothing),
            cpu_max: None,
        }
    }

    fn replay(&self, asked: &ReplayAsked) -> Result<ReplayReport, ReplayError> {
        let batch = self.batch(asked.time)?;
        let partitions = batch.sources.values().map(Vec::len).max().unwrap_or(0);
        if let Some(found) = asked.partition.filter(|found| *found >= partitions) {
            return Err(ReplayError::NoPartition { found, partitions });
        }
        let old = &batch.version;
        let recorded = self.unheard_as(old)?;
        let (version, is_other) = match asked.plugins.as_slice() {
            [] => (Arc::clone(&recorded), false),
            plugins => (self.other(&recorded, plugins)?, true),
        };
        let _alone = self.alone();
        let (replayable, ran) = self.run(&batch, &version, asked.partition, None);
        let rows = |wanted: usize| asked.partition.is_none_or(|partition| partition == wanted);
        let read = batch.sources.values().flat_map(|partitions| partitions.iter().enumerate());
        let read = read.filter(|(number, _)| rows(*number)).flat_map(|(_, slices)| slices);
        let mut report = ReplayReport {
            time: batch.time,
            rows: read.map(|slice| slice.num_rows() as u64).sum(),
            recorded: Arc::clone(&batch.version.told),
            plugins: Arc::clone(&version.told),
            cpu: Duration::ZERO,
            rejected: 0,
            outputs: Vec::new(),
            left_out: replayable.left_out,
            failure: None,
            case: None,
        };
        let outputs = match ran {
            Ok(Replayed { outputs, cpu, rejected, .. }) => {
                (report.cpu, report.rejected) = (cpu, rejected);
                outputs
            }
            Err(Stopped { message, cpu, .. }) => {
                (report.cpu, report.failure) = (cpu, Some(message));
                Vec::new()
            }
        };
        if asked.case {
            let case = case::write(&self.pipeline, &batch, asked.partition, &outputs);
            report.case = Some(case.ok_or(ReplayError::CaseTooLarge)?);
        }
        let given = |sink: Option<SinkId>| {
            sink.filter(|_| asked.partition.is_none()).and_then(|sink| batch.given.get(&sink))
        };
        let measured = outputs.into_iter().map(|output| (output.measure(), output));
        let outputs: Vec<_> = measured.collect();
        let differs = |(measure, output): &(OutputMeasure, Output)| {
            given(output.sink).is_none_or(|given| given != measure)
        };
        let against = if is_other || outputs.iter().any(differs) {
            self.run(&batch, &recorded, asked.partition, None).1.ok()
        } else {
            None
        };
        let mut against = against.map(|ran| by_name(ran.outputs)).unwrap_or_default();
        let replayed = outputs.into_iter().map(|(measure, output)| ReplayedOutput {
            measure,
            recorded: given(output.sink).cloned(),
            compared: compared(&mut against, &output),
            name: output.name,
        });
        report.outputs = replayed.collect();
        Ok(report)
    }

    fn batch(&self, time: Option<BatchTime>) -> Result<Arc<RetainedBatch>, ReplayError> {
        let batches = self.retained.batches();
        let found = match time {
            None => batches.last(),
            Some(time) => batches.iter().find(|batch| batch.time == time),
        };
        found.cloned().ok_or_else(|| ReplayError::NotRetained {
            time,
            retained: batches.iter().map(|batch| batch.time).collect(),
            told: self.retained.told(),
        })
    }

    /// Other versions in the place of some of a batch's.
    fn other(
        &self,
        recorded: &SharedVersion,
        new: &[(String, NewCode)],
    ) -> Result<SharedVersion, ReplayError> {
        let names: Vec<&str> = new.iter().map(|(name, _)| name.as_str()).collect();
        may_name(&names, &recorded.told)?;
        let plugins = recorded.plugins.with(&load_new(&self.engine, &self.pipeline, new)?);
        let planned = plan(&self.pipeline, &plugins, self.defaults).map_err(DriverError::from)?;
        same_shape(&recorded.plan, &planned.plan).map_err(Refusal::from)?;
        Ok(self.unheard(&Arc::new(planned.plan), plugins, recorded.states.clone())?)
    }
}

/// The output of another run against this one.
fn compared(before: &mut BTreeMap<String, Output>, after: &Output) -> Option<ComparedOutput> {
    let before = before.remove(&after.name)?;
    let (columns, name) = (&after.columns, after.name.clone());
    Some(compare::compare(name, columns, &before.partitions, &after.partitions))
}
