//! Driver: somebody looks at rows of the batches that run.
//!
//! Takes the name of a stream, a source, a step or an operator. Gives the first rows that the next
//! batches make there. Never waits in the job's loop: whoever looks waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Sender, sync_channel};
use std::time::Duration;

use super::event::Event;
use super::look_error::LookError;
use super::tap_place::{find, names};
use super::taps::{Seen, TapAsked, TapPot};
use super::versions::VersionBase;
use crate::model::id::StageId;
use crate::model::pipeline::Pipeline;

/// Looks at rows of one job. It does not keep the job alive.
#[derive(Debug)]
pub struct TapControl {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) base: Arc<VersionBase>,
    pub(super) datasets: BTreeMap<String, StageId>,
    pub(super) events: Sender<Event>,
}

impl TapControl {
    /// The names of places at which rows can be seen.
    pub fn places(&self) -> Vec<String> {
        names(&self.pipeline, &self.base.current().plan, &self.datasets)
    }

    /// The first rows that the next batches make behind a stream, a source, a step or an operator:
    /// so many, or as many as come in that time.
    ///
    /// # Errors
    /// When there is nothing of that name that can be looked at, too many look, or the job has
    /// ended.
    pub fn look(&self, name: &str, rows: usize, longest: Duration) -> Result<Seen, LookError> {
        let version = self.base.current();
        let (stage, place) = find(name, &self.pipeline, &version.plan, &self.datasets)?;
        let (pot, filled) = TapPot::of_rows(rows);
        let (answer, answered) = sync_channel(1);
        let asked = TapAsked { stage, place, pot: Arc::downgrade(&pot), answer };
        self.events.send(Event::Tap(asked)).map_err(|_| LookError::Ended)?;
        answered.recv().map_err(|_| LookError::Ended)??;
        // Either there are enough, or the time is over.
        let _full = filled.recv_timeout(longest);
        Ok(pot.seen())
    }
}
