//! Driver: what a stateful step of a running job keeps, for whoever wants to see it.
//!
//! Takes the step's name and perhaps a key. Gives rows of keys and states, as the batches that have
//! succeeded left them. Never changes a state, and never decodes under a partition's lock.

use std::fmt;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;

use super::look_error::LookError;
use super::state_key::{bad_key, read_key};
use super::versions::VersionBase;
use crate::limits::LOOK_BYTES_MAX;
use crate::model::id::StageId;
use crate::model::schema::StreamSchema;
use crate::model::stage::{JobPlan, StatePlan};
use crate::model::status::StateInfo;
use crate::operator::canonical::canonical_keys;
use crate::operator::partition::partition_of_rows;
use crate::state::store::{Entry, StateStore};
use crate::version::fit::state_of;

/// Looks at what steps of one job keep.
#[derive(Debug)]
pub struct StateLook {
    pub(super) base: Arc<VersionBase>,
    pub(super) seed: u64,
}

/// What a step keeps.
#[derive(Debug)]
pub struct KeptState {
    /// The step.
    pub step: String,
    /// The version of its state, as its operator declares it.
    pub version: u32,
    /// Keys, and what is kept for each.
    pub schema: StreamSchema,
    /// How many keys there are.
    pub keys: usize,
    /// Bytes that keys and states take in memory, about.
    pub bytes: usize,
    /// Some of them, or the one that was asked for.
    pub rows: RecordBatch,
    /// Where the rest of them begins, if there may be more.
    pub next: Option<StatePlace>,
}

/// Where a page of keys begins: in a partition, at a place that a key keeps as long as it is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatePlace {
    partition: usize,
    place: usize,
}

impl fmt::Display for StatePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.partition, self.place)
    }
}

impl StatePlace {
    /// The place that was written so.
    pub fn parse(text: &str) -> Option<Self> {
        let (partition, place) = text.split_once('.')?;
        Some(Self { partition: partition.parse().ok()?, place: place.parse().ok()? })
    }
}

impl StateLook {
    /// How much each step keeps.
    pub fn sizes(&self) -> Vec<StateInfo> {
        let version = self.base.current();
        let size = |(name, store): (&str, &Arc<StateStore>)| {
            let (keys, bytes) = store.settled_size();
            StateInfo { name: name.to_owned(), keys, bytes }
        };
        version.states.all().map(size).collect()
    }

    /// What the step of that name keeps: so many keys of it from a place on, or the one that is
    /// asked for.
    ///
    /// # Errors
    /// When no step of that name keeps anything, or the key is none of its keys.
    pub fn look(
        &self,
        step: &str,
        key: Option<&str>,
        (from, most): (StatePlace, usize),
    ) -> Result<KeptState, LookError> {
        let version = self.base.current();
        let (state, store) = find(step, &version.plan, |stage| version.states.of(stage).cloned())?;
        let (entries, next) = match key {
            Some(key) => (self.look_up(state, &store, key)?, None),
            None => some(&store, from, most),
        };
        let (keys, bytes) = store.settled_size();
        Ok(KeptState {
            step: state.name.clone(),
            version: state.version,
            schema: state.output.clone(),
            keys,
            bytes,
            rows: decode(state, &store, &entries).map_err(undecodable)?,
            next,
        })
    }

    fn look_up(
        &self,
        state: &StatePlan,
        store: &StateStore,
        key: &str,
    ) -> Result<Vec<Entry>, LookError> {
        let schema = StreamSchema::new(state.output.key_columns().to_vec());
        let row = read_key(&schema, key)
            .map_err(|why| LookError::BadKey { message: bad_key(&state.name, &schema, &why) })?;
        let columns: Vec<ArrayRef> = canonical_keys(row.columns());
        let partitions = partition_of_rows(row.columns(), 1, store.partitions(), self.seed);
        let partition = partitions.map_err(undecodable)?.first().copied().unwrap_or_default();
        let encoded = store.key_codec().and_then(|codec| codec.encode(&columns));
        let encoded = encoded.map_err(undecodable)?;
        let key = encoded.row(0);
        let found = store.look_up(partition as usize, key);
        Ok(found.map(|state| (key.into(), state)).into_iter().collect())
    }
}

fn find<'p>(
    step: &str,
    plan: &'p JobPlan,
    store_of: impl Fn(StageId) -> Option<Arc<StateStore>>,
) -> Result<(&'p StatePlan, Arc<StateStore>), LookError> {
    let kept = || plan.stages.iter().filter_map(|stage| Some((stage.id, state_of(stage)?)));
    let found = kept().find(|(_, state)| state.name == step);
    let found = found.and_then(|(stage, state)| Some((state, store_of(stage)?)));
    found.ok_or_else(|| {
        let known: Vec<&str> = kept().map(|(_, state)| state.name.as_str()).collect();
        let words = format!("no step `{step}` of the job keeps anything for keys");
        LookError::unknown(words, step, &known)
    })
}

/// Some keys of all partitions, one partition after the other, and where the rest begins.
fn some(store: &StateStore, from: StatePlace, most: usize) -> (Vec<Entry>, Option<StatePlace>) {
    let (mut entries, mut bytes): (Vec<Entry>, usize) = (Vec::new(), 0);
    let mut at = from;
    while at.partition < store.partitions() {
        let left = (most - entries.len(), LOOK_BYTES_MAX.saturating_sub(bytes));
        if left.0 == 0 || left.1 == 0 {
            return (entries, Some(at));
        }
        let more = store.look(at.partition, at.place, left);
        let Some((last, _)) = more.last() else {
            at = StatePlace { partition: at.partition + 1, place: 0 };
            continue;
        };
        at.place = last + 1;
        bytes += more.iter().map(|(_, (key, state))| key.len() + state.len()).sum::<usize>();
        entries.extend(more.into_iter().map(|(_, entry)| entry));
    }
    (entries, None)
}

fn decode(
    state: &StatePlan,
    store: &StateStore,
    entries: &[Entry],
) -> Result<RecordBatch, ArrowError> {
    let keys = store.key_codec()?.decode(entries.iter().map(|(key, _)| &**key))?;
    let states = store.state_codec()?.decode(entries.iter().map(|(_, state)| &**state))?;
    let columns = keys.columns().iter().chain(states.columns()).cloned().collect();
    RecordBatch::try_new(state.output.to_arrow(), columns)
}

fn undecodable(error: ArrowError) -> LookError {
    LookError::Undecodable(error.to_string())
}
