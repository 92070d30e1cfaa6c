use tidemill_sdk::prelude::*;

#[map_with_state]
fn running(n: i64, sum: &State<i64>) -> i64 {
    n + sum.get().copied().unwrap_or_default()
}

plugin!(running);

fn main() {}
