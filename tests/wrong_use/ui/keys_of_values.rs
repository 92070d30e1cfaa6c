use tidemill_sdk::prelude::*;

#[map_values(keys = 1)]
fn negate(value: i64) -> i64 {
    -value
}

plugin!(negate);

fn main() {}
