//! State: the state of one step of a job, by partition.
//!
//! Takes what the tasks of a batch changed, when it has succeeded. Gives tasks of later batches
//! their partition. Changes are taken over by the next task of the partition, on its executor, so
//! that whoever hands them in does not wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_schema::{ArrowError, SchemaRef};

use super::codec::RowCodec;
use super::delta::StateDelta;
use super::table::StateTable;
use crate::model::time::BatchTime;

/// The state of one step.
#[derive(Debug)]
pub struct StateStore {
    keys: SchemaRef,
    kept: SchemaRef,
    partitions: Vec<Mutex<Partition>>,
}

#[derive(Debug)]
struct Partition {
    table: StateTable,
    /// Of batches that have succeeded, not taken over yet. At most one a batch: each task of the
    /// partition takes over what is there.
    succeeded: Vec<(BatchTime, Arc<StateDelta>)>,
    /// What the step begins with: it counts as of the first batch.
    initial: Option<StateDelta>,
}

/// A partition while a task looks at it.
pub struct OpenPartition<'a>(MutexGuard<'a, Partition>);

impl std::ops::Deref for OpenPartition<'_> {
    type Target = StateTable;

    fn deref(&self) -> &StateTable {
        &self.0.table
    }
}

impl StateStore {
    /// No state, of keys and states of these columns. With `times_out`, keys for which nothing
    /// comes can be found.
    pub fn new(keys: SchemaRef, kept: SchemaRef, partitions: usize, times_out: bool) -> Self {
        let partition = || {
            let (table, succeeded) = (StateTable::new(times_out), Vec::new());
            Mutex::new(Partition { table, succeeded, initial: None })
        };
        Self { keys, kept, partitions: (0..partitions).map(|_| partition()).collect() }
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// What makes bytes of keys.
    ///
    /// # Errors
    /// When a key is of a type that cannot be one, which planning refuses.
    pub fn key_codec(&self) -> Result<RowCodec, ArrowError> {
        RowCodec::new(&self.keys)
    }

    /// What makes bytes of states.
    ///
    /// # Errors
    /// When a column is of a type that cannot be kept, which planning refuses.
    pub fn state_codec(&self) -> Result<RowCodec, ArrowError> {
        RowCodec::new(&self.kept)
    }

    /// What a partition begins with, before its first batch.
    pub fn begin_with(&self, partition: usize, initial: StateDelta) {
        self.lock(partition).initial = Some(initial);
    }

    /// A partition as the batches before `time` left it.
    pub fn open(&self, partition: usize, time: BatchTime) -> OpenPartition<'_> {
        let mut open = self.lock(partition);
        let Partition { table, succeeded, initial } = &mut *open;
        if let Some(initial) = initial.take() {
            table.apply(&initial, time);
        }
        for (time, delta) in succeeded.drain(..) {
            table.apply(&delta, time);
        }
        OpenPartition(open)
    }

    /// The batch of a time has succeeded: what it changed counts from now on.
    pub fn commit(&self, partition: usize, time: BatchTime, delta: Arc<StateDelta>) {
        if !delta.is_empty() {
            self.lock(partition).succeeded.push((time, delta));
        }
    }

    /// Keys, and about the bytes they take. What was handed in last is not counted yet.
    pub fn size(&self) -> (usize, usize) {
        let sizes = (0..self.partitions.len()).map(|partition| {
            let open = self.lock(partition);
            (open.table.len(), open.table.bytes())
        });
        sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
    }

    fn lock(&self, partition: usize) -> MutexGuard<'_, Partition> {
        // A task that panicked changed nothing: tables change in `open` alone.
        self.partitions[partition].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
