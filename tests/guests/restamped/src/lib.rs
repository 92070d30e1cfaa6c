//! Operators named as those of `stamped`, which do not take their places: the stamp is a text, and
//! totals are kept in another way.

use tidemill_sdk::prelude::*;

/// The row's id and a text.
#[flat_map]
fn stamp(id: i64) -> impl Iterator<Item = (i64, &'static str)> {
    std::iter::once((id, "a text"))
}

/// A key of three, and a one.
#[map(keys = 1)]
fn key(id: i64) -> (i64, i64) {
    (id % 3, 1)
}

/// How many there were so far, counted from a thousand.
#[update_state_by_key(state_version = 2)]
fn total(ones: impl Iterator<Item = i64>, so_far: Option<i64>) -> Option<i64> {
    Some(ones.sum::<i64>() + so_far.unwrap_or(1_000))
}

plugin!(stamp, key, total);
