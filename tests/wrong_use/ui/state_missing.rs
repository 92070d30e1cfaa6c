use tidemill_sdk::prelude::*;

#[map_with_state]
fn running(#[key] word: &str, n: i64) -> Option<i64> {
    Some(n + word.len() as i64)
}

plugin!(running);

fn main() {}
