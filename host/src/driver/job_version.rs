//! Driver: one set of versions of a job's plugins, bound into the stages that its batches run.
//!
//! Takes a plan and loaded plugins. Gives stages and states that batches share. Gone when no batch
//! needs it and the job will not go back to it.

use std::sync::Arc;

use super::error::DriverError;
use super::plugins::JobPlugins;
use super::states::JobStates;
use crate::exec::metered::Metered;
use crate::exec::stage::{BadRows, BoundStage, SharedStage};
use crate::model::stage::{JobPlan, Stage};
use crate::model::version::PluginVersions;
use crate::wasm::host_state::GuestPort;

/// The code of a job, as long as batches run with it.
#[derive(Debug)]
pub struct JobVersion {
    /// Tells it from all others of its job.
    pub number: u64,
    /// The plan that its stages were bound of; of the same shape in all versions of a job.
    pub plan: Arc<JobPlan>,
    /// The plugins.
    pub plugins: JobPlugins,
    /// The stages of the plan, bound.
    pub stages: Vec<SharedStage>,
    /// What its stateful steps keep; other versions have the same where they can read it.
    pub states: JobStates,
    /// What code makes the rows of each stage: a number that two versions share where none of the
    /// plugins differs that go into its rows.
    pub codes: Vec<u64>,
    /// The versions of the plugins that the plan calls.
    pub told: PluginVersions,
    /// Counted for as long as it is there.
    _counted: Arc<()>,
}

/// Batches of one version share it.
pub type SharedVersion = Arc<JobVersion>;

/// Counts the versions of a job that are in memory. Its clones count the same ones.
#[derive(Debug, Clone, Default)]
#[allow(clippy::redundant_allocation, reason = "versions share the inner one, counters the outer")]
pub struct Counted(Arc<Arc<()>>);

impl Counted {
    /// Those that are there.
    pub fn count(&self) -> usize {
        // One is the counter's own.
        Arc::strong_count(&*self.0) - 1
    }
}

/// What binding needs beside plan and plugins.
pub struct Binder {
    /// Seed of the job's partitioning hash.
    pub seed: u64,
    /// What becomes of rows that operators refuse or fail with.
    pub bad_rows: BadRows,
    /// Where guests are heard.
    pub port: Arc<dyn GuestPort>,
    /// Counts what is bound.
    pub counted: Counted,
}

impl Binder {
    /// Binds every call of the plan.
    ///
    /// # Errors
    /// When a plugin lacks an operator that planning found: a bug of the host.
    pub fn bind(
        &self,
        (number, codes): (u64, Vec<u64>),
        plan: Arc<JobPlan>,
        plugins: JobPlugins,
        states: JobStates,
    ) -> Result<SharedVersion, DriverError> {
        let bind = |stage: &Stage| {
            let (seed, bad_rows, store) = (self.seed, self.bad_rows, states.of(stage.id));
            BoundStage::bind(stage, seed, bad_rows, store, &|call| {
                plugins.bind(call, &self.port).map(Metered::over)
            })
        };
        let stages = plan.stages.iter().map(|stage| bind(stage).map(Arc::new));
        let stages = stages.collect::<Result<_, DriverError>>()?;
        let (told, _counted) = (plugins.versions(&plan), Arc::clone(&*self.counted.0));
        Ok(Arc::new(JobVersion { number, plan, plugins, stages, states, codes, told, _counted }))
    }
}

#[cfg(test)]
impl JobVersion {
    /// Stages that call no plugin.
    pub fn without_plugins(plan: JobPlan, stages: Vec<SharedStage>) -> SharedVersion {
        Arc::new(Self {
            number: 0,
            codes: vec![0; plan.stages.len()],
            plan: Arc::new(plan),
            plugins: JobPlugins::default(),
            stages,
            states: JobStates::default(),
            told: PluginVersions::default(),
            _counted: Arc::default(),
        })
    }
}
