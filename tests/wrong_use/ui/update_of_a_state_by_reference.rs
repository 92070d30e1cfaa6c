use tidemill_sdk::prelude::*;

#[update_state_by_key]
fn count(values: impl Iterator<Item = i64>, state: &mut State<i64>) -> Option<i64> {
    Some(values.sum::<i64>() + state.get().copied().unwrap_or_default())
}

plugin!(count);

fn main() {}
