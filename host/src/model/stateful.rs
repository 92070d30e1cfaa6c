//! Model: one call of an operator that keeps something for each key.
//!
//! Takes keys with their values and states. Gives rows and what becomes of each state. Never holds
//! a state between two calls: the host does.

use arrow_array::RecordBatch;

use super::rejected::Rejection;
use super::schema::StreamSchema;

/// What a stateful operator says of its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDescription {
    /// The columns kept for each key.
    pub schema: StreamSchema,
    /// Its author raises it when old states mean something else: such a state is not read.
    pub version: u32,
}

/// What a stateful operator is given at once.
#[derive(Debug, Clone, Copy)]
pub struct StatefulCall<'a> {
    /// The keys, a row each; no two are equal.
    pub keys: &'a RecordBatch,
    /// The values, in the order they came.
    pub values: &'a RecordBatch,
    /// The key of each value, by its row among the keys.
    pub key_of_row: &'a [u32],
    /// Whether each key has a state.
    pub has_state: &'a [bool],
    /// The states, a row for each key that has one, in the keys' order.
    pub states: &'a RecordBatch,
    /// Whether the keys are called because their time is up: there are no values then, and each
    /// state goes afterwards.
    pub timing_out: bool,
}

/// What becomes of a key's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StateChange {
    /// It stays as it is, or stays missing.
    Keep,
    /// A new one stands in its place.
    Update,
    /// There is none any more.
    Remove,
}

/// What a stateful operator gives back.
#[derive(Debug, Clone)]
pub struct StatefulAnswer {
    /// The rows it gives, in the order of the values they came of.
    pub rows: RecordBatch,
    /// What becomes of each key's state.
    pub changes: Vec<StateChange>,
    /// The new states, a row for each [`StateChange::Update`], in the keys' order.
    pub states: RecordBatch,
    /// Values that were refused.
    pub rejected: Vec<Rejection>,
}
