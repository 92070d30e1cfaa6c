//! Driver: what those see of a job's versions who prepare others.
//!
//! Takes what the loop notes. Gives the current version and the one before. Never changes either.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::driver::error::DriverError;
use crate::driver::job_version::{Binder, SharedVersion};
use crate::driver::planted::Planted;
use crate::driver::plugins::JobPlugins;
use crate::driver::states::JobStates;
use crate::model::stage::JobPlan;
use crate::model::time::BatchTime;

/// What those who prepare a swap see of the versions.
#[derive(Debug)]
pub struct VersionBase {
    current: Mutex<SharedVersion>,
    previous: Mutex<Option<Replaced>>,
    numbers: AtomicU64,
    pub(in crate::driver) planted: Planted,
}

impl VersionBase {
    /// The version that the job begins with.
    pub fn new(first: SharedVersion) -> Self {
        let numbers = AtomicU64::new(first.number);
        let (current, previous) = (Mutex::new(first), Mutex::default());
        Self { current, previous, numbers, planted: Planted::default() }
    }

    /// What batches that begin now run with.
    pub fn current(&self) -> SharedVersion {
        Arc::clone(&self.lock())
    }

    /// What a rollback goes back to.
    pub fn previous(&self) -> Option<Replaced> {
        self.previous.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note_previous(&self, previous: Option<&Replaced>) {
        let mut noted = self.previous.lock().unwrap_or_else(PoisonError::into_inner);
        *noted = previous.cloned();
    }

    /// Binds the version that the job begins with.
    ///
    /// # Errors
    /// When a plugin lacks an operator that planning found: a bug of the host.
    pub fn first(
        binder: &Binder,
        plan: &Arc<JobPlan>,
        plugins: JobPlugins,
        states: JobStates,
    ) -> Result<Arc<Self>, DriverError> {
        let codes = vec![0; plan.stages.len()];
        let first = binder.bind((0, codes), Arc::clone(plan), plugins, states)?;
        Ok(Arc::new(Self::new(first)))
    }

    /// A number that no version of the job has.
    pub fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, SharedVersion> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Versions in the place of which others have come.
#[derive(Debug, Clone)]
pub struct Replaced {
    /// They.
    pub version: SharedVersion,
    /// The first batch that ran on the others.
    pub at: BatchTime,
}

/// A job that has gone back, by itself or as somebody asked.
#[derive(Debug)]
pub struct GoneBack {
    /// To what.
    pub to: Replaced,
    /// From what.
    pub from: SharedVersion,
}
