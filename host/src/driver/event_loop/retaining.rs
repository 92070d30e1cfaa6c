//! Driver: what the loop of a job does so that batches can be run again.
//!
//! Takes a batch that has ended. Gives it to those that are retained, if it has succeeded, and to
//! a shadow, if it has rows. Never holds a batch up.

use std::sync::Arc;

use super::EventLoop;
use crate::driver::retained::{RetainedBatch, SourceDatasets};
use crate::driver::retaining::{ReadSlices, Retaining};
use crate::driver::running_batch::RunningBatch;
use crate::driver::shadow::ShadowBatch;
use crate::model::status::{BatchInfo, OutputInfo};

impl EventLoop {
    /// What retains the inputs of a batch that begins, if anybody may want them.
    pub(super) fn retaining(&self) -> Option<Arc<Retaining>> {
        self.parts.retained.begin(self.parts.versions.is_shadowing())
    }

    /// Retains a batch that has ended.
    pub(super) fn retain(&mut self, batch: &RunningBatch, info: &BatchInfo) {
        let (time, board) = (batch.batch.time, &self.parts.board);
        if batch.failure.is_some() {
            return self.parts.retained.failed(time);
        }
        let has_rows = info.rows_in > 0;
        // One without rows shows nothing of a version, but windows look back to it.
        if !has_rows && !self.looks_back {
            return;
        }
        // What was fed back to a batch is no input of it that could be read again.
        if batch.batch.fed.is_some() {
            return self.parts.retained.fed(time);
        }
        let Some(retaining) = batch.retaining.as_ref() else {
            return self.parts.retained.missing(time);
        };
        let ReadSlices { partitions, bytes } = retaining.take();
        let Some(mut partitions) = partitions else {
            self.parts.retained.left_out(time, bytes);
            self.parts.versions.shadow(None, board);
            return;
        };
        let mut sources = SourceDatasets::new();
        for (source, inputs) in &batch.batch.inputs {
            // What no stage reads has no rows here.
            let read = (0..inputs.len())
                .map(|number| partitions.remove(&(*source, number)).unwrap_or_default());
            sources.insert(*source, read.collect());
        }
        let measured = |output: &OutputInfo| Some((output.output, output.given.clone()?));
        let retained = Arc::new(RetainedBatch {
            time,
            sources,
            rows: info.rows_in,
            bytes,
            broadcasts: batch.broadcasts.clone(),
            version: Arc::clone(&batch.version),
            given: info.outputs.iter().filter_map(measured).collect(),
            cpu: info.cpu,
            poison: batch.poison.values().sum(),
        });
        if has_rows && self.parts.versions.is_shadowing() {
            self.shadow(batch, Arc::clone(&retained));
        }
        self.parts.retained.put(retained);
        let sizes = self.parts.retained.sizes();
        self.parts.board.change(|status| status.retained = sizes);
    }

    fn shadow(&mut self, batch: &RunningBatch, retained: Arc<RetainedBatch>) {
        let sinks = self.parts.plan.sinks.iter();
        let given =
            sinks.filter_map(|(sink, stage)| Some((*sink, batch.dataset(*stage)?.to_vec())));
        let time = retained.time;
        let of_batch = ShadowBatch { batch: retained, given: given.collect() };
        let will_run = self.parts.versions.shadow(Some(of_batch), &self.parts.board);
        if let Some(scribe) = self.parts.scribe.as_mut().filter(|_| will_run) {
            scribe.will_be_shadowed(time);
        }
    }
}
