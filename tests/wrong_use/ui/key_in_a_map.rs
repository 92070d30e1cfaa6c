use tidemill_sdk::prelude::*;

#[map_values]
fn length(#[key] word: &str, n: i64) -> i64 {
    word.len() as i64 + n
}

plugin!(length);

fn main() {}
