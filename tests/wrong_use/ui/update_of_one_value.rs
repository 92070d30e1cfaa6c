use tidemill_sdk::prelude::*;

#[update_state_by_key]
fn count(value: i64, state: Option<i64>) -> Option<i64> {
    Some(value + state.unwrap_or_default())
}

plugin!(count);

fn main() {}
