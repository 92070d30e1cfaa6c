use tidemill_sdk::prelude::*;

#[update_state_by_key]
fn count(
    values: impl Iterator<Item = i64>,
    state: Option<i64>,
) -> Result<Option<i64>, Reject> {
    let sum = values.sum::<i64>();
    if sum < 0 {
        return Err(Reject::new("negative", "less than nothing"));
    }
    Ok(Some(sum + state.unwrap_or_default()))
}

plugin!(count);

fn main() {}
