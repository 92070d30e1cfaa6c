//! State: the state of one step of a job, by partition.
//!
//! Takes what the tasks of a batch changed, when it has succeeded. Gives tasks of later batches
//! their partition. Changes are taken over by the next task of the partition, on its executor, so
//! that whoever hands them in does not wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_schema::{ArrowError, SchemaRef};

use super::codec::RowCodec;
use super::delta::{Changed, StateDelta};
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

/// A key and its state, as bytes.
pub type Entry = (Box<[u8]>, Box<[u8]>);

fn some<'a>(
    all: impl Iterator<Item = (usize, (&'a [u8], &'a [u8]))>,
    (most, bytes_max): (usize, usize),
) -> Vec<(usize, Entry)> {
    let mut bytes = 0;
    let fit = all.take(most).take_while(|(_, (key, state))| {
        let fits = bytes < bytes_max;
        bytes += key.len() + state.len();
        fits
    });
    fit.map(|(place, (key, state))| (place, (key.into(), state.into()))).collect()
}

fn begun_with(initial: &StateDelta) -> impl Iterator<Item = (&[u8], &[u8])> {
    initial.entries().filter_map(|(key, changed)| match changed {
        Changed::Put(state) => Some((key, &**state)),
        Changed::Touched | Changed::Removed => None,
    })
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

    /// Some keys of a partition with their states, as the batches that have succeeded left them:
    /// those from a place on, at most so many, and of about so many bytes. A key keeps its place as
    /// long as it is there.
    pub fn look(&self, partition: usize, from: usize, most: (usize, usize)) -> Vec<(usize, Entry)> {
        let open = self.settled(partition);
        match &open.initial {
            Some(initial) => some(begun_with(initial).enumerate().skip(from), most),
            None => some(open.table.iter_from(from), most),
        }
    }

    /// The state of one key of a partition, as the batches that have succeeded left it.
    pub fn look_up(&self, partition: usize, key: &[u8]) -> Option<Box<[u8]>> {
        let open = self.settled(partition);
        match (&open.initial, open.initial.as_ref().and_then(|initial| initial.get(key))) {
            (Some(_), Some(Changed::Put(state))) => Some(state.clone()),
            (Some(_), _) => None,
            (None, _) => open.table.get(key).map(Into::into),
        }
    }

    /// Keys, and about the bytes they take, with what was handed in last.
    pub fn settled_size(&self) -> (usize, usize) {
        let sizes = (0..self.partitions.len()).map(|partition| {
            let open = self.settled(partition);
            let begun = open.initial.iter().flat_map(begun_with);
            let begun = begun.fold((0, 0), |(keys, bytes), (key, state)| {
                (keys + 1, bytes + key.len() + state.len())
            });
            (open.table.len() + begun.0, open.table.bytes() + begun.1)
        });
        sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
    }

    /// A partition that has taken over what was handed in. What it begins with is left for its
    /// first task, whose batch it counts as of.
    fn settled(&self, partition: usize) -> MutexGuard<'_, Partition> {
        let mut open = self.lock(partition);
        let Partition { table, succeeded, initial } = &mut *open;
        if initial.is_none() {
            for (time, delta) in succeeded.drain(..) {
                table.apply(&delta, time);
            }
        }
        open
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

#[cfg(test)]
mod tests {
    use arrow_schema::Schema;

    use super::*;

    fn delta(key: u8, state: u8) -> StateDelta {
        let mut delta = StateDelta::default();
        delta.set(&[key], Changed::Put([state].into()));
        delta
    }

    fn store() -> StateStore {
        let none = Arc::new(Schema::empty());
        StateStore::new(Arc::clone(&none), none, 2, true)
    }

    #[test]
    fn a_look_sees_what_batches_have_committed_and_changes_nothing() {
        let store = store();
        store.commit(1, BatchTime(10), Arc::new(delta(1, 5)));
        store.commit(1, BatchTime(20), Arc::new(delta(1, 6)));
        assert_eq!(store.look(1, 0, (9, 99)), [(0, ([1].into(), [6].into()))]);
        assert_eq!(store.look_up(1, &[1]).as_deref(), Some(&[6][..]));
        assert_eq!((store.look_up(0, &[1]), store.look(1, 0, (0, 99)).len()), (None, 0));
        assert_eq!(store.look(1, 0, (9, 0)), []);
        assert_eq!(store.look(1, 1, (9, 99)), []);
        assert_eq!(store.settled_size().0, 1);
        // Nothing came for it since: a look is no touch.
        let open = store.open(1, BatchTime(30));
        assert_eq!(open.silent_since(BatchTime(21)).count(), 1);
    }

    /// A page follows the one before, whatever went in between: no key is passed over that stays.
    #[test]
    fn a_key_keeps_its_place_while_others_come_and_go() {
        let store = store();
        (0..5).for_each(|key| store.commit(0, BatchTime(10), Arc::new(delta(key, key))));
        let keys = |from, most| -> Vec<(usize, u8)> {
            let looked = store.look(0, from, (most, 99));
            looked.into_iter().map(|(place, (key, _))| (place, key[0])).collect()
        };
        assert_eq!(keys(0, 2), [(0, 0), (1, 1)]);
        let mut gone = StateDelta::default();
        gone.set(&[0], Changed::Removed);
        gone.set(&[2], Changed::Removed);
        store.commit(0, BatchTime(20), Arc::new(gone));
        assert_eq!(keys(2, 9), [(3, 3), (4, 4)]);
    }

    /// A look before the first batch must not make the state as old as the look: it counts as of
    /// the first batch, and times out from there.
    #[test]
    fn what_a_step_begins_with_is_seen_and_still_counts_as_of_the_first_batch() {
        let store = store();
        store.begin_with(0, delta(3, 7));
        assert_eq!(store.look(0, 0, (9, 99)), [(0, ([3].into(), [7].into()))]);
        assert_eq!(store.look_up(0, &[3]).as_deref(), Some(&[7][..]));
        assert_eq!((store.look_up(0, &[4]), store.settled_size().0), (None, 1));
        let open = store.open(0, BatchTime(50));
        assert_eq!(open.silent_since(BatchTime(50)).count(), 0);
        assert_eq!(open.silent_since(BatchTime(51)).count(), 1);
    }
}
