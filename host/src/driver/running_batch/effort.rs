//! Driver: the work of a batch on its rows.
//!
//! Takes a batch whose tasks have ended. Gives CPU time and rows, by which versions are compared.

use super::RunningBatch;
use crate::version::effort::Effort;

impl RunningBatch {
    /// The work of its tasks so far, on the version that it has. Who looks for rows to take out, or
    /// tries letters one by one, does more than that, and takes long on any version: then it tells
    /// nothing.
    pub fn effort(&self) -> Effort {
        if !self.poison.is_empty() || self.batch.fed.is_some() {
            return Effort::default();
        }
        let file_rows: u64 = self.file_rows().values().sum();
        Effort { cpu: self.cpu(), rows: self.batch.size.0 + file_rows }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use super::*;
    use crate::driver::fed_letters::{FedLetters, FeedAsked, Flight};
    use crate::driver::job_version::JobVersion;
    use crate::driver::running_batch::{BatchInputs, QueuedBatch};
    use crate::model::call_times::CallTimes;
    use crate::model::id::{SourceId, StageId};
    use crate::model::stage::JobPlan;
    use crate::model::time::BatchTime;

    /// A batch of 400 rows of a file that took 20 ms.
    fn batch(plan: &JobPlan) -> RunningBatch {
        let name = |_| String::new();
        let queued = QueuedBatch::new(BatchTime(0), BTreeMap::new(), BatchInputs::new(), name, 0);
        let version = JobVersion::without_plugins(plan.clone(), Vec::new());
        let mut batch = RunningBatch::begin(plan, queued, Default::default(), 1, 0, version);
        batch.has_read(SourceId(0), StageId(0), 400);
        batch.in_flight = 1;
        batch.charge(StageId(0), Duration::from_millis(20), &CallTimes::default());
        batch
    }

    /// The story: letters are tried one by one, and were no rows of the batch that they were fed
    /// back to, but its work. A version that was swapped in took many times too long for its rows
    /// then, and was gone back from and quarantined, though it was as fast as the one before.
    #[test]
    fn batch_that_does_more_than_its_rows_tells_nothing() {
        let plan = JobPlan { stages: Vec::new(), sinks: Vec::new() };
        let plain = batch(&plan);
        assert_eq!(plain.effort(), Effort { cpu: Duration::from_millis(20), rows: 400 });
        let mut poisoned = batch(&plan);
        poisoned.poison.insert(StageId(0), 1);
        assert_eq!(poisoned.effort(), Effort::default());
        let mut fed = batch(&plan);
        let (answer, _answered) = sync_channel(1);
        let flight = Flight::of(Vec::new(), &Arc::default());
        let asked = FeedAsked { rows: Vec::new(), flight, answer };
        let letters = FedLetters::join(asked, &mut fed.batch.inputs, &plan);
        fed.batch.fed = Some(Arc::new(letters.expect("no source is missing")));
        assert_eq!(fed.effort(), Effort::default());
    }
}
