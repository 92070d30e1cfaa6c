use tidemill_sdk::prelude::*;

#[map(state_version = 2)]
fn double(n: i64) -> i64 {
    2 * n
}

plugin!(double);

fn main() {}
