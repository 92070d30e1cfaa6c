//! Api: datasets of earlier batches of a stream.
//!
//! Takes two times. Gives the datasets between them. Never computes one: the context must have been
//! told to `remember`.

use super::dstream::DStream;
use crate::driver::slice::{Slice, SliceError};
use crate::model::time::BatchTime;

impl DStream {
    /// The datasets from one time to another, both included, the oldest first. A time between two
    /// datasets stands for the earlier one; times before the start have none. A batch that was
    /// given up has an empty one. Spark computes what is missing anew; here it is an error, since
    /// blocks are let go with their batch.
    ///
    /// # Errors
    /// Before the start, after the end, when this stream's datasets are not kept (see
    /// `StreamingContext::remember`), and when some of them are kept no more.
    pub fn slice(&self, from: BatchTime, to: BatchTime) -> Result<Slice, SliceError> {
        // The graph is free again before the job is asked.
        let (remembered, name) = {
            let graph = self.lock();
            let running = graph.running().ok_or(SliceError::NotStarted)?;
            let name = running.names.get(&self.node).ok_or(SliceError::NotKept)?;
            (running.remembered.clone(), name.clone())
        };
        remembered.slice(&name, from, to)
    }
}
