//! Driver: a batch that is run on the versions before as well, to see whether those fail with as
//! many of its rows.
//!
//! Takes a batch that is through. Gives the same batch from its beginning, and what stood aside
//! again when that is through too. Never keeps more of the comparison than how it went.

use std::collections::BTreeMap;

use super::RunningBatch;
use crate::driver::history::BatchKeeps;
use crate::driver::job_version::SharedVersion;
use crate::error::Domain;
use crate::model::id::StageId;
use crate::model::stage::JobPlan;

/// Rows that were taken out because calls failed with them, by the stage that made them.
pub type PoisonRows = BTreeMap<StageId, u64>;

/// How a batch went on the versions before.
#[derive(Debug)]
pub enum WentOnOld {
    /// It failed.
    Failed,
    /// It did not, without these rows.
    Without(PoisonRows),
}

impl RunningBatch {
    /// The same batch from its beginning, on the versions before. What it has made stands aside.
    pub fn compare(
        self,
        plan: &JobPlan,
        keeps: BatchKeeps,
        failures_max: u32,
        old: SharedVersion,
    ) -> Self {
        let mut comparison = self.begin_anew(plan, keeps, failures_max, old);
        comparison.aside = Some(Box::new(self));
        comparison
    }

    /// Whether it is a comparison, of which nothing ever counts.
    pub fn is_comparison(&self) -> bool {
        self.aside.is_some()
    }

    /// What stood aside, which knows now how the comparison went, and what is kept of that.
    ///
    /// # Errors
    /// Gives back a batch that is no comparison.
    pub fn compared(mut self) -> Result<(Self, BatchKeeps), Box<Self>> {
        let Some(mut aside) = self.aside.take() else { return Err(Box::new(self)) };
        aside.cpu_before += self.cpu();
        aside.on_old = Some(match &self.failure {
            Some(_) => WentOnOld::Failed,
            None => WentOnOld::Without(std::mem::take(&mut self.poison)),
        });
        Ok((*aside, std::mem::take(&mut self.keeps)))
    }

    /// The job has gone back from the version of that number: what it made, here or aside, does not
    /// count.
    pub fn revoke(&mut self, bad: u64) {
        if let Some(aside) = &mut self.aside {
            aside.revoke(bad);
        }
        if self.version.number == bad {
            self.is_revoked = true;
            self.fail("its version was rolled back".to_owned(), Domain::Plugin);
        }
    }
}
