//! Exec: a fold as a state: what was folded so far is kept for each key, and goes on.
//!
//! Takes a fold, whose partial results are the values. Gives an operator that updates states with
//! it. Never forgets a key.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;

use crate::error::Domain;
use crate::model::operator::{Operator, OperatorError, Phase, SharedOperator, TaskScope};
use crate::model::stateful::{StateChange, StatefulAnswer, StatefulCall};
use crate::operator::group::group_rows;

/// A fold that goes on from batch to batch.
#[derive(Debug)]
pub struct RunningFold {
    /// The fold.
    pub fold: SharedOperator,
    /// What it makes.
    pub schema: SchemaRef,
}

impl RunningFold {
    fn columns(&self, error: &arrow_schema::ArrowError) -> OperatorError {
        let message = format!("columns do not fit together: {error}");
        let (operator, domain) = (self.fold.label(), Domain::Internal);
        OperatorError { operator, code: "kind", message, row: None, domain }
    }

    /// What was folded before with what has come now, for keys that have both.
    fn go_on(
        &self,
        scope: &mut TaskScope,
        call: &StatefulCall<'_>,
        (come, keys): (RecordBatch, &[u32]),
    ) -> Result<RecordBatch, OperatorError> {
        let mut place = 0;
        let places: Vec<Option<u32>> = call
            .has_state
            .iter()
            .map(|has| {
                place += u32::from(*has);
                has.then(|| place - 1)
            })
            .collect();
        let known = |key: &u32| places[*key as usize];
        let before = UInt32Array::from_iter_values(keys.iter().filter_map(known));
        if before.is_empty() {
            return Ok(come);
        }
        let with_state = (0..).zip(keys).filter(|(_, key)| known(key).is_some());
        let groups: Vec<u32> = (0..come.num_rows() as u32).chain(with_state.map(|w| w.0)).collect();
        let both = take_record_batch(call.states, &before)
            .and_then(|before| before_and_come(&self.schema, &before, &come))
            .map_err(|error| self.columns(&error))?;
        self.fold.fold(scope, Phase::Partials, &both, &groups, come.num_rows() as u32)
    }
}

/// What has come stands first, so that every group's first row is its own.
fn before_and_come(
    schema: &SchemaRef,
    before: &RecordBatch,
    come: &RecordBatch,
) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let named = |rows: &RecordBatch| {
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let columns = rows.columns().to_vec();
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
    };
    concat_batches(schema, [&named(come)?, &named(before)?])
}

impl Operator for RunningFold {
    fn label(&self) -> String {
        self.fold.label()
    }

    fn update(
        &self,
        scope: &mut TaskScope,
        call: StatefulCall<'_>,
    ) -> Result<StatefulAnswer, OperatorError> {
        let rows = call.values.num_rows();
        let mut changes = vec![StateChange::Keep; call.has_state.len()];
        let none = || RecordBatch::new_empty(Arc::clone(&self.schema));
        let empty = RecordBatch::new_empty(Arc::new(arrow_schema::Schema::empty()));
        if rows == 0 {
            let states = none();
            return Ok(StatefulAnswer { rows: empty, changes, states, rejected: Vec::new() });
        }
        let key_of_row = UInt32Array::from(call.key_of_row.to_vec());
        let groups = group_rows(&[Arc::new(key_of_row)], rows).map_err(|e| self.columns(&e))?;
        let count = groups.count();
        let come =
            self.fold.fold(scope, Phase::Partials, call.values, &groups.group_of_row, count)?;
        let keys: Vec<u32> =
            groups.first_rows.iter().map(|row| call.key_of_row[*row as usize]).collect();
        let folded = self.go_on(scope, &call, (come, &keys))?;
        // In the keys' order.
        let mut order: Vec<u32> = (0..count).collect();
        order.sort_unstable_by_key(|group| keys[*group as usize]);
        keys.iter().for_each(|key| changes[*key as usize] = StateChange::Update);
        let states = take_record_batch(&folded, &UInt32Array::from(order))
            .map_err(|error| self.columns(&error))?;
        Ok(StatefulAnswer { rows: empty, changes, states, rejected: Vec::new() })
    }
}
