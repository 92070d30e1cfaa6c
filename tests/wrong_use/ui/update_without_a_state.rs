use tidemill_sdk::prelude::*;

#[update_state_by_key]
fn count(values: impl Iterator<Item = i64>) -> Option<i64> {
    Some(values.sum())
}

plugin!(count);

fn main() {}
