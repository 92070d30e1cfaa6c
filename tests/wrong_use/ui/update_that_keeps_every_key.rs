use tidemill_sdk::prelude::*;

#[update_state_by_key]
fn count(values: impl Iterator<Item = i64>, state: Option<i64>) -> i64 {
    values.sum::<i64>() + state.unwrap_or_default()
}

plugin!(count);

fn main() {}
