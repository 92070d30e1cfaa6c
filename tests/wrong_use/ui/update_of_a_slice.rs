use tidemill_sdk::prelude::*;

#[update_state_by_key]
fn count(values: &[i64], state: Option<i64>) -> Option<i64> {
    Some(values.iter().sum::<i64>() + state.unwrap_or_default())
}

plugin!(count);

fn main() {}
