use tidemill_sdk::prelude::*;

#[update_state_by_key(keys = 1)]
fn count(values: impl Iterator<Item = i64>, state: Option<i64>) -> Option<i64> {
    Some(values.sum::<i64>() + state.unwrap_or_default())
}

plugin!(count);

fn main() {}
