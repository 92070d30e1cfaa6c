//! Driver: the outside's way to the datasets that a job's loop remembers.
//!
//! Takes a stream's name and two times. Gives its datasets. Never keeps the job alive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use super::event::Event;
use super::slice::{self, Slice, SliceAsked, SliceError};
use crate::model::id::StageId;
use crate::model::stage::JobPlan;
use crate::model::time::BatchTime;

/// Asks a running job for datasets it remembers. It does not keep the job alive.
#[derive(Debug, Clone)]
pub struct Remembered {
    events: Sender<Event>,
    plan: Arc<JobPlan>,
    stages: Arc<BTreeMap<String, StageId>>,
}

impl Remembered {
    /// Over the datasets of streams, by the streams' names.
    pub fn new(
        events: Sender<Event>,
        plan: Arc<JobPlan>,
        stages: BTreeMap<String, StageId>,
    ) -> Self {
        Self { events, plan, stages: Arc::new(stages) }
    }

    /// The datasets of a stream from one time to another, both included; times between two of its
    /// datasets stand for the earlier one.
    ///
    /// # Errors
    /// When they are not kept or kept no more, or the job has ended.
    pub fn slice(&self, stream: &str, from: BatchTime, to: BatchTime) -> Result<Slice, SliceError> {
        let stage = self.stages.get(stream).map(|id| &self.plan.stages[id.0]);
        let stage = stage.filter(|stage| !stage.remember.is_zero()).ok_or(SliceError::NotKept)?;
        let (from, to) = (from.floor(stage.slide), to.floor(stage.slide));
        let (asked, answered) = SliceAsked::new(stage.id, from, to);
        self.events.send(Event::Slice(asked)).map_err(|_| SliceError::Ended)?;
        slice::read(answered.recv().map_err(|_| SliceError::Ended)??)
    }
}
