//! Driver: what the stateful steps of a job keep.
//!
//! Takes a plan, and what tasks of batches that have succeeded changed. Gives each stateful stage
//! its store. Never looks at a state: tasks do.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_schema::ArrowError;
use arrow_select::take::take_record_batch;

use super::error::DriverError;
use super::first_state;
use crate::model::id::StageId;
use crate::model::operation::InitialState;
use crate::model::schema::StreamSchema;
use crate::model::stage::{Gather, JobPlan, StageInput, StateMode, StatePlan};
use crate::model::status::StateInfo;
use crate::model::time::BatchTime;
use crate::operator::canonical::canonical_keys;
use crate::operator::partition::partition_of_rows;
use crate::state::delta::{Changed, StateDelta};
use crate::state::store::StateStore;
use crate::sys::storage::Storage;
use crate::version::fit;

/// What the task of a partition changed.
pub type SharedDelta = Arc<StateDelta>;

/// The stores of a job, by stage.
#[derive(Debug, Clone, Default)]
pub struct JobStates {
    stores: BTreeMap<StageId, (String, Arc<StateStore>)>,
}

impl JobStates {
    /// Makes a store for each stateful stage, with what it begins with.
    ///
    /// # Errors
    /// When what a step is to begin with cannot be read or does not fit.
    pub fn open(plan: &JobPlan, seed: u64, storage: &dyn Storage) -> Result<Self, DriverError> {
        let mut stores = BTreeMap::new();
        for stage in &plan.stages {
            let StageInput::Keyed(keyed) = &stage.input else { continue };
            let Gather::State(state) = &keyed.gather else { continue };
            let store = empty(state, keyed.partitions);
            begin(&store, state, seed, storage)?;
            stores.insert(stage.id, (state.name.clone(), Arc::new(store)));
        }
        Ok(Self { stores })
    }

    /// The same stores, with empty ones for these steps of the plan. Those of this value stay as
    /// they are, for whoever goes back to them.
    pub fn without(&self, plan: &JobPlan, steps: &[String]) -> Self {
        let mut stores = self.stores.clone();
        for stage in &plan.stages {
            let Some(state) = fit::state_of(stage).filter(|state| steps.contains(&state.name))
            else {
                continue;
            };
            if let Some((_, store)) = stores.get_mut(&stage.id) {
                *store = Arc::new(empty(state, store.partitions()));
            }
        }
        Self { stores }
    }

    /// The store of a stage, if it keeps anything.
    pub fn of(&self, stage: StageId) -> Option<&Arc<StateStore>> {
        self.stores.get(&stage).map(|(_, store)| store)
    }

    /// The stores, by the names of their steps.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Arc<StateStore>)> {
        self.stores.values().map(|(name, store)| (name.as_str(), store))
    }

    /// Whether anything is kept: the batches of such a job run one after the other.
    pub fn any(&self) -> bool {
        !self.stores.is_empty()
    }

    /// A batch has succeeded: what its tasks changed counts from now on.
    pub fn commit(&self, time: BatchTime, deltas: BTreeMap<(StageId, usize), SharedDelta>) {
        for ((stage, partition), delta) in deltas {
            if let Some(store) = self.of(stage) {
                store.commit(partition, time, delta);
            }
        }
    }

    /// How much each step keeps.
    pub fn sizes(&self) -> Vec<StateInfo> {
        let size = |(name, store): &(String, Arc<StateStore>)| {
            let (keys, bytes) = store.size();
            StateInfo { name: name.clone(), keys, bytes }
        };
        self.stores.values().map(size).collect()
    }
}

fn empty(state: &StatePlan, partitions: usize) -> StateStore {
    let keys = StreamSchema::new(state.output.key_columns().to_vec()).to_arrow();
    let kept = StreamSchema::new(state.output.value_columns().to_vec()).to_arrow();
    let times_out = matches!(state.mode, StateMode::Map { timeout: Some(_) });
    StateStore::new(keys, kept, partitions, times_out)
}

/// Puts what a step begins with where its keys belong.
fn begin(
    store: &StateStore,
    state: &StatePlan,
    seed: u64,
    storage: &dyn Storage,
) -> Result<(), DriverError> {
    let wrong = |message: String| DriverError::InitialState { step: state.name.clone(), message };
    let read;
    let batches = match &state.initial {
        InitialState::Empty => return Ok(()),
        InitialState::Rows(batches) => batches,
        InitialState::File(path) => {
            read = first_state::read(storage, path, &state.output).map_err(wrong)?;
            &read
        }
    };
    first_state::check(state, batches).map_err(|fault| match &state.initial {
        InitialState::File(path) => wrong(format!("`{}`: {fault}", path.display())),
        InitialState::Empty | InitialState::Rows(_) => wrong(fault),
    })?;
    let columns = |error: ArrowError| wrong(error.to_string());
    let mut deltas: Vec<StateDelta> =
        (0..store.partitions()).map(|_| StateDelta::default()).collect();
    for batch in batches {
        put(store, state, (batch, seed), &mut deltas).map_err(columns)?;
    }
    for (partition, delta) in deltas.into_iter().enumerate() {
        store.begin_with(partition, delta);
    }
    Ok(())
}

fn put(
    store: &StateStore,
    state: &StatePlan,
    (batch, seed): (&RecordBatch, u64),
    deltas: &mut [StateDelta],
) -> Result<(), ArrowError> {
    let keys = state.output.keys;
    let rows = batch.num_rows();
    let partitions = partition_of_rows(&batch.columns()[..keys], rows, deltas.len(), seed)?;
    for (partition, delta) in (0..).zip(deltas) {
        let own = (0..).zip(&partitions).filter(|(_, of_row)| **of_row == partition);
        let own = take_record_batch(batch, &own.map(|(row, _)| row).collect::<UInt32Array>())?;
        let encoded = store.key_codec()?.encode(&canonical_keys(&own.columns()[..keys]))?;
        let kept = store.state_codec()?.encode(&own.columns()[keys..])?;
        for row in 0..own.num_rows() {
            delta.set(encoded.row(row), Changed::Put(kept.row(row).into()));
        }
    }
    Ok(())
}
