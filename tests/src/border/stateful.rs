//! Answers of stateful operators: rows, what becomes of each key, new states.
//!
//! Takes the guest that answers wrongly as it is told. Gives it keys and values. Never lets an
//! answer through whose states fit no key.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;
use tidemill::model::operator::{Operator, OperatorError};
use tidemill::model::stateful::{StateChange, StatefulAnswer, StatefulCall};

use super::rig::{batch_of, operator, step_with, task, unruly};

fn numbers(values: &[i64]) -> RecordBatch {
    batch_of(Arc::new(Int64Array::from(values.to_vec())))
}

/// Asks for the answer that is wrong in a way, with values 5 of key 0 and 7, 9 of key 1, which has
/// a state.
fn answer(wrong: i64, timing_out: bool) -> Result<StatefulAnswer, OperatorError> {
    let operator = operator(&unruly(), vec![step_with("state_answer", "wrong", wrong)]);
    let two = RecordBatchOptions::new().with_row_count(Some(2));
    let keys = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &two);
    let call = StatefulCall {
        keys: &keys.expect("two rows without columns"),
        values: &numbers(&[5, 7, 9]),
        key_of_row: &[0, 1, 1],
        has_state: &[false, true],
        states: &numbers(&[4]),
        timing_out,
    };
    operator.update(&mut task(), call)
}

#[test]
fn rows_and_states_come_back() {
    let answer = answer(0, false).expect("it is right");
    assert_eq!(answer.changes, [StateChange::Update; 2]);
    assert_eq!((answer.rows, answer.states), (numbers(&[5, 7, 9]), numbers(&[5, 9])));
    assert!(answer.rejected.is_empty());
}

#[test]
fn answers_that_fit_no_keys_are_refused() {
    for (wrong, message) in [
        (1, "the answer has 1 change of state, expected one for each of 2 keys"),
        (2, "the answer has 2 states, expected one for each of 1 updates"),
        (3, "the answer has 2 states, expected one for each of 1 updates"),
        (4, "the answer has 1 states, expected one for each of 2 updates"),
        (5, "`rejected` has row 3 at 0, the input has 3 rows"),
        (6, "the answer has 3 changes of state, expected one for each of 2 keys"),
    ] {
        let error = answer(wrong, false).expect_err("it does not fit");
        assert_eq!(error.code, "malformed", "{wrong}");
        assert_eq!(error.message, message, "{wrong}");
    }
}

#[test]
fn a_state_whose_time_is_up_cannot_be_changed() {
    let error = answer(0, true).expect_err("its time is up");
    assert_eq!(error.code, "malformed");
    assert_eq!(error.message, "the state of key 0 is changed, but its time is up and it goes");
}
