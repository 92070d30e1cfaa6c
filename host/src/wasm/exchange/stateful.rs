//! Wasm: the answer of a stateful operator, its changes checked beside its batches.
//!
//! Takes an answer and what it was asked. Gives the model's `StatefulAnswer`. Never lets a change
//! through that fits no key, nor a state that fits no change.

use super::error::ExchangeError;
use super::output::{ChainRules, RawRejection};
use super::shape::{AnswerLimits, BatchShape, RawBatch};
use crate::model::description::{OperatorDescription, OperatorKind};
use crate::model::stateful::{StateChange, StatefulAnswer, StatefulCall};

/// The answer of a stateful operator as it came over the border; nothing of it is checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawAnswer {
    /// Rows.
    pub rows: RawBatch,
    /// What becomes of each key's state.
    pub changes: Vec<StateChange>,
    /// The new states.
    pub states: RawBatch,
    /// Values that were refused.
    pub rejected: Vec<RawRejection>,
}

/// The columns that a stateful operator is given and gives back.
#[derive(Debug, Clone)]
pub struct StatefulShapes {
    /// The key columns it is shown.
    pub keys: BatchShape,
    /// The value columns.
    pub values: BatchShape,
    /// What it keeps for each key.
    pub states: BatchShape,
    /// The rows it gives.
    pub rows: BatchShape,
    rules: ChainRules,
}

impl StatefulShapes {
    /// Those of an operator, called so in messages.
    pub fn of(label: &str, operator: &OperatorDescription) -> Self {
        let kept = operator.state.as_ref().map_or(&[][..], |state| &state.schema.columns);
        Self {
            keys: BatchShape::new(&operator.keys.columns),
            values: BatchShape::new(&operator.input.columns),
            states: BatchShape::new(kept),
            rows: BatchShape::new(&operator.output.columns),
            rules: ChainRules::of(vec![label.to_owned()], &[OperatorKind::Map]),
        }
    }

    /// Checks the answer to a call.
    ///
    /// # Errors
    /// Names the first thing that is malformed or too large.
    pub fn check(
        &self,
        call: &StatefulCall<'_>,
        answer: RawAnswer,
        limits: &AnswerLimits,
    ) -> Result<StatefulAnswer, ExchangeError> {
        let RawAnswer { rows, changes, states, rejected } = answer;
        let texts: usize = rejected.iter().map(|r| r.code.len() + r.message.len() + 8).sum();
        let found = rows.bytes() + states.bytes() + changes.len() + texts;
        if found > limits.bytes {
            return Err(ExchangeError::BytesOverLimit { found, allowed: limits.bytes });
        }
        let keys = call.has_state.len();
        if changes.len() != keys {
            return Err(ExchangeError::ChangeCount { found: changes.len(), expected: keys });
        }
        let changed = changes.iter().position(|change| *change != StateChange::Keep);
        if let (Some(key), true) = (changed, call.timing_out) {
            return Err(ExchangeError::ChangeOfTimedOut { key });
        }
        let updates = changes.iter().filter(|change| **change == StateChange::Update).count();
        if usize::try_from(states.rows) != Ok(updates) {
            return Err(ExchangeError::StateCount { found: states.rows, expected: updates });
        }
        let values = u32::try_from(call.key_of_row.len()).unwrap_or(u32::MAX);
        Ok(StatefulAnswer {
            rows: self.rows.lift(rows, limits)?,
            states: self.states.lift(states, limits)?,
            rejected: self.rules.check_rejected(rejected, values)?,
            changes,
        })
    }
}
