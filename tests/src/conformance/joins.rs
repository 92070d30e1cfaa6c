//! Cases of joins.
//!
//! Takes the cases `B21` to `B26`. Gives nothing but passed or failed. Never runs one in real time.

use serde_json::{Value, json};
use tidemill::api::dstream::DStream;

use super::rig::{Case, Functions};

/// Words with a one, and words with an `x`.
fn sides(inputs: &[DStream], of: &Functions) -> (DStream, DStream) {
    (inputs[0].map(of.get("one_each")), inputs[1].map(of.get("x_each")))
}

/// A key with the values of both sides, whatever says which of them is there.
fn pair(row: Value) -> Value {
    json!([row[0], [row[1], row[2]]])
}

#[test]
fn rows_meet_by_key_within_a_batch() {
    for id in ["B21", "B23"] {
        Case::named(id).holds_as(pair, |inputs, of| {
            let (left, right) = sides(inputs, of);
            left.join(&right)
        });
    }
}

#[test]
fn rows_without_a_partner_stay_in_outer_joins() {
    Case::named("B24").holds_as(pair, |inputs, of| {
        let (left, right) = sides(inputs, of);
        left.left_outer_join(&right)
    });
    Case::named("B26").holds_as(pair, |inputs, of| {
        let (left, right) = sides(inputs, of);
        left.full_outer_join(&right)
    });
}

#[test]
fn a_right_outer_join_is_a_left_one_from_the_other_side() {
    Case::named("B24").holds_as(
        |row| json!([row[0], [row[2], row[1]]]),
        |inputs, of| {
            let (left, right) = sides(inputs, of);
            right.right_outer_join(&left)
        },
    );
}
